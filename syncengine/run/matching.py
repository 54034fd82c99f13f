"""Matching in the database: which records are worth comparing is a join over match keys, the verdict is the core's.

A record's verdict needs all its candidates, and all of theirs. So the pairs of what changed are loaded first, then
the pairs of everybody in them; more is never needed, however large the streams are (rule 5.8).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Min, Q

from connectors.contract import WriteKind

from ..core.mapping import Side
from ..core.match import Candidate, Keys, Taken, judge, shared_blocks, tier
from ..core.states import FailureClass
from ..models import FormerEnd, KeptApart, Operation, OperationState, RecordLink, RemoteRecord
from .context import Slice

_PAIRS = """
SELECT DISTINCT a.remote_id, b.remote_id, a.keys, b.keys
  FROM syncengine_remoterecord {dirty}
  JOIN syncengine_matchkey key_{dirty} ON key_{dirty}.record_id = {dirty}.id
  JOIN unnest(%(kinds_a)s::text[], %(kinds_b)s::text[]) AS kinds (a, b) ON kinds.{dirty} = key_{dirty}.kind
  JOIN syncengine_matchkey key_{other} ON key_{other}.stream_id = %(stream_{other})s
   AND key_{other}.kind = kinds.{other} AND key_{other}.value = key_{dirty}.value
  JOIN syncengine_remoterecord {other} ON {other}.id = key_{other}.record_id
 WHERE {dirty}.stream_id = %(stream_{dirty})s AND {dirty}.remote_id = ANY(%(ids)s)
   AND NOT a.gone AND NOT b.gone
