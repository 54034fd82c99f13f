"""Where the plan of one link gathers while its strands are decided one after another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from connectors.contract import Refusal, Value, Values, WriteKind

from .baselines import Planned
from .convert import Unfit
from .drafts import Draft, FieldChange, LinkPlan, Parked
from .halves import Carried
from .lens import Lens
from .mapping import Direction, FieldMapping, Side
from .merge import Base, Decision, Policy, Reason
from .references import Association, Pending
from .rules import Rules
from .states import FailureClass
from .values import Key, blank


class Sheet:
    """Gathers the plan of one link while its strands are decided one after another."""

    def __init__(self, rules: Rules, values: Mapping[Side, Values], way: Direction | None = Direction.TWO_WAY) -> None:
        self.rules = rules
        self.way = way
        self.before = values
        self.now: dict[Side, dict[str, Value]] = {side: dict(v) for side, v in values.items()}
        self.causes: dict[Side, dict[str, tuple[str, str, Reason]]] = {Side.A: {}, Side.B: {}}
        self.strands: dict[Side, dict[str, Planned]] = {Side.A: {}, Side.B: {}}
        self.baselines: dict[Side, dict[str, Key]] = {Side.A: {}, Side.B: {}}
        self.notes: dict[str, Reason] = {}
        self.settled: set[str] = set()
        self.parked: dict[str, Parked] = {}
        self.pending: list[Pending] = []

    def policy(self, lens: Lens) -> Policy | None:
        """As far as the link's own way allows (rule 6.2); None: not at all."""
        policy = self.rules.policies[lens.mapping.id]
        if self.way is Direction.TWO_WAY:
            return policy
        narrowed = policy.direction.narrowed(self.way) if self.way is not None else None
        return replace(policy, direction=narrowed) if narrowed is not None else None

    def is_narrowed(self, lens: Lens) -> bool:
        """What is not sent now may have to be later: its baselines stand (rule 6.3)."""
        if self.way is Direction.TWO_WAY:
            return False
        return self.way is None or lens.direction.narrowed(self.way) is not lens.direction

    def agree(self, strand: str, a: Key, b: Key) -> None:
        self.baselines[Side.A][strand] = a
        self.baselines[Side.B][strand] = b

    def leave(self, strand: str, reason: Reason, *, differs: bool) -> None:
        if differs:
            self.notes[strand] = reason
        else:
            self.settled.add(strand)

    def stand(self, strand: str, decision: Decision, base: Base | None, a: Key, b: Key) -> None:
        """Nothing is written: both baselines take the present keys, and the link the reason of what differs."""
        if base is None or (base.a, base.b) != (a, b):
            self.agree(strand, a, b)
        if decision.reason is not Reason.UNCHANGED:
            self.leave(strand, decision.reason, differs=decision.differs)
        elif a == b:
            self.settled.add(strand)

    def write(
        self,
        lens: Lens,
        side: Side,
        strand: str,
        changed: Mapping[str, Value],
        planned: Planned,
        decision: str,
        why: Reason,
    ) -> None:
        self.now[side].update(changed)
        for name in changed:
            self.causes[side][name] = (lens.mapping.id, decision, why)
        self.strands[side][strand] = planned

    def refuse_missing(self, side: Side, changed: Mapping[str, Value]) -> None:
        """Raises Unfit where a required field would lose its value (rule 4.7)."""
        for name, value in changed.items():
            field_ = self.rules.resources[side].field(name) if blank(value) else None
            if field_ is not None and field_.required:
                raise Unfit(f"“{field_.label}” is required, and cannot be cleared.", Refusal.MISSING_REQUIRED)

    def park(self, strand: str, unfit: Unfit, a: Key, b: Key) -> None:
        self.parked[strand] = Parked(unfit.refusal, str(unfit), a, b, self.rules.definition_of(strand))

    def is_parked(self, strand: str, memory: Parked | None, a: Key, b: Key) -> bool:
        """Left alone until either value, or what the fields take, is another (rule 4.5)."""
        if memory is None or (memory.a, memory.b) != (a, b):
            return False
        if memory.definition and memory.definition != self.rules.definition_of(strand):
            return False
        self.parked[strand] = memory
        return True

    def freeze(self, lens: Lens, strand: str, a: Carried, b: Carried) -> None:
        """Two sides that undo each other for ever are left alone, with both values as the reason (rule 4.5)."""
        label = " / ".join(self._label(side, name) for side in Side for name in lens.field_names(side)[:1])
        message = f"Both sides write “{label}” by turns: {_shown(a)} and {_shown(b)}."
        definition = self.rules.definition_of(strand)
        self.parked[strand] = Parked(FailureClass.BY_TURNS, message, a.key, b.key, definition)

    def _label(self, side: Side, name: str) -> str:
        known = self.rules.resources[side].field(name)
        return known.label if known is not None else name

    def wait(self, mapping: FieldMapping, association: Association) -> None:
        """Nothing is written and nothing remembered: once it can be carried, it is compared as it is now."""
        one = association
        target = self.rules.target(mapping, one.side)
        self.pending.append(Pending(mapping.id, one.side, target, one.id, one.label or "", one.obstacle))

    def draft(self, side: Side, kind: WriteKind) -> Draft | None:
        changes = tuple(
            FieldChange(name, self.before[side].get(name), self.now[side][name], *cause)
            for name, cause in self.causes[side].items()
        )
        return Draft(side, kind, changes, self.strands[side]) if changes else None

    def plan(self, drafts: Iterable[Draft | None]) -> LinkPlan:
        return LinkPlan(
            tuple(d for d in drafts if d is not None),
            self.baselines,
            self.notes,
            frozenset(self.settled),
            self.parked,
            tuple(self.pending),
        )


def _shown(carried: Carried) -> str:
    return "blank" if carried.key is None else f"“{carried.value}”"
