"""Two records are the same thing, or are not (rules 5.8 and 5.9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from ..core.mapping import Side
from ..core.resolve import Place
from ..core.states import RecordState
from ..models import Decision, FormerEnd, KeptApart, RecordLink, Sync
from ..run.bulk import insert_rows
from ..run.matching import drop_rows
from ..services import SyncError
from .rows import all_ends, ends_alive, plan_no_more, plan_soon, refuse_sending, rows_with, stay_out, store
from .turns import deciding


def link_records(sync: Sync, *, a_id: str, b_id: str, actor: str) -> RecordLink:
    """Two records that have no other end are the same thing from now on. Their values are compared for the first time.

    Raises SyncError: one of them is not there, is linked already, or is being written at this moment.
    """
    with deciding(sync):
        rows = rows_with(sync, {Side.A: {a_id}, Side.B: {b_id}})
        refuse_unlinkable(sync, (a_id, b_id), rows)
        return link_pairs(sync, [(a_id, b_id)], rows, actor)[0]


def keep_apart(sync: Sync, *, a_id: str, b_id: str, actor: str) -> None:
    """These two are not the same, and never linked by themselves. Two that are linked are parted: neither is copied
    until a person says so (`create_new`). One that has no candidate left stays out the same way.

    Raises SyncError: no such record, or it is being written at this moment.
    """
    with deciding(sync):
        rows = rows_with(sync, {Side.A: {a_id}, Side.B: {b_id}})
        found = {side: rows.get((side, id_)) for side, id_ in ((Side.A, a_id), (Side.B, b_id))}
        if None in found.values():
            raise SyncError(_("There is no such record."))
        refuse_sending([row for row in found.values() if row is not None])
        KeptApart.objects.get_or_create(pair_id=sync.pair_id, a_id=a_id, b_id=b_id, defaults={"by": actor})
        if found[Side.A] == found[Side.B]:
            _part(sync, rows[(Side.A, a_id)], actor)
            return
        for side, row in found.items():
            assert row is not None
            other = b_id if side is Side.A else a_id
            if row.is_whole:
                continue
            left = [c for c in row.candidates if c != other]
            if left or row.decision:
                row.candidates, row.replan = left, True
            else:
                plan_no_more([row])
                stay_out(row, Decision.KEPT_APART, actor)
        store([row for row in found.values() if row is not None])


def _part(sync: Sync, link: RecordLink, actor: str) -> None:
    """The link closes with its journal; each of its records goes on with a row of its own."""
    plan_no_more([link])
    now = timezone.now()
    alone = [
        RecordLink(pair_id=link.pair_id, label=link.label, created_at=now, **{f"{side.value}_id": link.end(side)})
        for side in Side
    ]
    link.closed_at, link.state, link.cause, link.detail = now, RecordState.CLOSED.value, "", ""
    link.decision, link.decided_by, link.replan = Decision.KEPT_APART.value, actor, False
    link.save()
    for row in alone:
        stay_out(row, Decision.KEPT_APART, actor)
    insert_rows(alone)


def link_pairs(
    sync: Sync, pairs: Sequence[tuple[str, str]], rows: Mapping[Place, RecordLink], actor: str
) -> list[RecordLink]:
    """What is known of them was checked before."""
    now = timezone.now()
    kept: list[RecordLink] = []
    new: list[RecordLink] = []
    dropped: dict[int, RecordLink] = {}
    former: list[FormerEnd] = []
    concerned = [row for a, b in pairs for row in (rows.get((Side.A, a)), rows.get((Side.B, b))) if row is not None]
    plan_no_more(concerned)
    for a, b in pairs:
        row_a, row_b = rows.get((Side.A, a)), rows.get((Side.B, b))
        link = row_b if row_b is not None and row_b.is_whole else row_a or row_b
        if link is None:
            link = RecordLink(pair_id=sync.pair_id, created_at=now)
            new.append(link)
        else:
            kept.append(link)
            if row_a is not None and row_b is not None:
                dropped[(row_b if link is row_a else row_a).pk] = link
            if link.is_whole:  # The end that was deleted gives way.
                side = Side.A if link is row_b else Side.B
                former.append(FormerEnd(pair_id=sync.pair_id, side=side.value, remote_id=link.end(side), link=link))
        link.a_id, link.b_id = a, b
        link.made_by, link.decision, link.decided_by = "person", "", actor
        link.baseline_a, link.baseline_b, link.notes, link.parked = {}, {}, {}, {}
        plan_soon(link)
    ends = Q(side="a", remote_id__in=[a for a, _b in pairs]) | Q(side="b", remote_id__in=[b for _a, b in pairs])
    FormerEnd.objects.filter(ends, pair_id=sync.pair_id).delete()
    FormerEnd.objects.bulk_create(former, ignore_conflicts=True)
    apart = KeptApart.objects.filter(pair_id=sync.pair_id, a_id__in=[a for a, _b in pairs])
    overruled = {(a, b) for a, b in pairs}
    KeptApart.objects.filter(pk__in=[row.pk for row in apart if (row.a_id, row.b_id) in overruled]).delete()
    drop_rows(dropped)
    store(kept)
    insert_rows(new)
    return [*kept, *new]


def refuse_unlinkable(sync: Sync, pair: tuple[str, str], rows: Mapping[Place, RecordLink]) -> None:
    alive = ends_alive(sync, {Side.A: {pair[0]}, Side.B: {pair[1]}})
    for side, id_ in zip(Side, pair, strict=True):
        name = f"{side.value}_id"
        if (side, id_) not in alive:
            raise SyncError({name: _("There is no such record in the app, or it was not read yet.")})
        row = rows.get((side, id_))
        if (
            row is not None
            and row.is_whole
            and (side.other, str(row.end(side.other))) in ends_alive(sync, all_ends([row]))
        ):
            raise SyncError({name: _("“%(name)s” is linked already. Part it first.") % {"name": str(row)}})
    whole = [row for row in rows.values() if row.is_whole]
    if len({row.pk for row in whole}) > 1:
        raise SyncError(_("Both are ends of links whose other ends were deleted. Close one of them first."))
    refuse_sending(rows.values())
