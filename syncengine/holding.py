"""Records and fields that a person holds still for a while (rule 9.5).

Nothing is written to them; afterwards both sides are compared with what they were before, as if no time had passed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from django.utils import timezone
from django.utils.translation import gettext as _

from .core.mapping import Side
from .core.plan import Rules
from .core.states import RecordState
from .decisions import deciding, plan_no_more
from .models import RecordLink, Sync
from .run.bulk import update_rows
from .run.scope import forget_history
from .services import SyncError, resources_of


def pause_records(sync: Sync, links: Iterable[RecordLink], *, actor: str, until: datetime | None = None) -> int:
    """Write nothing to either end of these, until then or until `resume_records`. Raises SyncError.

    What is on its way to an app at this moment still arrives.
    """
    if until is not None:
        _refuse_past(until)
    with deciding(sync):
        rows = _open(sync, links)
        plan_no_more(rows)
        for row in rows:
            forget_history(row)
            row.paused, row.paused_until, row.decided_by = True, until, actor
            row.state, row.cause, row.detail, row.replan = RecordState.PAUSED.value, "", "", True
        update_rows(
            rows,
            ["paused", "paused_until", "decided_by", "state", "cause", "detail", "replan", "baseline_a", "baseline_b"],
        )
        return len(rows)


def resume_records(sync: Sync, links: Iterable[RecordLink], *, actor: str) -> int:
    """They are compared again, with their old baselines. How many were paused."""
    with deciding(sync):
        rows = [row for row in _open(sync, links) if row.paused]
        for row in rows:
            row.paused, row.paused_until, row.replan = False, None, True
            row.state = RecordState.WAITING.value
        update_rows(rows, ["paused", "paused_until", "replan", "state"])
        return len(rows)


def pin_field(sync: Sync, link: RecordLink, *, side: Side, field: str, until: datetime, actor: str) -> None:
    """Write nothing to this field of this side until then. What is edited there still goes to the other side.

    Raises SyncError, by field.
    """
    _refuse_past(until)
    with deciding(sync):
        (row,) = _open(sync, [link])
        if row.end(side) is None:
            raise SyncError({"side": _("There is no record on this side.")})
        if field not in pinnable(sync, side):
            raise SyncError({"field": _("Nothing is written to this field by this sync.")})
        plan_no_more([row])
        pins = {**row.pins.get(side.value, {}), field: until.astimezone(UTC).isoformat()}
        row.pins = {**row.pins, side.value: pins}
        row.replan = True
        update_rows([row], ["pins", "replan"])


def unpin_field(sync: Sync, link: RecordLink, *, side: Side, field: str, actor: str) -> None:
    """Before its time. One that is not pinned stays as it is."""
    with deciding(sync):
        (row,) = _open(sync, [link])
        left = {name: until for name, until in row.pins.get(side.value, {}).items() if name != field}
        others = {s: fields for s, fields in row.pins.items() if s != side.value}
        row.pins = {**others, side.value: left} if left else others
        row.replan = True
        update_rows([row], ["pins", "replan"])


def pinnable(sync: Sync, side: Side) -> frozenset[str]:
    """Fields of this side that the sync may write."""
    if sync.active is None:
        return frozenset()
    resources = resources_of(sync)
    rules = Rules(sync.active.load(), resources[Side.A], resources[Side.B])
    return frozenset(name for lens in rules.lenses if lens.direction.allows(side) for name in lens.field_names(side))


def _refuse_past(until: datetime) -> None:
    if until <= timezone.now():
        raise SyncError({"until": _("Choose a time in the future.")})


def _open(sync: Sync, links: Iterable[RecordLink]) -> list[RecordLink]:
    pks = {link.pk for link in links}
    rows = list(RecordLink.objects.filter(pk__in=pks, pair_id=sync.pair_id, closed_at=None).order_by("pk"))
    if not pks or len(rows) < len(pks):
        raise SyncError(_("There is no such record."))
    return rows
