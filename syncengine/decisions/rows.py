"""The rows that decisions are about, read and stored by the set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from ..core.mapping import Side
from ..core.resolve import Place
from ..core.states import RecordState
from ..models import Decision, Hold, Operation, OperationState, RecordLink, RemoteRecord, Sync
from ..run.bulk import update_rows
from ..services import SyncError

NOT_BEGUN = (OperationState.PLANNED, OperationState.HELD)

STORED = [
    "a_id", "b_id", "state", "cause", "detail", "candidates", "baseline_a", "baseline_b", "notes", "parked", "replan",
    "next_try_at", "attempts", "made_by", "decision", "decided_by",
]  # fmt: skip


def store(rows: Sequence[RecordLink]) -> None:
    update_rows(rows, STORED)


def plan_soon(row: RecordLink) -> None:
    """Its state until the engine has looked at it."""
    row.replan, row.attempts, row.next_try_at = True, 0, None
    row.state, row.cause, row.detail = RecordState.WAITING.value, "", ""
    row.candidates = []


def stay_out(row: RecordLink, why: Decision, actor: str) -> None:
    row.decision, row.decided_by = why.value, actor
    row.state, row.cause, row.detail = RecordState.EXCLUDED.value, why.value, actor
    row.candidates, row.replan, row.next_try_at = [], True, None


def plan_no_more(rows: Sequence[RecordLink]) -> None:
    """What was planned from what is not so any more is not sent."""
    Operation.objects.filter(link__in=[row.pk for row in rows], state__in=NOT_BEGUN).exclude(hold=Hold.PREVIEW).update(
        state=OperationState.SUPERSEDED, ended_at=timezone.now()
    )


def rows_with(sync: Sync, ids: Mapping[Side, set[str]]) -> dict[Place, RecordLink]:
    """Open rows with one of these records at an end."""
    ends = Q(a_id__in=list(ids[Side.A])) | Q(b_id__in=list(ids[Side.B]))
    found: dict[Place, RecordLink] = {}
    for row in RecordLink.objects.filter(ends, pair_id=sync.pair_id, closed_at=None):
        found |= {(side, end): row for side in Side if (end := row.end(side)) is not None}
    return found


def rows_alone(sync: Sync, links: Iterable[RecordLink]) -> list[RecordLink]:
    """These as they are now. Raises SyncError: one of them has another end by now, or another decision than when it
    was looked at, or is being written."""
    decided = {link.pk: link.decision for link in links}
    pks = list(decided)
    rows = list(RecordLink.objects.filter(pk__in=pks, pair_id=sync.pair_id, closed_at=None).order_by("pk"))
    if not pks or len(rows) < len(set(pks)):
        raise SyncError(_("There is no such record."))
    changed = next((row for row in rows if row.decision != decided[row.pk]), None)
    if changed is not None:
        raise SyncError(_("Somebody has decided about “%(name)s” meanwhile.") % {"name": str(changed)})
    linked = next((row for row in rows if row.is_whole), None)
    if linked is not None:
        raise SyncError(_("“%(name)s” is linked already.") % {"name": str(linked)})
    refuse_sending(rows)
    return rows


def being_written(rows: Iterable[RecordLink]) -> set[int]:
    sending = Operation.objects.filter(link__in=[row.pk for row in rows], state=OperationState.SENDING)
    return set(sending.values_list("link_id", flat=True))


def not_being_written(rows: Sequence[RecordLink]) -> list[RecordLink]:
    sending = being_written(rows)
    return [row for row in rows if row.pk not in sending]


def refuse_sending(rows: Iterable[RecordLink]) -> None:
    rows = list(rows)
    sending = being_written(rows)
    busy = next((row for row in rows if row.pk in sending), None)
    if busy is not None:
        raise SyncError(_("“%(name)s” is being written at this moment. Try again in a minute.") % {"name": str(busy)})


def side_of(row: RecordLink) -> Side:
    """The side on which its one record stands."""
    return Side.A if row.a_id is not None else Side.B


def id_of(row: RecordLink) -> str:
    return str(row.end(side_of(row)))


def stream_id(sync: Sync, side: Side) -> int:
    return sync.pair.stream_a_id if side is Side.A else sync.pair.stream_b_id


def all_ends(rows: Iterable[RecordLink]) -> dict[Side, set[str]]:
    rows = list(rows)
    return {side: {end for row in rows if (end := row.end(side)) is not None} for side in Side}


def ends_alive(sync: Sync, ids: Mapping[Side, set[str]]) -> set[Place]:
    found: set[Place] = set()
    for side in Side:
        rows = RemoteRecord.objects.filter(stream_id=stream_id(sync, side), remote_id__in=list(ids[side]), gone=False)
        found |= {(side, id_) for id_ in rows.values_list("remote_id", flat=True)}
    return found
