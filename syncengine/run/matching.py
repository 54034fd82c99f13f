"""Matching in the database: which records are worth comparing is a join over match keys, the verdict is the core's.

A record's verdict needs all its candidates, and all of theirs. So the pairs of what changed are loaded first, then
the pairs of everybody in them; more is never needed, however large the streams are (rule 5.8).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models import Min, Q

from connectors.contract import WriteKind

from ..core.mapping import Side
from ..core.match import Candidate, Judgement, Keys, Taken, judge, shared_blocks, tier
from ..core.states import FailureClass, RecordState
from ..models import Decision, FormerEnd, KeptApart, Operation, OperationState, RecordLink, RemoteRecord
from ..models.run import OPEN
from .bulk import insert_rows
from .context import Slice
from .memory import stored
from .rows import LINKS, array, links_at, new
from .sights import Sights

_PAIRS = """
SELECT a.remote_id, b.remote_id, a.keys, b.keys
  FROM syncengine_remoterecord {dirty}
  JOIN syncengine_matchkey key_{dirty} ON key_{dirty}.record_id = {dirty}.id
  JOIN unnest(%(kinds_a)s::text[], %(kinds_b)s::text[]) AS kinds (a, b) ON kinds.{dirty} = key_{dirty}.kind
  JOIN syncengine_matchkey key_{other} ON key_{other}.stream_id = %(stream_{other})s
   AND key_{other}.kind = kinds.{other} AND key_{other}.value = key_{dirty}.value
  JOIN syncengine_remoterecord {other} ON {other}.id = key_{other}.record_id
 WHERE {dirty}.stream_id = %(stream_{dirty})s AND {dirty}.remote_id = ANY(%(ids)s)
   AND NOT a.gone AND NOT b.gone
"""

_MOVE_JOURNAL = """
UPDATE syncengine_operation AS op SET link_id = moved.kept
  FROM unnest(%s::bigint[], %s::bigint[]) AS moved (dropped, kept)
 WHERE op.link_id = moved.dropped AND NOT op.state = ANY(%s)
"""
_MOVE_FORMER_ENDS = """
UPDATE syncengine_formerend AS end_ SET link_id = moved.kept
  FROM unnest(%s::bigint[], %s::bigint[]) AS moved (dropped, kept)
 WHERE end_.link_id = moved.dropped
