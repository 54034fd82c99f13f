"""Records that were merged into others in their app: the link moves to the survivor, and nothing is deleted (rule 8.5).

Where the survivor stands in a link of its own, two links would become one: that is put to a person, who merges the
two records of the other side there, or keeps the one that lost its counterpart unlinked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..core.mapping import Side
from ..models import Decision, FormerEnd, KeptApart, Operation, OperationState, RecordLink, RemoteRecord, Wish
from .context import Slice
from .matching import drop_rows
from .sights import Sights

Ids = Mapping[Side, set[str]]
MOVED = [
    "a_id", "b_id", "baseline_a", "baseline_b", "notes", "parked", "replan", "wish", "decision", "closed_at", "state",
]  # fmt: skip


def follow(work: Slice, ids: Ids, sights: Sights) -> tuple[dict[Side, set[str]], set[int]]:
    """Move links of merged records among these. Within `lease.fenced`.

    Answers the ids with those of survivors and of the other ends, and links that have to wait for an answer first.
    """
    wider = {side: set(ids[side]) for side in Side}
    losers = {side: {i for i, r in sights.of(side, ids[side]).items() if r.gone and r.merged_into} for side in Side}
    if not any(losers.values()):
        return wider, set()
    merging = _Merging(work)
    merging.load(losers)
    for link in sorted(merging.links, key=lambda link: link.pk):
        merging.move(link)
    for link in merging.links:
        for side in Side:
            end = link.end(side)
            if link.closed_at is None and end is not None:
                wider[side].add(end)
    return wider, merging.waiting


@dataclass(slots=True)
class _Merging:
    """Links of merged records, and those that stand where they have to go."""

    work: Slice
    links: list[RecordLink] = field(default_factory=list)
    waiting: set[int] = field(default_factory=set)
    _survivors: dict[Side, dict[str, str]] = field(default_factory=dict)
    _at: dict[tuple[Side, str], RecordLink] = field(default_factory=dict)
    _sending: set[int] = field(default_factory=set)

    def load(self, losers: Ids) -> None:
        self.links = self._open(losers)
        for side in Side:
            ends = {e for link in self.links if (e := link.end(side)) is not None}
            self._survivors[side] = _survivors(self.work, side, ends)
        there = self._open({side: set(self._survivors[side].values()) for side in Side})
        for side in Side:  # What stands in the way may be on the move itself.
            ends = {e for link in there if (e := link.end(side)) is not None}
            self._survivors[side] |= _survivors(self.work, side, ends)
        for link in (*there, *self.links):
            self._place(link)
        sending = Operation.objects.filter(link__in=[link.pk for link in there], state=OperationState.SENDING)
        self._sending = set(sending.values_list("link_id", flat=True))

    def move(self, link: RecordLink) -> None:
        goal = self._goal(link)
        moving = [side for side in Side if goal[side] != link.end(side)]
        if not moving or link.closed_at is not None:
            return
        others = {side: other for side in moving if (other := self._other(side, goal[side], link)) is not None}
        whole = {side: other for side, other in others.items() if other.is_whole}
        if any(other.pk in self._sending for other in others.values()):
            self.waiting.add(link.pk)
        elif not link.is_whole and others:
            self._join(link, next(iter(others.values())), moving)
        elif any(self._goal(other) == goal for other in whole.values()):
            self._join(link, next(o for o in whole.values() if self._goal(o) == goal), moving)
        elif whole and link.wish == Wish.KEEP_APART:
            self._keep_apart(link, whole)
        elif not whole:
            self._go(link, goal, moving, list(others.values()))

    def _go(
        self, link: RecordLink, goal: Mapping[Side, str | None], moving: Iterable[Side], rows: list[RecordLink]
    ) -> None:
        """To the survivors. What they have become counts as an edit there: the baselines stay."""
        drop_rows({row.pk: link for row in rows})
        for row in rows:
            self._remove(row)
        self._remove(link)
        for side in moving:
            self._remember(link, side, str(link.end(side)))
            link.set_end(side, goal[side])
        link.replan = True
        self._place(link)
        link.save(update_fields=MOVED)

    def _join(self, link: RecordLink, other: RecordLink, moving: Iterable[Side]) -> None:
        """Both are the same by now: the other one goes on."""
        self._remove(link)
        for side in moving:
            self._remember(other, side, str(link.end(side)))
        FormerEnd.objects.filter(link=link).update(link=other)
        link.closed_at, link.state, link.wish = self.work.clock.now(), "closed", ""
        link.save(update_fields=MOVED)
        RecordLink.objects.filter(pk=other.pk).update(replan=True)

    def _keep_apart(self, link: RecordLink, whole: Mapping[Side, RecordLink]) -> None:
        """A person wants what is left of this link to go on alone (rules 5.8 and 8.5)."""
        self._remove(link)
        left = [side for side in Side if side not in whole]
        for side, other in whole.items():
            self._remember(other, side, str(link.end(side)))
            if left and (survivor := other.end(side)) is not None:
                kept = str(link.end(side.other))
                a, b = (survivor, kept) if side is Side.A else (kept, survivor)
                KeptApart.objects.get_or_create(pair_id=link.pair_id, a_id=a, b_id=b)
        if left:
            for side in whole:
                link.set_end(side, None)
            link.decision = Decision.KEPT_APART
            link.baseline_a, link.baseline_b, link.notes, link.parked = {}, {}, {}, {}
        else:
            link.closed_at, link.state = self.work.clock.now(), "closed"
        link.wish, link.replan = "", True
        self._place(link)
        link.save(update_fields=MOVED)

    def _goal(self, link: RecordLink) -> dict[Side, str | None]:
        ends = {side: link.end(side) for side in Side}
        return {side: self._survivors[side].get(end, end) if end is not None else None for side, end in ends.items()}

    def _other(self, side: Side, id_: str | None, link: RecordLink) -> RecordLink | None:
        found = self._at.get((side, id_ or ""))
        return found if found is not None and found.pk != link.pk else None

    def _open(self, ids: Ids) -> list[RecordLink]:
        links = RecordLink.objects.filter(pair=self.work.sync.pair, closed_at=None)
        found = {link.pk: link for link in links.filter(a_id__in=ids[Side.A])} if ids[Side.A] else {}
        found |= {link.pk: link for link in links.filter(b_id__in=ids[Side.B])} if ids[Side.B] else {}
        return list(found.values())

    def _place(self, link: RecordLink) -> None:
        for side in Side:
            end = link.end(side)
            if end is not None and link.closed_at is None:
                self._at[(side, end)] = link

    def _remove(self, link: RecordLink) -> None:
        for side in Side:
            end = link.end(side)
            if end is not None and self._at.get((side, end)) is link:
                del self._at[(side, end)]

    def _remember(self, link: RecordLink, side: Side, id_: str) -> None:
        """The one that is no more is never copied as if it were new (rule 5.9)."""
        FormerEnd.objects.update_or_create(
            pair_id=link.pair_id, side=side.value, remote_id=id_, defaults={"link_id": link.pk}
        )


def _merged(work: Slice, side: Side, ids: Iterable[str]) -> dict[str, str]:
    """Those of these that were merged → what they were merged into."""
    wanted = list(ids)
    if not wanted:
        return {}
    rows = RemoteRecord.objects.filter(stream=work.streams[side], remote_id__in=wanted, gone=True)
    return dict(rows.exclude(merged_into="").values_list("remote_id", "merged_into"))


def _survivors(work: Slice, side: Side, ids: Iterable[str]) -> dict[str, str]:
    """Where each of these has ended, over any number of merges one after another."""
    into: dict[str, str] = {}
    frontier = set(ids)
    starts = list(frontier)
    while found := _merged(work, side, frontier):
        into |= found
        frontier = set(found.values()) - set(into)
    survivors = {}
    for start in starts:
        seen, now = {start}, start
        while (after := into.get(now)) is not None and after not in seen:
            seen.add(after)
            now = after
        survivors[start] = now
    return survivors
