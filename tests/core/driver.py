"""The story of a run in memory: read → match → plan → apply, on the core alone.

Links, baselines and operations are plain objects here; all judgement is the core's. `Driver.run` is one pass over
two apps that live in memory. Whatever a real run has to survive can happen to it: `Stopped`, raised by a write before
or after it took effect, ends the pass there, and the next one goes on from what was remembered (rule 10.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from connectors.contract import Idempotency, Record, Refused, Resource, Values, Write, WriteKind, Written
from connectors.testing.memory import MemoryApp, MemoryClient
from syncengine.core.mapping import Side, SyncSettings
from syncengine.core.match import Candidate, Keys, Taken, blocks, judge, keys_of, shared_blocks, tier
from syncengine.core.merge import Reason
from syncengine.core.plan import (
    CreationRefused,
    Draft,
    LinkMemory,
    LinkPlan,
    Parked,
    Rules,
    baselines_after,
    note_after,
    plan_creation,
    plan_link,
)
from syncengine.core.scope import judge_scope, may_create
from syncengine.core.values import Key


class Stopped(Exception):
    """The process ends here."""


@dataclass(eq=False)
class Link:
    """Two records that are the same thing; an end is None while its creation is under way."""

    ends: dict[Side, str | None]
    base: dict[Side, dict[str, Key]] = field(default_factory=lambda: {side: {} for side in Side})
    parked: dict[str, Parked] = field(default_factory=dict)
    notes: dict[str, Reason] = field(default_factory=dict)
    gone: set[Side] = field(default_factory=set)
    """Sides whose record was deleted."""
    former: set[tuple[Side, str]] = field(default_factory=set)

    @property
    def memory(self) -> LinkMemory:
        return LinkMemory(self.base[Side.A], self.base[Side.B], self.parked)

    def forget(self) -> None:
        """A new end was never compared with the old one."""
        self.base, self.parked, self.notes = {side: {} for side in Side}, {}, {}


@dataclass(eq=False)
class Operation:
    """One record to write. What is `sending` when a pass begins was never answered."""

    link: Link
    draft: Draft
    key: str
    seen: Mapping[Side, Mapping[str, Key]]
    """What both sides looked like when it was planned."""
    known: frozenset[str]
    """Ids of the side to write that were known when it was planned."""
    source: tuple[Side, str] | None = None
    """For a creation: the record that it is made from."""
    sending: bool = False


Records = dict[Side, dict[str, Record]]


class Driver:
    """One sync of one object between two apps in memory."""

    def __init__(self, settings: SyncSettings, a: MemoryApp, b: MemoryApp, name: str) -> None:
        self.settings = settings
        self.apps = {Side.A: a, Side.B: b}
        self.resources: dict[Side, Resource] = {side: app[name].resource for side, app in self.apps.items()}
        self.clients = {side: MemoryClient(app) for side, app in self.apps.items()}
        self.rules = Rules(settings, self.resources[Side.A], self.resources[Side.B])
        self.links: list[Link] = []
        self.operations: list[Operation] = []
        self.kept_apart: set[tuple[str, str]] = set()
        self.ambiguous: Mapping[tuple[Side, str], tuple[str, ...]] = {}
        self.refused: dict[tuple[Side, str], Mapping[str, Key]] = {}
        """Records whose creation was refused, with what they looked like."""
        self.in_doubt: list[Link] = []
        """Creations that are neither found nor repeated: a person decides."""
        self.creations: list[Operation] = []
        """All that were ever sent."""
        self._keys = 0

    # --- One pass -------------------------------------------------------------------------------------------

    def run(self, *, before_writing: Callable[[], None] = lambda: None) -> int:
        """One pass; how many operations it found in doubt or planned. Raises Stopped where a write does."""
        doubtful = len(self.operations)
        if doubtful:
            self._settle_doubts(self.read())
        records = self.read()
        self._note_deletions(records)
        self._match(records)
        self.operations = [op for link in list(self.links) for op in self._compare(link, records)]
        self.operations += self._creations(records)
        planned = len(self.operations)
        before_writing()
        while self.operations:
            self._carry_out(self.operations[0])
            self.operations.pop(0)
        return doubtful + planned

    def stop(self) -> None:
        """After `Stopped`: what was planned and never sent is planned anew; what was sent is in doubt."""
        self.operations = [op for op in self.operations if op.sending]
        self.links = [link for link in self.links if all(link.ends.values()) or self._is_sending(link)]

    def _is_sending(self, link: Link) -> bool:
        return link in self.in_doubt or any(op.link is link for op in self.operations)

    def read(self) -> Records:
        """Everything, in a complete listing of each side."""
        return {side: {r.id: self._whole(side, r) for r in self._listing(side)} for side in Side}

    def _listing(self, side: Side) -> Iterable[Record]:
        cursor, more = None, True
        while more:
            page = self.clients[side].read(self.resources[side], cursor)
            yield from page.records
            cursor, more = page.cursor, page.more

    def _whole(self, side: Side, record: Record) -> Record:
        """A field that an app leaves out where it is blank was read, and may be blank."""
        hidden = {f.name: None for f in self.resources[side].fields if not f.tells_blank}
        return replace(record, values={**hidden, **record.values})

    def _get(self, side: Side, id_: str) -> Record | None:
        found = self.clients[side].get(self.resources[side], [id_])
        return self._whole(side, found[0]) if found else None

    # --- What was in doubt (rule 10.4) ----------------------------------------------------------------------

    def _settle_doubts(self, records: Records) -> None:
        while self.operations:
            op = self.operations[0]
            if op.draft.kind is WriteKind.CREATE:
                self._look_for(op, records)
            else:
                self._look_whether_written(op, records)
            self.operations.pop(0)

    def _look_whether_written(self, op: Operation, records: Records) -> None:
        """An update: did it happen? It is one write: if one of its strands shows it, all of them were written."""
        side = op.draft.side
        record = records[side].get(op.link.ends[side] or "")
        if record is None:
            return
        looks = self.rules.looks(side, record.values)
        strands = op.draft.strands.items()
        if any(looks[s] == p.carries != p.of(side) for s, p in strands) or all(
            looks[s] != p.of(side) for s, p in strands if p.carries != p.of(side)
        ):
            self._written(op, record)

    def _look_for(self, op: Operation, records: Records) -> None:
        side, idempotency = op.draft.side, self.resources[op.draft.side].idempotency
        if idempotency is Idempotency.KEY:
            self._carry_out(op)
            return
        if idempotency is Idempotency.STAMP:
            found = list(self.clients[side].find(self.resources[side], [op.key]).values())
            certain = True
        else:
            found, certain = self._likely(op, records)
        if len(found) == 1:
            op.link.ends[side] = found[0].id
            self._written(op, self._whole(side, found[0]))
        elif not found and certain:
            self.links.remove(op.link)  # It never happened: planned again.
        else:
            self.in_doubt.append(op.link)

    def _likely(self, op: Operation, records: Records) -> tuple[list[Record], bool]:
        """Records first seen since that match, else twins of what was sent; and whether a key could have told."""
        side = op.draft.side
        linked = {link.ends[side] for link in self.links}
        new = [r for id_, r in records[side].items() if id_ not in op.known and id_ not in linked]
        ours = self.keys_of(side, op.draft.values)
        kind, matching = self.settings.kind, self.settings.matching
        has_key = tier(kind, matching, ours, ours) is not None
        same = [r for r in new if tier(kind, matching, ours, self.keys_of(side, r.values)) is not None]
        twins = [r for r in new if self._carries(side, r.values, op)]
        both = [r for r in same if r in twins]
        return (both[:1] or same or twins), has_key

    def _carries(self, side: Side, values: Values, op: Operation) -> bool:
        looks = self.rules.looks(side, values)
        return all(looks[strand] == planned.carries for strand, planned in op.draft.strands.items())

    def keys_of(self, side: Side, values: Values) -> Keys:
        """What may identify a record of this side."""
        return keys_of(values, self.resources[side], (), self.rules.locale)

    # --- Links ----------------------------------------------------------------------------------------------

    def _note_deletions(self, records: Records) -> None:
        for link in self.links:
            link.gone = {s for s, id_ in link.ends.items() if id_ is not None and id_ not in records[s]}

    def _match(self, records: Records) -> None:
        keys = {side: {id_: self.keys_of(side, r.values) for id_, r in records[side].items()} for side in Side}
        found = judge(self._candidates(keys), self._taken(), self.kept_apart)
        self.ambiguous = found.ambiguous
        for a, b in found.links:
            widowed = next((link for link in self.links if link.ends[Side.A] == a or link.ends[Side.B] == b), None)
            if widowed is None:
                self.links.append(Link({Side.A: a, Side.B: b}))
                continue
            widowed.former |= {(s, id_) for s, id_ in widowed.ends.items() if s in widowed.gone and id_ is not None}
            widowed.ends, widowed.gone = {Side.A: a, Side.B: b}, set()
            widowed.forget()

    def _candidates(self, keys: Mapping[Side, Mapping[str, Keys]]) -> list[Candidate]:
        """Only records that share a bucket are compared."""
        settings = self.settings
        buckets: dict[tuple[str, str], list[str]] = {}
        for id_, own in keys[Side.B].items():
            for block in blocks(own):
                buckets.setdefault(block, []).append(id_)
        found: dict[tuple[str, str], Candidate] = {}
        compared = shared_blocks(settings.kind, settings.matching)
        for a, own in keys[Side.A].items():
            for kind, key in blocks(own):
                for b in buckets.get((compared.get(kind, ""), key), ()):
                    strength = tier(settings.kind, settings.matching, own, keys[Side.B][b])
                    if strength is not None:
                        found[(a, b)] = Candidate(a, b, strength)
        return list(found.values())

    def _taken(self) -> Taken:
        ends = {
            s: {link.ends[s] for link in self.links} | {i for k in self.links for f, i in k.former if f is s}
            for s in Side
        }
        widowed = {s: {link.ends[s] for link in self.links if link.gone == {s.other}} for s in Side}
        return Taken(
            {s: {i for i in ends[s] if i is not None} for s in Side}, {s: {i for i in widowed[s] if i} for s in Side}
        )

    # --- Planning -------------------------------------------------------------------------------------------

    def _compare(self, link: Link, records: Records) -> list[Operation]:
        if link.gone or not all(link.ends.values()):
            return []
        a, b = (records[side][link.ends[side] or ""].values for side in Side)
        if judge_scope(self.settings, (self.resources[Side.A], a), (self.resources[Side.B], b)) is not None:
            return []
        plan = plan_link(self.rules, a, b, link.memory)
        self._remember(link, plan)
        return [self._operation(link, draft, {Side.A: a, Side.B: b}, records) for draft in plan.drafts]

    def _remember(self, link: Link, plan: LinkPlan) -> None:
        for side in Side:
            link.base[side] |= plan.baselines.get(side, {})
        link.notes = {s: r for s, r in link.notes.items() if s not in plan.settled} | dict(plan.notes)
        link.parked = dict(plan.parked)

    def _creations(self, records: Records) -> list[Operation]:
        taken = self._taken()
        return [
            op
            for side in Side
            for id_, record in records[side].items()
            if not taken.is_linked(side, id_) and (side, id_) not in self.ambiguous
            for op in self._creation(side, record, records)
        ]

    def _creation(self, side: Side, record: Record, records: Records) -> list[Operation]:
        target, source = side.other, (side, record.id)
        looks = self.rules.looks(side, record.values)
        mine = (self.resources[side], record.values)
        outside = judge_scope(self.settings, *((mine, None) if side is Side.A else (None, mine)))
        if outside or may_create(self.settings, target, self.resources[target]) or self.refused.get(source) == looks:
            return []
        plan = plan_creation(self.rules, target, record.values)
        if isinstance(plan, CreationRefused):
            return []
        link = Link({side: record.id, target: None})
        self._remember(link, plan)
        self.links.append(link)
        (draft,) = plan.drafts
        op = self._operation(link, draft, {side: record.values, target: {}}, records)
        op.source = source
        return [op]

    def _operation(self, link: Link, draft: Draft, values: Mapping[Side, Values], records: Records) -> Operation:
        self._keys += 1
        seen = {side: self.rules.looks(side, values[side]) for side in Side}
        return Operation(link, draft, f"key-{self._keys}", seen, frozenset(records[draft.side]))

    # --- Applying -------------------------------------------------------------------------------------------

    def _carry_out(self, op: Operation) -> None:
        side, draft = op.draft.side, op.draft
        version = None
        if draft.kind is WriteKind.UPDATE:
            current = self._get(side, op.link.ends[side] or "")
            if current is None or self.rules.looks(side, current.values) != op.seen[side]:
                return  # It moved: planned again (rule 3.9).
            version = current.version
        op.sending = True
        if draft.kind is WriteKind.CREATE and op not in self.creations:
            self.creations.append(op)
        write = Write(draft.kind, draft.values, op.link.ends[side], version, op.key)
        (outcome,) = self.clients[side].write(self.resources[side], [write])
        op.sending = False
        if isinstance(outcome, Written):
            op.link.ends[side] = outcome.id
            record = outcome.record or self._get(side, outcome.id)
            if record is not None:
                self._written(op, self._whole(side, record))
        elif isinstance(outcome, Refused):
            self._refused(op, outcome)
        elif draft.kind is WriteKind.CREATE:
            self._give_up(op)

    def _written(self, op: Operation, record: Record) -> None:
        """Baselines after an answer, and whether the app made something else of what was sent (rule 3.7)."""
        side, link = op.draft.side, op.link
        looks = self.rules.looks(side, record.values)
        for strand, planned in op.draft.strands.items():
            a, b = baselines_after(planned, side, looks[strand], link.memory.base(strand))
            link.base[Side.A][strand], link.base[Side.B][strand] = a, b
            link.parked.pop(strand, None)
            why = note_after(planned, side, looks[strand], link.notes.pop(strand, None))
            if why is not None:
                link.notes[strand] = why

    def _refused(self, op: Operation, answer: Refused) -> None:
        """The field that the app named is parked, and the rest goes on without it (rule 4.5)."""
        named = self.rules.strands_of_field(op.draft.side, answer.field or "")
        parked = {s: p for s, p in op.draft.strands.items() if s in named}
        for strand, planned in parked.items():
            op.link.parked[strand] = Parked(answer.reason, answer.message, planned.a, planned.b)
        if op.draft.kind is not WriteKind.CREATE:
            return
        rest = replace(
            op.draft,
            changes=tuple(c for c in op.draft.changes if c.field != answer.field),
            strands={s: p for s, p in op.draft.strands.items() if s not in parked},
        )
        if parked and rest.changes:
            op.draft = rest
            self._carry_out(op)
        else:
            self._give_up(op)

    def _give_up(self, op: Operation) -> None:
        self.links.remove(op.link)
        if op.source is not None:
            self.refused[op.source] = op.seen[op.source[0]]