"""

_AMBIGUOUS = "pair_id = %s AND state = 'failing' AND cause = 'ambiguous'"

Ids = Mapping[Side, set[str]]


@dataclass(slots=True)
class _Ends:
    """Open links by the records at their ends."""

    by_end: dict[tuple[Side, str], RecordLink] = field(default_factory=dict)
    stored: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    """What the database holds of them (`memory.stored`)."""

    def add(self, links: Iterable[RecordLink]) -> None:
        for link in links:
            self.stored.setdefault(link.id, stored(link))
            if link.a_id is not None:
                self.by_end[(Side.A, link.a_id)] = link
            if link.b_id is not None:
                self.by_end[(Side.B, link.b_id)] = link

    def get(self, side: Side, id_: str) -> RecordLink | None:
        return self.by_end.get((side, id_))

    def decision(self, side: Side, id_: str) -> str:
        """What a person said of this record, as long as it has no other end."""
        link = self.get(side, id_)
        return "" if link is None or link.is_whole else link.decision

    def takes_part(self, candidate: Candidate) -> bool:
        """False where a person has settled what the two are to each other (rule 5.8)."""
        for side, id_, other in ((Side.A, candidate.a, candidate.b), (Side.B, candidate.b, candidate.a)):
            said = self.decision(side, id_)
            if said == Decision.LEFT_OUT or (said == Decision.CREATE and _is_whole(self.get(side.other, other))):
                return False
        return True

    def all(self) -> list[RecordLink]:
        return list({link.id: link for link in self.by_end.values()}.values())

    def are_whole(self, ids: Ids) -> bool:
        """Has each of these records its other end?"""
        return all(_is_whole(self.by_end.get((side, id_))) for side in Side for id_ in ids[side])


@dataclass(frozen=True, slots=True)
class Matched:
    """What `match` leaves to be planned."""

    links: list[RecordLink]
    in_doubt: set[int]
    """Those of them that may be the answer to a creation of ours: they wait."""
    stored: Mapping[int, tuple[Any, ...]]
    """Link → what the database holds of it (`memory.stored`)."""


def match(work: Slice, ids: Ids, sights: Sights) -> Matched:
    """All links of these records, made where there were none; what is alone is matched. Within `lease.fenced`.

    A record that has no other end, and gets none, has a row of its own all the same: every record of a sync has
    a state.
    """
    ends = _Ends()
    ends.add(_links_of(work, ids))
    ids = _with_neighbours(work, ids, ends, sights)
    if ends.are_whole(ids) and not any(_widowed(side, ends, sights) for side in Side):
        return Matched(ends.all(), set(), ends.stored)  # Ordinary edits: there is nobody to be matched.
    alive = {side: {i for i, record in sights.of(side, ids[side]).items() if not record.gone} for side in Side}
    _reopen(work, alive, ends)
    single = {side: {i for i in alive[side] if _is_alone(ends.get(side, i))} for side in Side}
    formers = _take_back(work, _formers(work, single), ends)
    single = {side: {i for i in single[side] if _is_alone(ends.get(side, i))} for side in Side}
    widows = {side: (alive[side] - single[side]) & _widowed(side, ends, sights) for side in Side}
    candidates, judged = _candidates(work, {side: single[side] | widows[side] for side in Side})
    ends.add(_links_of(work, {Side.A: {c.a for c in candidates}, Side.B: {c.b for c in candidates}}))
    candidates = [c for c in candidates if ends.takes_part(c)]
    waiting = _waiting(work, alive, ends, candidates)
    sure = [c for c in candidates if not {(Side.A, c.a), (Side.B, c.b)} & waiting]
    verdict = _verdict(work, ends, sure, judged, sights)
    joined = {(Side.A, a) for a, _ in verdict.links} | {(Side.B, b) for _, b in verdict.links}
    former = {
        record: others
        for record, others in _owners(formers).items()
        if record not in joined and not ends.decision(*record)
    }
    ambiguous = {**verdict.ambiguous, **former}
    alone = ({(side, id_) for side in Side for id_ in single[side]} | set(ambiguous)) - waiting - joined
    _join(work, ends, verdict.links)
    _make_rows(work, ends, alone | waiting)
    for side, id_ in alone:
        link = ends.get(side, id_)
        if link is not None and not link.is_whole:
            _mark(link, ambiguous.get((side, id_), ()))
    in_doubt = {link.pk for side, i in waiting if (link := ends.get(side, i)) is not None}
    return Matched(ends.all(), in_doubt, ends.stored)


def _verdict(work: Slice, ends: _Ends, candidates: Sequence[Candidate], judged: Ids, sights: Sights) -> Judgement:
    """The core's, on those records all of whose candidates are known here."""
    if not candidates:
        return Judgement((), {})
    involved = {Side.A: {c.a for c in candidates}, Side.B: {c.b for c in candidates}}
    taken = Taken(
        {side: {i for i in involved[side] if _is_whole(ends.get(side, i))} for side in Side},
        {side: _widowed(side, ends, sights) & involved[side] for side in Side},
    )
    apart = KeptApart.objects.filter(pair=work.sync.pair, a_id__in=involved[Side.A])
    verdict = judge(candidates, taken, set(apart.values_list("a_id", "b_id")))
    return Judgement(
        tuple((a, b) for a, b in verdict.links if a in judged[Side.A] and b in judged[Side.B]),
        {(side, i): others for (side, i), others in verdict.ambiguous.items() if i in judged[side]},
    )


def _with_neighbours(work: Slice, ids: Ids, ends: _Ends, sights: Sights) -> dict[Side, set[str]]:
    """These records, and those whose verdict hung on one of them: ambiguous ones, and what a deletion left alone."""
    wider = {side: set(ids[side]) for side in Side}
    for side in Side:
        condition = f"{_AMBIGUOUS} AND {side.other.value}_id IS NULL AND candidates ?| %s::text[]"
        ambiguous = LINKS.find(condition, [work.sync.pair_id, array(ids[side.other])])
        ends.add(ambiguous)
        wider[side] |= {id_ for link in ambiguous if (id_ := link.end(side)) is not None}
        wider[side] |= _widowed(side, ends, sights)
    return wider


def _reopen(work: Slice, alive: Ids, ends: _Ends) -> None:
    """A record of a link that was deleted in both is back: the link goes on, and it is no new record (rule 8.1).

    So does what a person said of a record that had no other end.
    """
    new = {side: {i for i in alive[side] if ends.get(side, i) is None} for side in Side}
    whole = Q(a_id__isnull=False, b_id__isnull=False)
    closed = RecordLink.objects.filter(
        Q(a_id__in=new[Side.A]) | Q(b_id__in=new[Side.B]),
        (whole & Q(decision="")) | (~whole & ~Q(decision="")),
        pair=work.sync.pair,
        state=RecordState.CLOSED,
    )
    links = list(closed.order_by("-closed_at"))
    if not links:
        return
    ends.add(_links_of(work, {side: {id_ for link in links if (id_ := link.end(side))} for side in Side}))
    for link in links:
        if all(ends.get(side, link.end(side) or "") is None for side in Side):
            link.closed_at = None
            link.save(update_fields=["closed_at"])
            ends.add([link])


