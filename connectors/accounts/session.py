"""A client for an account: credentials opened, rate budget shared, failures noted on the account."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext as _

from tenants.context import current_workspace

from .. import registry
from ..budget import Budget, Lane, Rate
from ..contract import (
    Client,
    Connector,
    ConnectorBroken,
    ConnectorError,
    Manifest,
    PermissionLost,
    SettingsInvalid,
    SignInAgain,
)
from ..inputs import scrub
from ..models import AccountAction, AccountEvent, AccountState, ConnectedAccount
from ..vault import Binding, VaultError, vault

logger = logging.getLogger(__name__)

PURPOSE = "account"


class AccountEnvironment:
    """`Environment` for one account; without a budget for one that is only being tested."""

    def __init__(self, budget: Budget | None) -> None:
        self.allow_private_addresses: bool = settings.SYNCSITE_ALLOW_PRIVATE_ADDRESSES
        self.allow_files: bool = settings.SYNCSITE_ALLOW_FILES
        self._budget = budget

    def take(self, requests: int = 1) -> None:
        if self._budget:
            self._budget.take(requests)

    def slow_down(self, after: float | None) -> None:
        if self._budget:
            self._budget.slow_down(after)

    def remaining(self, requests: int, resets_after: float | None = None) -> None:
        if self._budget:
            self._budget.remaining(requests, resets_after)


@contextmanager
def open_client(account: ConnectedAccount, *, budget: Budget | None = None) -> Iterator[Client]:
    """A client for as long as the block runs; then it is closed. Without a `budget` it has one for fresh edits.

    SignInAgain and PermissionLost that leave the block are noted on the account, and every connector error
    leaves it without secrets. Raises SignInAgain at once where the account is disconnected, ConnectorBroken
    where its app is not installed, RuntimeError inside a database transaction.
    """
    refuse_in_transaction()
    connector = connector_of(account)
    environment = AccountEnvironment(budget or budget_of(account))
    try:
        secrets = open_secrets(account)
        with open_with(connector, {**account.settings, **secrets}, environment, secrets) as client:
            yield client
    except (SignInAgain, SettingsInvalid) as error:
        _note(account, AccountState.SIGN_IN, error)
        raise
    except PermissionLost as error:
        _note(account, AccountState.PERMISSION, error)
        raise


@contextmanager
def open_with(
    connector: Connector,
    values: Mapping[str, str],
    environment: AccountEnvironment,
    secrets: Mapping[str, str],
) -> Iterator[Client]:
    """A client for these values. Connector errors that leave the block are cleared of `secrets`."""
    client = None
    try:
        client = connector.connect(values, environment)
        yield client
    except ConnectorError as error:
        _clear(error, secrets)
        raise
    finally:
        if client is not None:
            client.close()


def mark_state(account: ConnectedAccount, state: AccountState, reason: str = "", *, actor: str = "") -> None:
    """Note whether the account can be used, and why not; a change becomes an event."""
    changed = account.state != state
    account.state, account.state_reason = state, reason
    account.save(update_fields=["state", "state_reason"])
    if changed:
        log(account, AccountAction.STATE, actor=actor, detail=f"{AccountState(state).label}. {reason}".strip())


def log(account: ConnectedAccount, action: AccountAction, *, actor: str, detail: str = "") -> None:
    AccountEvent.objects.create(account=account, action=action, actor=actor, detail=detail)


def connector_of(account: ConnectedAccount) -> Connector:
    """Raises ConnectorBroken where the plugin of the account is not there any more."""
    try:
        return registry.connector(account.app)
    except registry.UnknownApp as error:
        raise ConnectorBroken(_("The app “%(app)s” is not installed.") % {"app": account.app}) from error


def budget_of(account: ConnectedAccount, *, lane: Lane = Lane.FRESH) -> Budget:
    """As this thread sees it."""
    manifest = connector_of(account).manifest
    return Budget(account.pk, rate_of(manifest), lane=lane, per_day=manifest.requests_per_day)


def rate_of(manifest: Manifest) -> Rate | None:
    if manifest.requests_per_second is None:
        return None
    return Rate(per_second=manifest.requests_per_second, burst=max(1, manifest.burst), window=manifest.window)


def seal_secrets(account: ConnectedAccount, secrets: Mapping[str, str]) -> str:
    """For `ConnectedAccount.secrets`; the account has to have its id already."""
    return vault().seal(secrets, binding(account))


def open_secrets(account: ConnectedAccount) -> dict[str, str]:
    """Raises SignInAgain where there are none, or no key opens them."""
    if not account.secrets:
        raise SignInAgain(_("The account is disconnected."))
    try:
        return vault().open(account.secrets, binding(account))
    except VaultError as error:
        logger.error("The secrets of account %s do not open: %s", account.pk, error)
        raise SignInAgain(_("The stored credentials cannot be opened any more.")) from error


def binding(account: ConnectedAccount) -> Binding:
    return Binding(workspace=current_workspace().schema_name, purpose=PURPOSE, owner=account.pk)


def refuse_in_transaction() -> None:
    """An app that answers slowly must never hold locks of ours. The transaction around a test does not count."""
    blocks = connection.atomic_blocks
    if connection.in_atomic_block and not (blocks and blocks[-1]._from_testcase):
        raise RuntimeError("An app is not to be asked inside a database transaction.")


def log_defect(app: str, secrets: Mapping[str, str]) -> None:
    """Log the exception at hand as a defect of the connector, without secrets."""
    logger.error("The connector %s failed.\n%s", app, scrub(traceback.format_exc(), secrets))


@contextmanager
def telling_defects(app: str, secrets: Mapping[str, str]) -> Iterator[None]:
    """Whatever else a connector raises is logged as its defect, and told as ConnectorBroken."""
    try:
        yield
    except ConnectorError:
        raise
    except Exception as error:
        log_defect(app, secrets)
        raise ConnectorBroken(_("The connector itself failed; its author should know.")) from error


def _note(account: ConnectedAccount, state: AccountState, error: ConnectorError) -> None:
    """Unless another account said so, or a person has reconnected or disconnected this one in the meantime."""
    if error.account not in (None, account.pk):
        return
    now = ConnectedAccount.objects.filter(pk=account.pk).values_list("secrets", flat=True).first()
    if account.secrets and now == account.secrets:
        mark_state(account, state, str(error))


def _clear(error: ConnectorError, secrets: Mapping[str, str]) -> None:
    error.args = tuple(scrub(part, secrets) if isinstance(part, str) else part for part in error.args)
    if isinstance(error, SettingsInvalid):
        error.errors = {name: scrub(text, secrets) for name, text in error.errors.items()}
