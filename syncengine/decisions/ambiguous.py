"""One answer to many ambiguous records (rule 5.8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from ..core.mapping import Side
from ..core.resolve import Age, Place, first_created
from ..core.states import FailureClass, RecordState
from ..models import Decision, RecordLink, RemoteRecord, Sync
from ..services import SyncError
from .creating import create_rows, refuse_creation
from .linking import link_pairs
from .rows import being_written, id_of, not_being_written, plan_no_more, rows_with, side_of, stay_out, store, stream_id
from .turns import deciding


class Answer(StrEnum):
    """One answer to many ambiguous records."""

    FIRST_CREATED = "first_created"
    """The first created of each side are linked; later doubles stay out."""
    CREATE = "create"
    """Each is created on the other side."""
    LEAVE_OUT = "leave_out"


def answer_ambiguous(sync: Sync, answer: Answer, *, actor: str, links: Iterable[RecordLink] | None = None) -> int:
    """One answer to all ambiguous records of a sync, or to these. How many were settled.

    Creating leaves those ambiguous whose other side takes no new records. Raises SyncError where that is all of them.
    """
    with deciding(sync):
        every = _ambiguous(sync)
        wanted = None if links is None else {link.pk for link in links}
        rows = [row for row in every if wanted is None or row.pk in wanted]
        rows = not_being_written(rows)
        if not rows:
            return 0
        if answer is Answer.CREATE:
            return _create_where_allowed(sync, rows, actor)
        linked = _link_first_created(sync, rows, every, actor) if answer is Answer.FIRST_CREATED else set()
        left = [row for row in rows if row.pk not in linked]
        plan_no_more(left)
        for row in left:
            stay_out(row, Decision.LEFT_OUT, actor)
        store(left)
        return len(rows)


def _create_where_allowed(sync: Sync, rows: Sequence[RecordLink], actor: str) -> int:
    refused: SyncError | None = None
    allowed: list[RecordLink] = []
    for side in Side:
        some = [row for row in rows if side_of(row) is side]
        try:
            if some:
                refuse_creation(sync, side.other)
        except SyncError as error:
            refused = error
        else:
            allowed += some
    if refused is not None and not allowed:
        raise refused
    return create_rows(sync, allowed, actor)


def _link_first_created(sync: Sync, rows: Sequence[RecordLink], every: Sequence[RecordLink], actor: str) -> set[int]:
    """Keys of the rows that stand in a link now."""
    ambiguous = {(side_of(row), id_of(row)): row.candidates for row in every}
    ids = {
        side: {id_ for s, id_ in ambiguous if s is side}
        | {c for (s, _id), candidates in ambiguous.items() if s is side.other for c in candidates}
        for side in Side
    }
    others = rows_with(sync, ids)
    linked = [place for place, row in others.items() if row.is_whole]
    asked = {(side_of(row), id_of(row)) for row in rows}
    pairs = [
        (a, b)
        for a, b in first_created(ambiguous, _ages(sync, ids), linked)
        if (Side.A, a) in asked or (Side.B, b) in asked
    ]
    sending = being_written([others[place] for a, b in pairs for place in ((Side.A, a), (Side.B, b))])
    pairs = [(a, b) for a, b in pairs if not {others[(Side.A, a)].pk, others[(Side.B, b)].pk} & sending]
    settled = {others[place].pk for a, b in pairs for place in ((Side.A, a), (Side.B, b))}
    link_pairs(sync, pairs, others, actor)
    return settled


def _ages(sync: Sync, ids: Mapping[Side, set[str]]) -> dict[Place, Age]:
    found: dict[Place, Age] = {}
    for side in Side:
        rows = RemoteRecord.objects.filter(
            stream_id=stream_id(sync, side), remote_id__in=list(ids[side]), gone=False
        ).values_list("remote_id", "created_at", "first_seq")
        found |= {(side, id_): Age.of(created, seen, id_) for id_, created, seen in rows}
    return found


def _ambiguous(sync: Sync) -> list[RecordLink]:
    rows = RecordLink.objects.filter(
        pair_id=sync.pair_id, closed_at=None, state=RecordState.FAILING, cause=FailureClass.AMBIGUOUS
    )
    return [row for row in rows.order_by("pk") if not row.is_whole]
