"""Resync of deleted records: links that a person chose give up the end that was deleted (rule 8.2).

The rest is what every record without another end goes through: it is matched once more, else created, with the
doubts of a creation. The same link goes on with it, and remembers which record it had before.
"""

from __future__ import annotations

from ..core.mapping import Side
from ..core.scope import may_create
from ..models import FormerEnd, RecordLink, RemoteRecord, RunPhase, Wish
from .bulk import update_rows
from .context import Slice
from .lease import fenced
from .store import records_of

CHUNK = 1000
CHANGED = (
    "a_id", "b_id", "baseline_a", "baseline_b", "notes", "parked", "candidates", "replan", "wish", "attempts",
    "next_try_at",
)  # fmt: skip


def take_up(work: Slice) -> bool:
    """All resyncs that people asked for, chunk by chunk; False if the slice ended first."""
    wished = RecordLink.objects.filter(pair=work.sync.pair, wish=Wish.RESYNC).defer("provenance").order_by("pk")
    while links := list(wished[:CHUNK]):
        with fenced(work.held):
            _take_up(work, links)
        work.show(RunPhase.PLANNING)
        if work.over:
            return False
    return True


def _take_up(work: Slice, links: list[RecordLink]) -> None:
    records = {
        side: records_of(work.streams[side], [e for link in links if (e := link.end(side)) is not None])
        for side in Side
    }
    former = []
    for link in links:
        lost = [side for side in Side if _is_deleted(records[side].get(link.end(side) or ""))]
        # It may be back, or gone on both sides, or the settings forbid it by now: then it is just looked at again.
        if link.is_whole and link.closed_at is None and len(lost) == 1 and _may_write(work, lost[0]):
            former.append(leave_end(link, lost[0]))
        link.wish, link.replan, link.attempts, link.next_try_at = "", True, 0, None
    FormerEnd.objects.bulk_create(former, ignore_conflicts=True)
    update_rows(links, CHANGED)
    work.touched = True


def _is_deleted(record: RemoteRecord | None) -> bool:
    return record is not None and record.gone and not record.merged_into


def _may_write(work: Slice, side: Side) -> bool:
    return may_create(work.rules.settings, side, work.resources[side]) is None


def leave_end(link: RecordLink, side: Side) -> FormerEnd:
    """Without this end; what the two were when last in step says nothing of another record."""
    former = FormerEnd(pair_id=link.pair_id, side=side.value, remote_id=link.end(side) or "", link=link)
    link.set_end(side, None)
    link.baseline_a, link.baseline_b, link.notes, link.parked, link.candidates = {}, {}, {}, {}, []
    return former
