"""Carrying out a preview that a person has decided (rule 11.1).

The run that carries it out plans like any other, with the settings that are in effect by then. What comes out just
as it was shown goes the way that the person chose, in the very row that was shown. All else has moved since: it is
planned again, says so by having no decision, and stands under the brake.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from connectors.contract import WriteKind

from ..models import LINK_CHANGE, Hold, Operation, OperationState
from .bulk import as_json, update_rows
from .context import Slice
from .declining import decline, keep_apart

TAKEN_UP = (
    "decided_by",
    "decided_at",
    "run_id",
    "link_id",
    "state",
    "hold",
    "seen_a",
    "seen_b",
    "seen_seq",
    "planned_at",
    "ended_at",
    "remote_id",
)


def decided(work: Slice, operations: Sequence[Operation]) -> list[Operation]:
    """Those of them that are new to people. Rows that were decided take the place of the others. Within `fenced`."""
    assert work.run is not None
    ends = {
        side: {end for op in operations if op.link is not None and (end := getattr(op.link, f"{side}_id")) is not None}
        for side in ("a", "b")
    }
    if not operations:
        return []
    wanted = Q(a_id__in=list(ends["a"])) | Q(b_id__in=list(ends["b"]))
    rows = Operation.objects.filter(wanted, run_id=work.run.preview_id, hold=Hold.PREVIEW)
    shown = {(row.kind, row.side, row.a_id, row.b_id): row for row in rows}
    parted = {
        end: row
        for row in shown.values()
        if row.kind == LINK_CHANGE and row.state == OperationState.DECLINED
        for end in (("a", row.a_id), ("b", row.b_id))
    }
    by, before = _decision(work), _taken_up_before(work, operations)
    new: list[Operation] = []
    moved: list[Operation] = []
    for op in operations:
        link = op.link
        assert link is not None
        row = shown.get((op.kind, op.side, link.a_id, link.b_id)) or before.get((op.link_id, op.kind, op.side))
        link_row = parted.get(("a", link.a_id)) or parted.get(("b", link.b_id))
        if op.kind == WriteKind.CREATE and link_row is not None:
            keep_apart(link, link_row.decided_by)
        elif row is None:
            new.append(op)
        else:
            moved.append(row)
            if not _take_up(work, op, row, by):
                new.append(op)
    update_rows(moved, TAKEN_UP)
    work.count("again", len(new))
    return new


def _taken_up_before(work: Slice, operations: Sequence[Operation]) -> dict[tuple[int | None, str, str], Operation]:
    """Rows that this run has taken up, and whose links it looks at once more before they were sent: a long run comes
    across a link from both its sides. What comes out just as it was shown is still what the person approved."""
    assert work.run is not None
    rows = Operation.objects.filter(
        run=work.run, link__in=[op.link_id for op in operations], state=OperationState.SUPERSEDED
    ).exclude(decided_at=None)
    return {(row.link_id, row.kind, row.side): row for row in rows.order_by("pk")}


def _decision(work: Slice) -> tuple[str, datetime | None]:
    """Who decided on the preview, and when. It is not written into each of its operations at once: they are many."""
    assert work.run is not None and work.run.preview is not None
    return work.run.preview.decided_by, work.run.preview.decided_at


def _take_up(work: Slice, op: Operation, row: Operation, by: tuple[str, datetime | None]) -> bool:
    """False where it is not what was shown any more. `by`: who decided on the whole of it, and when."""
    assert op.link is not None
    now = work.clock.now()
    row.run_id, row.link_id, row.hold = op.run_id, op.link_id, ""
    if row.decided_at is None:
        row.decided_by, row.decided_at = by
    if [row.changes, row.strands] != json.loads(as_json([op.changes, op.strands])):
        row.state, row.ended_at = OperationState.SUPERSEDED, now
        return False
    if row.state == OperationState.DECLINED:
        row.ended_at = now
        decline(row, op.link, row.decided_by)
        return True
    row.state, row.planned_at, row.ended_at = OperationState.PLANNED, now, None
    row.seen_a, row.seen_b, row.seen_seq, row.remote_id = op.seen_a, op.seen_b, op.seen_seq, op.remote_id
    return True


def end_decisions(work: Slice) -> None:
    """The run is over: what was approved and did not come up again has nothing left to do. Within `fenced`."""
    assert work.run is not None
    left = Operation.objects.filter(run_id=work.run.preview_id, hold=Hold.PREVIEW)
    by, at = _decision(work)
    told = {"ended_at": work.clock.now(), "decided_by": by, "decided_at": at}
    left.filter(state=OperationState.HELD).exclude(kind=LINK_CHANGE).update(state=OperationState.SUPERSEDED, **told)
    left.filter(state=OperationState.HELD).update(state=OperationState.DONE, **told)
    left.update(hold="")