"""


@dataclass(slots=True)
class _Ends:
    """Open links by the records at their ends."""

    by_end: dict[tuple[Side, str], RecordLink] = field(default_factory=dict)

    def add(self, links: Iterable[RecordLink]) -> None:
        for link in links:
            for side in Side:
                end = link.end(side)
                if end is not None:
                    self.by_end[(side, end)] = link

    def get(self, side: Side, id_: str) -> RecordLink | None:
        return self.by_end.get((side, id_))

    def all(self) -> list[RecordLink]:
        return list({link.pk: link for link in self.by_end.values()}.values())


@dataclass(frozen=True, slots=True)
class Matched:
    """What `match` leaves to be planned."""

    links: list[RecordLink]
    in_doubt: set[int]
    """Those of them that may be the answer to a creation of ours: they wait."""


def match(work: Slice, ids: Mapping[Side, set[str]]) -> Matched:
    """All links of these records, made where there were none; what is alone is matched. Within `lease.fenced`.

    A record that has no other end, and gets none, has a row of its own all the same: every record of a sync has
    a state.
    """
    pair = work.sync.pair
    alive = {side: _alive(work, side, ids[side]) for side in Side}
    ends = _Ends()
    ends.add(_links_of(work, ids))
    waiting = _made_while_in_doubt(work, alive, ends)
    single = {
        side: {i for i in alive[side] if _is_alone(ends.get(side, i)) and (side, i) not in waiting} for side in Side
    }
    widows = {
        side: {i for i in alive[side] if _is_whole(ends.get(side, i))} & _widowed(work, side, ends) for side in Side
    }
    candidates = _candidates(work, {side: single[side] | widows[side] for side in Side})
    involved = {Side.A: {c.a for c in candidates}, Side.B: {c.b for c in candidates}}
    ends.add(_links_of(work, involved))
    taken = Taken(
        {side: {i for i in involved[side] if _is_whole(ends.get(side, i))} for side in Side},
        {side: _widowed(work, side, ends) & involved[side] for side in Side},
    )
    apart = set(KeptApart.objects.filter(pair=pair, a_id__in=involved[Side.A]).values_list("a_id", "b_id"))
    candidates = [c for c in candidates if (Side.A, c.a) not in waiting and (Side.B, c.b) not in waiting]
    verdict = judge(candidates, taken, apart)
    former = _former_ends(work, single)
    _make_rows(work, ends, _wanted_rows(single, waiting, verdict.ambiguous))
    for a, b in verdict.links:
        if (Side.A, a) not in former and (Side.B, b) not in former:
            _join(work, ends, a, b)
    ambiguous = {**verdict.ambiguous, **former}
    for side in Side:
        for id_ in single[side] | {i for s, i in ambiguous if s is side}:
            link = ends.get(side, id_)
            if link is not None and not link.is_whole:
                _mark(link, ambiguous.get((side, id_), ()))
    return Matched(ends.all(), {link.pk for side, i in waiting if (link := ends.get(side, i)) is not None})


def _wanted_rows(
    single: Mapping[Side, set[str]], waiting: set[tuple[Side, str]], ambiguous: Mapping[tuple[Side, str], object]
) -> set[tuple[Side, str]]:
    return {(side, id_) for side in Side for id_ in single[side]} | waiting | set(ambiguous)


def _mark(link: RecordLink, candidates: Iterable[str]) -> None:
    link.candidates = list(candidates)
    link.cause = FailureClass.AMBIGUOUS.value if link.candidates else ""


def _is_whole(link: RecordLink | None) -> bool:
    return link is not None and link.is_whole


def _is_alone(link: RecordLink | None) -> bool:
    return link is None or not link.is_whole


def _alive(work: Slice, side: Side, ids: set[str]) -> set[str]:
    rows = RemoteRecord.objects.filter(stream=work.streams[side], remote_id__in=ids, gone=False)
    return set(rows.values_list("remote_id", flat=True))


def _links_of(work: Slice, ids: Mapping[Side, set[str]]) -> list[RecordLink]:
    return list(
        RecordLink.objects.filter(
            Q(a_id__in=ids[Side.A]) | Q(b_id__in=ids[Side.B]), pair=work.sync.pair, closed_at=None
        )
    )


def _widowed(work: Slice, side: Side, ends: _Ends) -> set[str]:
    """Ends on this side whose other end was deleted."""
    others = {
        other: id_
        for (s, id_), link in ends.by_end.items()
        if s is side and (other := link.end(side.other)) is not None
    }
    gone = RemoteRecord.objects.filter(stream=work.streams[side.other], remote_id__in=list(others), gone=True)
    return {others[other] for other in gone.values_list("remote_id", flat=True)}


def _made_while_in_doubt(work: Slice, alive: Mapping[Side, set[str]], ends: _Ends) -> set[tuple[Side, str]]:
    """New records on a side to which creations were sent whose answers are not known: each may be one of them.

    They wait until the doubt is settled (rule 10.4).
    """
    found: set[tuple[Side, str]] = set()
    for side in Side:
        since = Operation.objects.filter(
            run__sync=work.sync, state=OperationState.SENDING, kind=WriteKind.CREATE, side=side
        ).aggregate(first=Min("seen_seq"))["first"]
        if since is None:
            continue
        new = RemoteRecord.objects.filter(
            stream=work.streams[side], remote_id__in=alive[side], first_seq__gt=since, origin_sync=None
        ).values_list("remote_id", flat=True)
        found |= {(side, id_) for id_ in new if _is_alone(ends.get(side, id_))}
    return found


def _candidates(work: Slice, ids: Mapping[Side, set[str]]) -> list[Candidate]:
    """All pairs of these records, and all pairs of the records in those."""
    found = _pairs(work, ids)
    wider = {
        Side.A: {a for a, _ in found} - ids[Side.A],
        Side.B: {b for _, b in found} - ids[Side.B],
    }
    found |= _pairs(work, wider)
    return [Candidate(a, b, how) for (a, b), how in found.items()]


def _pairs(work: Slice, ids: Mapping[Side, set[str]]) -> dict[tuple[str, str], int]:
    """(a, b) → tier, for every pair that matches and has one of these records in it."""
    settings = work.rules.settings
    kinds = shared_blocks(settings.kind, settings.matching)
    if not kinds:
        return {}
    found: dict[tuple[str, str], int] = {}
    for side in Side:
        if not ids[side]:
            continue
        sql = _PAIRS.format(dirty=side.value, other=side.other.value)
        params = {
            "kinds_a": list(kinds),
            "kinds_b": list(kinds.values()),
            "stream_a": work.streams[Side.A].pk,
            "stream_b": work.streams[Side.B].pk,
            "ids": list(ids[side]),
        }
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            for a, b, keys_a, keys_b in cursor.fetchall():
                how = tier(settings.kind, settings.matching, _keys(keys_a), _keys(keys_b))
                if how is not None:
                    found[(a, b)] = how
    return found


def _keys(data: object) -> Keys:
    return Keys.from_json(json.loads(data) if isinstance(data, str) else data)  # type: ignore[arg-type]


def _former_ends(work: Slice, single: Mapping[Side, set[str]]) -> dict[tuple[Side, str], tuple[str, ...]]:
    """Former ends of links that are back: never copied as if they were new (rule 5.9)."""
    found: dict[tuple[Side, str], tuple[str, ...]] = {}
    for side in Side:
        rows = FormerEnd.objects.filter(pair=work.sync.pair, side=side, remote_id__in=single[side]).select_related(
            "link"
        )
        for row in rows:
            other = row.link.end(side.other)
            found[(side, row.remote_id)] = (other,) if other is not None else ()
    return found


def _make_rows(work: Slice, ends: _Ends, wanted: set[tuple[Side, str]]) -> None:
    rows = []
    for side, id_ in sorted(wanted):
        if ends.get(side, id_) is None:
            row = RecordLink(pair=work.sync.pair, state="waiting")
            row.set_end(side, id_)
            rows.append(row)
    ends.add(RecordLink.objects.bulk_create(rows, batch_size=1000))


def _join(work: Slice, ends: _Ends, a: str, b: str) -> None:
    """These two are the same thing from now on."""
    row_a, row_b = ends.get(Side.A, a), ends.get(Side.B, b)
    if row_a is not None and row_a.is_whole:
        _take_new_end(row_a, Side.B, b, ends)
    elif row_b is not None and row_b.is_whole:
        _take_new_end(row_b, Side.A, a, ends)
    else:
        _merge_rows(work, ends, row_a, row_b, a, b)
    work.count("linked")


def _merge_rows(work: Slice, ends: _Ends, row_a: RecordLink | None, row_b: RecordLink | None, a: str, b: str) -> None:
    kept = row_a or row_b or RecordLink(pair=work.sync.pair)
    if row_a is not None and row_b is not None:
        drop_row(row_b, into=row_a)
    kept.a_id, kept.b_id, kept.made_by = a, b, "matched"
    kept.candidates, kept.cause = [], ""
    kept.parked = {}
    kept.save()
    ends.add([kept])


def drop_row(row: RecordLink, *, into: RecordLink) -> None:
    """The row of a record that turned out to be the end of a link; its journal goes on there."""
    Operation.objects.filter(link=row).exclude(
        state__in=[OperationState.PLANNED, OperationState.SENDING, OperationState.HELD]
    ).update(link=into)
    row.delete()


def _take_new_end(link: RecordLink, side: Side, id_: str, ends: _Ends) -> None:
    """A link whose end on this side was deleted takes its sole match as the new one (rule 5.9)."""
    old = link.end(side)
    row = ends.get(side, id_)
    if row is not None and row.pk != link.pk:
        drop_row(row, into=link)
    if old is not None:
        FormerEnd.objects.get_or_create(pair=link.pair, side=side.value, remote_id=old, defaults={"link": link})
        ends.by_end.pop((side, old), None)
    link.set_end(side, id_)
    link.baseline_a, link.baseline_b, link.notes, link.parked = {}, {}, {}, {}
    link.save()
    ends.add([link])
