"""Seal all credentials of all workspaces with the newest key, so that older ones can be thrown away."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from connectors.accounts.session import binding
from connectors.models import ConnectedAccount
from connectors.vault import VaultError, vault
from tenants.context import workspace_context
from tenants.models import Workspace


class Command(BaseCommand):
    help = "Seals all stored credentials with the first key of SYNCSITE_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        sealed = failed = 0
        for workspace in list(Workspace.objects.order_by("pk")):
            with workspace_context(workspace):
                for pk in list(ConnectedAccount.objects.exclude(secrets="").values_list("pk", flat=True)):
                    try:
                        sealed += rotate(pk)
                    except VaultError as error:
                        failed += 1
                        self.stderr.write(f"{workspace.slug}, account {pk}: {error}")
        self.stdout.write(f"{sealed} sealed anew.")
        if failed:
            raise CommandError(f"{failed} could not be opened; keep the older keys.")


@transaction.atomic
def rotate(pk: int) -> bool:
    """Whether the account's secrets were sealed anew. Raises VaultError."""
    account = ConnectedAccount.objects.select_for_update().get(pk=pk)
    keys = vault()
    if not account.secrets or keys.is_current(account.secrets):
        return False
    account.secrets = keys.seal(keys.open(account.secrets, binding(account)), binding(account))
    account.save(update_fields=["secrets"])
    return True
