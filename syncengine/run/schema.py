"""What both accounts offer, looked at again with each run: only the mapping concerned stops (rules 9.2 and 9.4)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from connectors import accounts
from connectors.contract import Client, Resource, ResourceGone
from connectors.models import AccountObject

from ..core.filter_faults import fault_of, obstacle_of
from ..core.mapping import Side
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
    """Why a person should look at a sync some of whose mappings carry nothing any more, or whose filters ask for what
    is not there any more, as fields of `Sync`."""
    broken = list(rules.broken.values())
    unmet, changed = gone_conditions(rules)
    if not broken and not unmet and not changed:
        return {}
    said: list[str] = []
    if broken:
        head = ngettext(
            "%(count)d field mapping is paused: the rest goes on.",
            "%(count)d field mappings are paused: the rest goes on.",
            len(broken),
        ) % {"count": len(broken)}
        said += [head, *dict.fromkeys(broken)]
    if unmet:
        said += [_("A filter cannot be judged as it was chosen, and what it asks for counts as not met."), *unmet]
    if changed:
        said += [_("A filter names an option that is gone, and goes on by the values that records hold."), *changed]
    return {"attention": Attention.OBJECT_GONE, "attention_reason": " ".join(said)}


def gone_conditions(rules: Rules) -> tuple[list[str], list[str]]:
    """Conditions of filters that can no longer be chosen as they are, each in a sentence: those that cannot be
    judged any more, and those that can."""
    filters = rules.settings.filters
    ends = ((filters.a, rules.resources[Side.A]), (filters.b, rules.resources[Side.B]))
    conditions = [(condition, resource) for filter_, resource in ends for condition in filter_.conditions]
    unmet = dict.fromkeys(fault for one in conditions if (fault := obstacle_of(*one)))
    changed = dict.fromkeys(fault for one in conditions if not obstacle_of(*one) and (fault := fault_of(*one)))
    return list(unmet), list(changed)
