"""Carrying out an undo: its operations among all others, and what becomes of the ones that it takes back (11.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Exists, OuterRef

from connectors.contract import Record, Written

from ..core.mapping import Side
from ..core.rules import Rules
from ..core.scope import Condition
from ..core.states import RecordState
from ..core.undo import Left, still_to_undo
from ..models import (
    Decision,
    FormerEnd,
    Operation,
    OperationState,
    RecordLink,
    RemoteRecord,
    RunKind,
    RunState,
    SyncRun,
)
from ..models.run import OPEN
from .bulk import insert_rows, update_rows
from .context import Slice
from .memory import planned_from_json, planned_to_json
from .passing import REMOVALS


def sort_out(
    work: Slice, side: Side, operations: Sequence[Operation], known: Mapping[str, RemoteRecord], rules: Rules
) -> tuple[list[Operation], list[tuple[Operation, Written]]]:
    """(those that are still to be sent, those whose effect is there already). The rest is left alone, with its reason.

    An undo that was cut off is simply looked at once more. Within `fenced`.
    """
    todo: list[Operation] = []
    arrived: list[tuple[Operation, Written]] = []
    left: list[Operation] = []
    for op in operations:
        record = known.get(op.remote_id or "")
        if op.kind in REMOVALS:
            if record is None or record.gone:
                arrived.append((op, Written(op.remote_id or "")))
            elif not record.pristine:
                left.append(_leave(work, op, Left.TOUCHED))
            else:
                todo.append(op)
        elif record is None or record.gone:
            left.append(_leave(work, op, Left.GONE))
        else:
            remaining = still_to_undo(op.changes, planned_from_json(op.strands), rules, side, record.values)
            op.changes = [dict(change) for change in remaining.todo or remaining.back or op.changes]
            op.strands = planned_to_json(remaining.strands)
            if remaining.todo:
                todo.append(op)
            elif remaining.back:
                arrived.append((op, Written(record.remote_id, Record(record.remote_id, record.values, record.version))))
            else:
                left.append(_leave(work, op, Left.EDITED))
    update_rows([*todo, *(op for op, _ in arrived)], ["changes", "strands"])
    update_rows(left, ["state", "error", "ended_at"])
    RecordLink.objects.filter(pk__in=[op.link_id for op in left]).update(replan=True)
    return todo, arrived


def _leave(work: Slice, op: Operation, why: Left) -> Operation:
    op.state, op.error, op.ended_at = OperationState.REFUSED, why.value, work.clock.now()
    return op


def ended(work: Slice, side: Side, operations: Iterable[Operation]) -> None:
    """These were carried out: what they take back is undone. Within `fenced`, before the links are stored."""
    undoing = [op for op in operations if op.undoes]
    if not undoing:
        return
    originals = Operation.objects.in_bulk([pk for op in undoing for pk in op.undoes])
    for op in undoing:
        fields = {change["field"] for change in op.changes}
        for pk in op.undoes:
            if pk in originals:
                _mark(originals[pk], fields, whole=op.kind in REMOVALS)
    update_rows(list(originals.values()), ["state", "changes"])
    removed = [op for op in undoing if op.kind in REMOVALS]
    if removed:
        _close(work, side, removed)


def _mark(original: Operation, fields: set[str], *, whole: bool) -> None:
    original.changes = [
        change | {"undone": True} if whole or change["field"] in fields else change for change in original.changes
    ]
    if all(change.get("undone") for change in original.changes):
        original.state = OperationState.UNDONE


def _close(work: Slice, side: Side, removed: Sequence[Operation]) -> None:
    """The link of a creation that was undone closes; what it was made from is not copied there again by itself."""
    now = work.clock.now()
    alone: list[RecordLink] = []
    former: list[FormerEnd] = []
    for op in removed:
        link: Any = op.link
        link.closed_at, link.state, link.cause, link.detail = now, RecordState.CLOSED.value, "", ""
        link.decision, link.replan = Decision.UNDONE.value, False
        other = link.end(side.other)
        if other is not None:
            row = RecordLink(
                pair_id=link.pair_id, label=link.label, created_at=now, decision=Decision.UNDONE.value,
                decided_by=op.decided_by, state=RecordState.EXCLUDED.value, cause=Condition.UNDONE.value,
                detail=op.decided_by, replan=True, **{f"{side.other.value}_id": other},
            )  # fmt: skip
            alone.append(row)
            # Somebody may restore it in its app.
            former.append(FormerEnd(pair_id=link.pair_id, side=side.value, remote_id=link.end(side), link=row))
    # The row of a closed link lets go of its records before others take them up.
    update_rows([op.link for op in removed], ["closed_at"])  # type: ignore[misc]
    insert_rows(alone)
    FormerEnd.objects.bulk_create(former, ignore_conflicts=True)


def finish(work: Slice) -> None:
    """Undos of which nothing is left to do are over. Within `fenced`."""
    open_ = Operation.objects.filter(run=OuterRef("pk"), state__in=OPEN)
    running = SyncRun.objects.filter(sync=work.sync, kind=RunKind.UNDO, state=RunState.RUNNING)
    running.filter(~Exists(open_)).update(state=RunState.DONE, finished_at=work.clock.now())