def _mark(link: RecordLink, candidates: Iterable[str]) -> None:
    link.candidates = list(candidates)
    if link.cause == FailureClass.AMBIGUOUS or link.candidates:
        link.cause = FailureClass.AMBIGUOUS.value if link.candidates else ""


def _is_whole(link: RecordLink | None) -> bool:
    return link is not None and link.is_whole


def _is_alone(link: RecordLink | None) -> bool:
    return link is None or not link.is_whole


def _links_of(work: Slice, ids: Ids) -> Iterable[RecordLink]:
    """In an order that is always the same: that of their operations follows from it."""
    found: dict[int, RecordLink] = {}
    for side in Side:
        for link in links_at(work.sync.pair_id, side, ids[side]):
            found.setdefault(link.id, link)
    return found.values()


def _widowed(side: Side, ends: _Ends, sights: Sights) -> set[str]:
    """Ends on this side whose other end was deleted."""
    others = {
        other: id_
        for (s, id_), link in ends.by_end.items()
        if s is side and (other := link.end(side.other)) is not None
    }
    seen = sights.of(side.other, others).items()
    return {others[other] for other, record in seen if record.gone and not record.merged_into}


Records = set[tuple[Side, str]]


def _waiting(work: Slice, alive: Ids, ends: _Ends, candidates: Sequence[Candidate]) -> Records:
    """Records without another end that wait for an answer to a creation, and all that might match one of them."""
    waiting = _made_while_in_doubt(work, alive, ends) | _being_created(ends)
    grows = bool(waiting)
    while grows:
        grows = False
        for c in candidates:
            ends_ = {(Side.A, c.a), (Side.B, c.b)}
            new = {end for end in ends_ - waiting if _is_alone(ends.get(*end))} if ends_ & waiting else ()
            grows = grows or bool(new)
            waiting.update(new)
    return waiting


def _made_while_in_doubt(work: Slice, alive: Ids, ends: _Ends) -> Records:
    """New records on a side to which creations were sent whose answers are not known: each may be one of them.

    They wait until the doubt is settled (rule 10.4).
    """
    found: Records = set()
    for side in Side:
        since = Operation.objects.filter(
            link__pair=work.sync.pair, state=OperationState.SENDING, kind=WriteKind.CREATE, side=side
        ).aggregate(first=Min("seen_seq"))["first"]
        if since is None:
            continue
        new = RemoteRecord.objects.filter(
            stream=work.streams[side], remote_id__in=alive[side], first_seq__gt=since, origin_sync=None
        ).values_list("remote_id", flat=True)
        found |= {(side, id_) for id_ in new if _is_alone(ends.get(side, id_))}
    return found


def _being_created(ends: _Ends) -> Records:
    """Records whose creation on the other side was sent, and not answered yet: the answer is their other end."""
    single = {link.pk: link for link in ends.all() if not link.is_whole}
    if not single:
        return set()
    sending = Operation.objects.filter(link__in=list(single), state=OperationState.SENDING)
    links = [single[pk] for pk in sending.values_list("link_id", flat=True)]
    return {(side, id_) for link in links for side in Side if (id_ := link.end(side)) is not None}


def _candidates(work: Slice, ids: Ids) -> tuple[list[Candidate], Ids]:
    """All pairs of these records, and all pairs of the records in those; and whose pairs these are."""
    found = _pairs(work, ids)
    wider = {
        Side.A: {a for a, _ in found} - ids[Side.A],
        Side.B: {b for _, b in found} - ids[Side.B],
    }
    found |= _pairs(work, wider)
    return [Candidate(a, b, how) for (a, b), how in found.items()], {side: ids[side] | wider[side] for side in Side}


def _pairs(work: Slice, ids: Ids) -> dict[tuple[str, str], int]:
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


def _formers(work: Slice, single: Ids) -> list[FormerEnd]:
    """Former ends of links that are back."""
    known = FormerEnd.objects.filter(pair=work.sync.pair).select_related("link")
    return [row for side in Side if single[side] for row in known.filter(side=side, remote_id__in=single[side])]


def _owners(formers: Iterable[FormerEnd]) -> dict[tuple[Side, str], tuple[str, ...]]:
    """What their links hold on the other side: they are never copied as if they were new (rule 5.9)."""
    return {
        (side, row.remote_id): (other,) if (other := row.link.end(side.other)) is not None else ()
        for row in formers
        for side in (Side(row.side),)
    }


