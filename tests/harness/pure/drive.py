"""One case driven to rest in memory, by the core alone, and judged by what the rules promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.contract import Value, WriteKind
from syncengine.core.baselines import baselines_after, note_after
from syncengine.core.lens import Lens, ManyFields
from syncengine.core.mapping import ClearPolicy, Direction, Side, WriteMode
from syncengine.core.match import Candidate, Taken, judge, keys_of, tier
from syncengine.core.merge import Base, Reason
from syncengine.core.plan import CreationRefused, Draft, LinkMemory, Parked, plan_creation, plan_link
from syncengine.core.scope import judge_scope, may_create
from syncengine.core.values import Key, blank

from .case import HABITS, Case, Record

A, B = SIDES = (Side.A, Side.B)
PASSES = 4
"""So many may write; one more plans nothing."""
TEXTS = ("job", "note")


class Amiss(AssertionError):
    """The core broke a promise."""


def require(condition: object, what: str) -> None:
    if not condition:
        raise Amiss(what)


@dataclass(eq=False, slots=True)
class Link:
    """A pair while the case is driven."""

    ends: dict[Side, Record | None]
    bases: dict[Side, dict[str, Key]]
    linked: bool
    parked: Mapping[str, Parked] = field(default_factory=dict)
    notes: dict[str, Reason] = field(default_factory=dict)
    started: dict[Side, dict[str, Key]] = field(default_factory=dict)
    """What both looked like in the beginning."""
    based: dict[Side, dict[str, Key]] = field(default_factory=dict)
    judged: tuple[Record | None, Record | None, bool] | None = None
    """Two ends, and whether they stay out of the sync."""

    @property
    def memory(self) -> LinkMemory:
        return LinkMemory(self.bases[A], self.bases[B], self.parked)


class Drive:
    """A case on its way to rest."""

    def __init__(self, case: Case) -> None:
        self.case, self.rules = case, case.made_ready()
        self.settings = self.rules.settings
        self.rewrite = HABITS[case.habit]
        self.links = [_link(pair.a, pair.b, pair.memory) for pair in case.pairs]
        self.made = 0

    def run(self) -> None:
        """To rest, and judged. Raises Amiss."""
        self._match()
        for link in self.links:
            if link.linked and link.ends[A] is not None and link.ends[B] is not None:
                link.started = {side: self._looks(side, link) for side in SIDES}
                link.based = {side: dict(link.bases[side]) for side in SIDES}
        restless = self.links
        for _ in range(PASSES):
            # The plan is a pure function (rule 3.10): what neither wrote nor remembered anything is at rest.
            restless = [link for link in restless if self._moves(link)]
        require(not any(self._pass(link) for link in restless), "it does not come to rest")
        for link in self.links:
            if link.started:
                self._judge(link)

    def _moves(self, link: Link) -> bool:
        before = (dict(link.bases[A]), dict(link.bases[B]), link.parked)
        return self._pass(link) > 0 or before != (link.bases[A], link.bases[B], link.parked)

    def _looks(self, side: Side, link: Link) -> dict[str, Key]:
        record = link.ends[side] or {}
        found = self.case.seen.get(id(record))
        if found is None or found[0] is not record:
            found = self.case.seen[id(record)] = record, self.rules.looks(side, record)
        return found[1]

    # --- One pass -------------------------------------------------------------------------------------------

    def _match(self) -> None:
        """New records that match become links (rule 5.8)."""
        alone = {side: [k for k in self.links if not k.linked and k.ends[side] is not None] for side in SIDES}
        keys = {
            side: {
                str(n): keys_of(k.ends[side] or {}, self.rules.resources[side], (), self.rules.locale)
                for n, k in enumerate(alone[side])
            }
            for side in SIDES
        }
        found = [
            Candidate(a, b, strength)
            for a, mine in keys[A].items()
            for b, theirs in keys[B].items()
            if (strength := tier(self.settings.kind, self.settings.matching, mine, theirs)) is not None
        ]
        for a, b in judge(found, Taken({})).links:
            one, other = alone[A][int(a)], alone[B][int(b)]
            one.ends[B], one.linked = other.ends[B], True
            self.links.remove(other)

    def _outside(self, link: Link) -> bool:
        a, b = link.ends[A], link.ends[B]
        judged = link.judged
        if judged is None or judged[0] is not a or judged[1] is not b:
            of = self.rules.resources
            out = judge_scope(self.settings, None if a is None else (of[A], a), None if b is None else (of[B], b))
            judged = link.judged = a, b, out is not None
        return judged[2]

    def _pass(self, link: Link) -> int:
        """How many writes it planned; all are carried out."""
        if self._outside(link):
            return 0
        a, b = link.ends[A], link.ends[B]
        if a is None or b is None:
            return 0 if link.linked else self._create(link, B if b is None else A)
        plan = plan_link(self.rules, a, b, link.memory)
        for side in SIDES:
            link.bases[side].update(plan.baselines.get(side, {}))
        link.notes = {s: r for s, r in link.notes.items() if s not in plan.settled} | dict(plan.notes)
        link.parked = plan.parked
        for draft in plan.drafts:
            self._allowed(link, draft)
            self._write(link, draft)
        return len(plan.drafts)

    def _create(self, link: Link, target: Side) -> int:
        source = link.ends[target.other] or {}
        if may_create(self.settings, target, self.rules.resources[target]) is not None:
            return 0
        plan = plan_creation(self.rules, target, source)
        if isinstance(plan, CreationRefused):
            return 0
        require(self.settings.direction.allows(target), "a record was made against the direction")
        link.linked, link.notes, link.parked = True, dict(plan.notes), plan.parked
        for side in SIDES:
            link.bases[side].update(plan.baselines.get(side, {}))
        (draft,) = plan.drafts
        link.ends[target] = dict.fromkeys(f.name for f in self.rules.resources[target].fields)
        self._write(link, draft)
        return 1

    def _write(self, link: Link, draft: Draft) -> None:
        side = draft.side
        held = dict(link.ends[side] or {})
        for name, value in draft.values.items():
            held[name] = self.rewrite(value) if name in TEXTS and isinstance(value, str) else value
        link.ends[side] = held
        looks = self._looks(side, link)
        for strand, planned in draft.strands.items():
            known = link.memory.base(strand)
            link.bases[A][strand], link.bases[B][strand] = baselines_after(planned, side, looks[strand], known)
            why = note_after(planned, side, looks[strand], link.notes.pop(strand, None))
            if why is not None:
                link.notes[strand] = why

    # --- Promises -------------------------------------------------------------------------------------------

    def _allowed(self, link: Link, draft: Draft) -> None:
        """Never against direction, mode or policy (rules 2.1, 2.3 and 3.6)."""
        require(draft.kind is WriteKind.UPDATE, f"{draft.kind} of a record that is there")
        for change in draft.changes:
            lens = next(lens for lens in self.rules.lenses if lens.mapping.id == change.mapping)
            mapping = lens.mapping
            require(lens.direction.allows(draft.side), f"{mapping.id} was written against its direction")
            require(mapping.mode is not WriteMode.ON_CREATION, f"{mapping.id} is written on creation only")
            if mapping.mode is WriteMode.FILL_BLANK and len(lens.elements) == 1:
                require(blank(change.before), f"{mapping.id}: {change.before!r} was no blank")
            if (
                blank(change.after)
                and not blank(change.before)
                and not lens.is_set
                and len(mapping.fields(draft.side)) == 1
            ):
                wanted = mapping.clears is ClearPolicy.CLEAR or len(lens.elements) > 1
                require(wanted, f"{mapping.id}: {change.before!r} was cleared")

    def _judge(self, link: Link) -> None:
        if link.ends[A] is None or link.ends[B] is None:
            return
        now = {side: self._looks(side, link) for side in SIDES}
        if self._outside(link):
            require(now == link.started, "what is left out was written to")
            return
        for lens in self.rules.lenses:
            for element in ("",) if lens.is_set else lens.elements:
                strand = lens.strand(element)
                if strand not in now[A] or strand not in now[B] or _untouched(link, strand, now):
                    continue
                self._explained(link, lens, strand, now)
                if lens.is_set:
                    self._list_kept(link, lens, strand, now)
                else:
                    self._value_kept(link, lens, strand, now)

    def _explained(self, link: Link, lens: Lens, strand: str, now: Any) -> None:
        x, y = now[A][strand], now[B][strand]
        hidden = any(now[s][strand] is None and not lens.tells_blank[s] for s in SIDES)
        as_before = all(link.based[s].get(strand) == now[s][strand] for s in SIDES)
        known = as_before or strand in link.notes or strand in link.parked or hidden
        require(x == y or known, f"{lens.mapping.id}: {x!r} and {y!r} differ, and nothing says why")

    def _value_kept(self, link: Link, lens: Lens, strand: str, now: Any) -> None:
        """What only one side holds is not lost (rules 3.2 to 3.4)."""
        if strand in link.parked:
            return
        based = strand in link.based[A] and strand in link.based[B]
        base = Base(link.based[A][strand], link.based[B][strand]) if based else None
        winner = lens.mapping.winner or self.settings.winner
        for side in SIDES:
            mine, theirs = link.started[side][strand], link.started[side.other][strand]
            after, name = now[side][strand], f"{lens.mapping.id} of side {side}"
            moved = after != mine
            mine_new = base is None or mine != base.of(side)
            theirs_new = base is None or theirs != base.of(side.other)
            if mine is not None and mine_new and moved:
                one_way = lens.direction is Direction.toward(side)
                beaten = theirs_new and (one_way or winner is side.other)
                require(beaten, f"{name}: {mine!r} became {after!r}, and nobody had beaten it")
            if moved and mine is not None and after is None:
                require(theirs is None and theirs_new and base is not None, f"{name}: {mine!r} was cleared")
            if moved and not theirs_new:
                require(mine is None and base is None, f"{name}: {mine!r} → {after!r}, and nobody changed the other")
            if (
                mine is not None
                and mine_new
                and not theirs_new
                and lens.direction.allows(side.other)
                and lens.mapping.mode is WriteMode.OVERWRITE
                and strand not in link.notes
            ):
                require(now[side.other][strand] == mine, f"{name}: {mine!r} did not arrive")

    def _list_kept(self, link: Link, lens: Lens, strand: str, now: Any) -> None:
        """Additions of both sides are kept, and what nobody removed stays (rule 3.11)."""
        if strand in link.parked:
            return
        based = strand in link.based[A] and strand in link.based[B]
        for side in SIDES:
            mine, theirs = (set(link.started[s][strand] or ()) for s in (side, side.other))
            after = set(now[side][strand] or ())
            base = set(link.based[side][strand] or ()) if based else set()
            other_base = set(link.based[side.other][strand] or ()) if based else set()
            lost = mine - after
            removed = other_base - theirs
            require(not lost - removed, f"{lens.mapping.id} of side {side}: {lost - removed} was lost")
            require(not lost - base, f"{lens.mapping.id} of side {side}: {lost - base} was new, and was lost")
            if lens.direction.allows(side.other) and lens.mapping.mode is WriteMode.OVERWRITE:
                there = set(now[side.other][strand] or ())
                arrived = (mine - base) <= there
                require(arrived, f"{lens.mapping.id} of side {side}: {mine - base - there} did not arrive")


def _untouched(link: Link, strand: str, now: Mapping[Side, Mapping[str, Key]]) -> bool:
    """Nobody has edited it, and it holds what it held when it was last in step: no promise is at stake."""
    return all(
        strand in link.based[side] and link.based[side][strand] == link.started[side][strand] == now[side][strand]
        for side in SIDES
    )


def _link(a: Record | None, b: Record | None, memory: LinkMemory | None) -> Link:
    bases = {A: dict(memory.a), B: dict(memory.b)} if memory else {A: {}, B: {}}
    return Link({A: a, B: b}, bases, memory is not None)


def fault_of(case: Case) -> str | None:
    """What the core does wrong with this case; None if nothing."""
    try:
        Drive(case).run()
    except Amiss as error:
        return str(error)
    return None


__all__ = ["Amiss", "Drive", "ManyFields", "Value", "fault_of"]
