"""A record is something new, stays out, or is matched as if nothing had been said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Q
from django.utils.translation import gettext as _

from ..core.mapping import Side
from ..core.scope import Condition, may_create
from ..models import Decision, FormerEnd, KeptApart, RecordLink, Sync
from ..services import SyncError, resources_of
from .rows import plan_no_more, plan_soon, rows_alone, side_of, stay_out, store
from .turns import deciding


def create_new(sync: Sync, links: Iterable[RecordLink], *, actor: str) -> int:
    """Each is something new: kept apart from all that it might be, and created on the other side.

    It also takes back that a record was left out, kept apart, or undone. Raises SyncError where the direction or the
    other app forbids it (rule 2.1).
    """
    with deciding(sync):
        rows = rows_alone(sync, links)
        for side in {side_of(row) for row in rows}:
            refuse_creation(sync, side.other)
        return create_rows(sync, rows, actor)


def create_rows(sync: Sync, rows: Sequence[RecordLink], actor: str) -> int:
    _keep_from_candidates(rows, actor)
    ends = Q()
    for row in rows:
        row.candidates = []
        row.decision, row.decided_by = Decision.CREATE.value, actor
        plan_soon(row)
    for side in Side:
        ids = [row.end(side) for row in rows if side_of(row) is side]
        ends |= Q(side=side.value, remote_id__in=ids)
    FormerEnd.objects.filter(ends, pair_id=sync.pair_id).delete()
    store(rows)
    return len(rows)


def leave_out(sync: Sync, links: Iterable[RecordLink], *, actor: str) -> int:
    """They take no part, in matching neither, until a person says otherwise (`reopen`, `create_new`)."""
    with deciding(sync):
        rows = rows_alone(sync, links)
        plan_no_more(rows)
        for row in rows:
            stay_out(row, Decision.LEFT_OUT, actor)
        store(rows)
        return len(rows)


def reopen(sync: Sync, links: Iterable[RecordLink], *, actor: str) -> int:
    """Take back that they were left out or kept apart: they are matched as if nothing had been said."""
    with deciding(sync):
        rows = rows_alone(sync, links)
        ends = Q(a_id__in=[row.a_id for row in rows if row.a_id]) | Q(b_id__in=[row.b_id for row in rows if row.b_id])
        KeptApart.objects.filter(ends, pair_id=sync.pair_id).delete()
        for row in rows:
            row.decision, row.decided_by = "", ""
            plan_soon(row)
        store(rows)
        return len(rows)


def refuse_creation(sync: Sync, target: Side) -> None:
    """Raises SyncError, with the reason, where records of the other side are never made on this one."""
    resource, settings = resources_of(sync)[target], sync.settings
    forbidden = may_create(settings, target, resource)
    if forbidden is None:
        return
    if forbidden.condition is Condition.DIRECTION:
        raise SyncError(_("The direction of this sync does not allow writing to “%(name)s”.") % _named(sync, target))
    raise SyncError(_("“%(name)s” takes no new records of this kind.") % _named(sync, target))


def _named(sync: Sync, side: Side) -> dict[str, str]:
    return {"name": sync.pair.stream(side).object.account.name}


def _keep_from_candidates(rows: Sequence[RecordLink], actor: str) -> None:
    KeptApart.objects.bulk_create(
        [
            KeptApart(pair_id=row.pair_id, by=actor, a_id=row.a_id or other, b_id=row.b_id or other)
            for row in rows
            for other in row.candidates
        ],
        ignore_conflicts=True,
        batch_size=2000,
    )
