"""What both accounts offer, looked at again with each run: only the mapping concerned stops (rules 9.2 and 9.4)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from connectors import accounts
from connectors.contract import Client, Resource, ResourceGone
from connectors.models import AccountObject

from ..core.plan import Rules
from ..models import Stream, SyncRun
from ..models.sync import Attention

LOOK_AGAIN = timedelta(minutes=10)
"""What an account offers changes seldom: an idle poll does not ask for it each time."""


def resource_of(stream: Stream, client: Client, run: SyncRun | None, now: datetime) -> Resource:
    """The stream's object as it is now, and as a person understands it.

    Raises ResourceGone where the account does not offer it any more, else what the client raises.
    """
    obj = stream.object
    if _is_due(stream, run, now):
        accounts.look_at_objects(obj.account, client, now)
        obj.refresh_from_db(fields=["resource", "label", "missing", "seen_at", "digest"])
    if obj.missing:
        names = {"account": obj.account.name, "object": obj.label}
        raise ResourceGone(_("“%(account)s” does not offer “%(object)s” any more.") % names)
    understood = client.interpret(accounts.snapshot_of(obj), accounts.meaning_of(obj))
    return accounts.with_target_kinds(understood, obj.account_id)


def _is_due(stream: Stream, run: SyncRun | None, now: datetime) -> bool:
    """Now and then, and where a person wants to see what is there now."""
    obj = stream.object
    if run is not None and run.started_by and run.started_at >= obj.seen_at:
        return True
    return obj.missing or is_old(obj, now)


def is_old(obj: AccountObject, now: datetime) -> bool:
    """Has it to be described anew?"""
    return not timedelta(0) <= now - obj.seen_at < LOOK_AGAIN


def gone_fields(rules: Rules) -> dict[str, str]:
    """Why a person should look at a sync some of whose mappings carry nothing any more, as fields of `Sync`."""
    broken = list(rules.broken.values())
    if not broken:
        return {}
    head = ngettext(
        "%(count)d field mapping is paused: the rest goes on.",
        "%(count)d field mappings are paused: the rest goes on.",
        len(broken),
    ) % {"count": len(broken)}
    return {"attention": Attention.OBJECT_GONE, "attention_reason": " ".join([head, *dict.fromkeys(broken)])}