def _take_back(work: Slice, formers: Sequence[FormerEnd], ends: _Ends) -> list[FormerEnd]:
    """A record that is back before its link got another one instead takes its place again (rule 8.2).

    One whose creation was undone, and that somebody restored, goes on with the link that it had. Answers the others.
    """
    lacking = [row for row in formers if row.link.closed_at is None and row.link.end(Side(row.side)) is None]
    if not lacking:
        return list(formers)
    ends.add(_links_of(work, {side: {o for row in lacking if (o := row.link.end(side))} for side in Side}))
    waiting = _being_created(ends)
    back, dropped = [], {}
    for row in lacking:
        side = Side(row.side)
        link = ends.get(side.other, row.link.end(side.other) or "")
        if link is None or link.is_whole or (side.other, link.end(side.other)) in waiting:
            continue
        lone = ends.get(side, row.remote_id)
        if link.decision == Decision.UNDONE and (undone := _undone(link, side, row.remote_id)) is not None:
            ends.add([undone])
            dropped[link.pk], link = undone, undone
            link.closed_at, link.decision = None, ""
        if lone is not None:
            dropped[lone.pk] = link
        link.set_end(side, row.remote_id)
        link.candidates, link.cause = [], ""
        ends.add([link])
        back.append(row)
    drop_rows(dropped)
    FormerEnd.objects.filter(pk__in=[row.pk for row in back]).delete()
    return [row for row in formers if row not in back]


def _undone(link: RecordLink, side: Side, id_: str) -> RecordLink | None:
    """What was the link of these two until its creation was undone: the two were in step then."""
    was = {f"{side.value}_id": id_, f"{side.other.value}_id": link.end(side.other)}
    closed = RecordLink.objects.filter(**was, pair=link.pair_id, state=RecordState.CLOSED, decision=Decision.UNDONE)
    return closed.order_by("-closed_at").first()


def _make_rows(work: Slice, ends: _Ends, wanted: Records) -> None:
    rows = []
    for side, id_ in sorted(wanted):
        if ends.get(side, id_) is None:
            rows.append(_new_row(work, **{f"{side.value}_id": id_}, state=RecordState.WAITING.value))
    insert_rows(rows)
    ends.add(rows)


def _new_row(work: Slice, **facts: Any) -> RecordLink:
    return new(RecordLink, pair_id=work.sync.pair_id, created_at=work.clock.now(), **facts)


def _join(work: Slice, ends: _Ends, pairs: Sequence[tuple[str, str]]) -> None:
    """The two of each pair are the same thing from now on. Rows that were there are stored by the planner."""
    new: list[RecordLink] = []
    dropped: dict[int, RecordLink] = {}
    former: list[FormerEnd] = []
    for a, b in pairs:
        row_a, row_b = ends.get(Side.A, a), ends.get(Side.B, b)
        kept = _row_to_keep(row_a, row_b)
        if kept is None:
            new.append(_new_row(work, a_id=a, b_id=b, made_by="matched"))
            continue
        if row_a is not None and row_b is not None:
            dropped[(row_b if kept is row_a else row_a).pk] = kept
        if kept.is_whole:
            former.append(_leave_end(kept, Side.A if kept is row_b else Side.B, ends))
        else:
            kept.made_by = "matched"
        kept.a_id, kept.b_id = a, b
        kept.baseline_a, kept.baseline_b, kept.notes, kept.parked = {}, {}, {}, {}
        kept.candidates, kept.cause, kept.decision = [], "", ""
        ends.add([kept])
    FormerEnd.objects.bulk_create(former, ignore_conflicts=True)
    drop_rows(dropped)
    insert_rows(new)
    ends.add(new)
    work.count("linked", len(pairs))


def _row_to_keep(row_a: RecordLink | None, row_b: RecordLink | None) -> RecordLink | None:
    """A link whose other end was deleted goes on; else the row of side A."""
    if row_b is not None and row_b.is_whole:
        return row_b
    return row_a or row_b


def _leave_end(link: RecordLink, side: Side, ends: _Ends) -> FormerEnd:
    """The end that was deleted gives way to the sole match of the other one (rule 5.9)."""
    old = link.end(side) or ""
    ends.by_end.pop((side, old), None)
    return FormerEnd(pair_id=link.pair_id, side=side.value, remote_id=old, link=link)


def drop_rows(dropped: Mapping[int, RecordLink]) -> None:
    """Rows of records that turned out to be the end of a link: pk → that link. Their journal goes on there."""
    if not dropped:
        return
    with connection.cursor() as cursor:
        pks = [list(dropped), [link.pk for link in dropped.values()]]
        cursor.execute(_MOVE_JOURNAL, [*pks, [state.value for state in OPEN]])
        cursor.execute(_MOVE_FORMER_ENDS, pks)
    RecordLink.objects.filter(pk__in=list(dropped)).delete()
