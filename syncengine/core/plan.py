"""The plan for one link: from what both sides hold and what they held when last in step, to operations.

Pure (rule 3.10): nothing here reads a clock or a database. `Rules` is a sync's settings made ready once;
`plan_link` compares two linked records; `plan_creation` makes the missing one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from connectors.contract import Refusal, Resource, Value, Values, WriteKind

from .baselines import Baseline, Planned, as_list, baselines_after, list_key, note_after
from .convert import Unfit
from .former import decide_anew, edited_sides, list_anew
from .halves import BLANK, Carried, ManyFields
from .lens import Lens
from .mapping import Begins, Direction, FieldMapping, Side
from .merge import Base, Decision, ListState, Policy, Reason, SetDecision, decide, decide_set
from .references import Association, ManyReferences, NotCarried, Obstacle, Pending
from .rules import Rules
from .states import FailureClass
from .values import Key, blank

__all__ = [
    "Baseline",
    "CreationRefused",
    "Draft",
    "FieldChange",
    "LinkMemory",
    "LinkPlan",
    "Parked",
    "Planned",
    "Rules",
    "baselines_after",
    "note_after",
    "plan_creation",
    "plan_link",
]


@dataclass(frozen=True, slots=True)
class Parked:
    """A strand whose value the other side refused: left alone until either key changes (rule 4.5)."""

    reason: Refusal | FailureClass
    """Ours, or the class of what the app answered."""
    message: str
    a: Key
    b: Key
    definition: str = ""
    """Of the mapping's fields, when it was refused: once they take something else, it is tried again."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that an operation writes."""

    field: str
    before: Value
    after: Value
    mapping: str
    rule: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Draft:
    """One record to write on one side: an operation before it has a row."""

    side: Side
    kind: WriteKind
    changes: tuple[FieldChange, ...]
    strands: Mapping[str, Planned]

    @property
    def values(self) -> dict[str, Value]:
        return {c.field: c.after for c in self.changes}


@dataclass(frozen=True, slots=True)
class LinkPlan:
    """Everything that follows from looking at one link."""

    drafts: tuple[Draft, ...] = ()
    baselines: Mapping[Side, Mapping[str, Key]] = field(default_factory=dict)
    """Keys that baselines take at once, because nothing has to be written for them."""
    notes: Mapping[str, Reason] = field(default_factory=dict)
    """Strands that differ and stay so, with the reason (rule 3.8)."""
    settled: frozenset[str] = frozenset()
    """Strands whose two sides are equal: an older note on them is over. One that is to be written keeps its note
    until it is (`note_after`)."""
    parked: Mapping[str, Parked] = field(default_factory=dict)
    pending: tuple[Pending, ...] = ()
    """Associations that are not carried for now: nothing is remembered of them but that (rule 7.2)."""


@dataclass(frozen=True, slots=True)
class CreationRefused:
    """A creation that cannot be sent (rule 4.7)."""

    reason: Refusal
    message: str
    field: str | None = None
    pending: tuple[Pending, ...] = ()
    waits: bool = False
    """What is missing is an association that follows by itself (rule 7.2)."""


@dataclass(frozen=True, slots=True)
class LinkMemory:
    """What a link remembers."""

    a: Baseline = field(default_factory=dict)
    b: Baseline = field(default_factory=dict)
    parked: Mapping[str, Parked] = field(default_factory=dict)
    pins: Mapping[Side, frozenset[str]] = field(default_factory=dict)
    """Fields of each side to which nothing is written now (rule 9.5)."""
    provenance: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Mapping id → where its present value came from, where we wrote it: {side, …}."""
    frozen: Mapping[str, Side] = field(default_factory=dict)
    """Mapping id → the side to which one more write would be a turn too many (rule 4.5)."""

    def origin(self, mapping: str) -> Side | None:
        """The side that the mapping's present value came from."""
        told = self.provenance.get(mapping)
        return Side(told["side"]) if told else None

    made_at: datetime | None = None
    """When the link was made; None where that does not matter."""

    def is_older_than(self, moment: str) -> bool:
        """Was the link there at this time (ISO form, blank for ever)?"""
        return not moment or self.made_at is None or self.made_at < datetime.fromisoformat(moment)

    @property
    def is_new(self) -> bool:
        """Nothing of the two was ever compared."""
        return not self.a or not self.b

    def base(self, strand: str) -> Base | None:
        """None unless both sides were compared before: then it is a first comparison."""
        if strand not in self.a or strand not in self.b:
            return None
        return Base(self.a[strand], self.b[strand])

    def is_pinned(self, side: Side, fields: Iterable[str]) -> bool:
        """Would writing these fields touch a pinned one?"""
        return not self.pins.get(side, frozenset()).isdisjoint(fields)


class _Sheet:
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


def plan_link(
    rules: Rules, a: Values, b: Values, memory: LinkMemory, way: Direction | None = Direction.TWO_WAY
) -> LinkPlan:
    """Compare two linked records, strand by strand, each against its own baseline.

    `way` is where the filters let values of these two go. What they hold back keeps its old baselines.
    """
    sheet = _Sheet(rules, {Side.A: a, Side.B: b}, way)
    for lens in rules.lenses:
        if lens.is_set:
            if lens.field_names(Side.A)[0] in a and lens.field_names(Side.B)[0] in b:
                _plan_list(sheet, lens, memory)
            continue
        seen_a, seen_b = lens.look(Side.A, a), lens.look(Side.B, b)
        if seen_a is None or seen_b is None:
            continue  # Unread is never blank (rule 4.6).
        for element in lens.elements:
            _plan_strand(sheet, lens, element, seen_a[element], seen_b[element], memory)
    return sheet.plan(sheet.draft(side, WriteKind.UPDATE) for side in Side)


def _shown(carried: Carried) -> str:
    return "blank" if carried.key is None else f"“{carried.value}”"


def _decide(
    sheet: _Sheet,
    lens: Lens,
    element: str,
    a: Carried,
    b: Carried,
    base: Base | None,
    memory: LinkMemory,
    policy: Policy,
) -> Decision:
    """As ever, but for a mapping that is new or has another form than when it was compared (rule 4.6)."""
    if base is not None or memory.is_new:
        return decide(a, b, base, policy)
    former = sheet.rules.former.get(lens.mapping.id, ())
    edited = edited_sides(former, element, sheet.before, memory.a, memory.b)
    if edited is not None:
        return decide_anew(a, b, edited, memory.origin(lens.mapping.id), policy)
    if lens.mapping.begins is Begins.LATER and memory.is_older_than(lens.mapping.begins_at):
        return Decision("4.6", Reason.LATER_ONLY, differs=a.key != b.key)
    return decide(a, b, None, policy)


def _plan_strand(sheet: _Sheet, lens: Lens, element: str, a: Carried, b: Carried, memory: LinkMemory) -> None:
    strand = lens.strand(element)
    if sheet.is_parked(strand, memory.parked.get(strand), a.key, b.key):
        return
    base = memory.base(strand)
    policy = sheet.policy(lens)
    if policy is None:
        if a.key == b.key or not _is_known(sheet.rules.policies[lens.mapping.id], base, a.key, b.key):
            sheet.leave(strand, Reason.FILTERED, differs=a.key != b.key)
        return
    decision = _decide(sheet, lens, element, a, b, base, memory, policy)
    if decision.to is None and decision.differs and sheet.is_narrowed(lens):
        sheet.leave(strand, Reason.FILTERED, differs=True)
        return
    if decision.to is None:
        _leave(sheet, strand, decision, base, *_in_step(policy, base, a.key, b.key))
        return
    side = decision.to
    if memory.frozen.get(lens.mapping.id) is side:
        sheet.freeze(lens, strand, a, b)
        return
    try:
        changed = lens.halves[side].put(element, decision.value.value, sheet.now[side], base.of(side) if base else None)
        effective = {name: v for name, v in changed.items() if v != sheet.now[side].get(name)}
        sheet.refuse_missing(side, effective)
    except NotCarried as missing:
        sheet.wait(lens.mapping, missing.association)
        return
    except Unfit as unfit:
        sheet.park(strand, unfit, a.key, b.key)
        return
    if memory.is_pinned(side, effective):
        # The old baselines stand: once the pin is gone this is an ordinary comparison.
        sheet.leave(strand, Reason.PINNED, differs=True)
        return
    if not effective:
        # The field holds it already, in a form that only looks different.
        sheet.agree(strand, *_in_step(policy, base, a.key, b.key))
        sheet.leave(strand, Reason.REWRITTEN, differs=a.key != b.key)
        return
    sheet.write(
        lens, side, strand, effective, Planned(a.key, b.key, decision.value.key), decision.rule, decision.reason
    )


def _is_known(policy: Policy, base: Base | None, a: Key, b: Key) -> bool:
    """Is all as it was when last compared? Then a filter holds nothing back: what differs has its reason already."""
    return base is not None and _in_step(policy, base, a, b) == (base.a, base.b)


def _in_step(policy: Policy, base: Base | None, a: Key, b: Key) -> tuple[Key, Key]:
    """What the baselines take of two keys. A blank that may only mean "not returned" tells nothing: the old
    baseline stands, or the value would count as an edit when it is returned again (rule 3.6)."""
    if base is None:
        return a, b
    known_a = a is not None or policy.tells(Side.A)
    known_b = b is not None or policy.tells(Side.B)
    return a if known_a else base.a, b if known_b else base.b


def _leave(sheet: _Sheet, strand: str, decision: Decision, base: Base | None, a: Key, b: Key) -> None:
    if base is None or (base.a, base.b) != (a, b):
        sheet.agree(strand, a, b)
    if decision.reason is not Reason.UNCHANGED:
        sheet.leave(strand, decision.reason, differs=decision.differs)
    elif a == b:
        sheet.settled.add(strand)


def _plan_list(sheet: _Sheet, lens: Lens, memory: LinkMemory) -> None:
    """Rule 3.11: both sides may be written in one pass."""
    strand, primary = lens.strand(""), lens.strand(ManyFields.PRIMARY)
    halves = {side: lens.halves[side] for side in Side}
    found = {side: half.elements(sheet.now[side]) for side, half in halves.items() if isinstance(half, ManyFields)}
    base, base_primary = memory.base(strand), memory.base(primary)
    policy = sheet.policy(lens)
    if policy is None:
        sheet.leave(strand, Reason.FILTERED, differs=list_key(found[Side.A]) != list_key(found[Side.B]))
        return
    narrowed = sheet.is_narrowed(lens)
    _leave_out_unrelated(sheet, lens, found, base)
    _assume_not_returned(found, base, policy)
    states = {
        side: ListState(
            tuple(found[side]),
            frozenset(as_list(base.of(side)) if base else ()),
            base_primary.of(side) if base_primary else None,
        )
        for side in Side
    }
    keys = {side: list_key(found[side]) for side in Side}
    if sheet.is_parked(strand, memory.parked.get(strand), keys[Side.A], keys[Side.B]):
        return
    if base is None and _begins_later(sheet, lens, memory):
        for one, held in ((strand, keys), (primary, {side: states[side].primary for side in Side})):
            sheet.agree(one, held[Side.A], held[Side.B])
        sheet.leave(strand, Reason.LATER_ONLY, differs=keys[Side.A] != keys[Side.B])
        return
    decision = _decide_list(sheet, lens, states, base, memory, policy)
    if memory.frozen.get(lens.mapping.id) in decision.to:
        both_sides = {side: Carried(keys[side], ", ".join(states[side].keys)) for side in Side}
        sheet.freeze(lens, strand, both_sides[Side.A], both_sides[Side.B])
        return
    if not decision.to and decision.differs and narrowed:
        sheet.leave(strand, Reason.FILTERED, differs=True)
        return
    if not decision.to:
        outcome = Decision(decision.rule, decision.reason, differs=decision.differs)
        _leave(sheet, strand, outcome, base, keys[Side.A], keys[Side.B])
        firsts = states[Side.A].primary, states[Side.B].primary
        if base_primary is None or (base_primary.a, base_primary.b) != firsts:
            sheet.agree(primary, *firsts)
        return
    values = {**found[Side.B], **found[Side.A]}
    try:
        changed = {
            side: halves[side].put("", [values[k] for k in wanted], sheet.now[side], None)
            for side, wanted in decision.to.items()
        }
        for side in decision.to:
            sheet.refuse_missing(side, changed[side])
    except Unfit as unfit:
        sheet.park(strand, unfit, keys[Side.A], keys[Side.B])
        return
    # What is not carried now, to the other side or against the filter, stays to be carried.
    both = len(decision.to) == 2 or narrowed
    bases = Base(list_key(states[Side.A].base), list_key(states[Side.B].base)) if both else None
    firsts_base = Base(states[Side.A].base_primary, states[Side.B].base_primary) if both else None
    pinned = {side for side in decision.to if memory.is_pinned(side, changed[side])}
    for side, wanted in decision.to.items():
        if side in pinned:
            continue  # With both baselines in what is written to the other, this one's part stays to be done.
        whole = Planned(keys[Side.A], keys[Side.B], list_key(wanted), bases)
        sheet.write(lens, side, strand, changed[side], whole, decision.rule, decision.reason)
        sheet.strands[side][primary] = Planned(
            states[Side.A].primary, states[Side.B].primary, wanted[0] if wanted else None, firsts_base
        )
    if pinned:
        sheet.leave(strand, Reason.PINNED, differs=True)
    elif decision.left is not Reason.UNCHANGED:
        sheet.notes[strand] = Reason.FILTERED if narrowed else decision.left


def _begins_later(sheet: _Sheet, lens: Lens, memory: LinkMemory) -> bool:
    mapping = lens.mapping
    if mapping.begins is not Begins.LATER or memory.is_new or not memory.is_older_than(mapping.begins_at):
        return False
    former = sheet.rules.former.get(lens.mapping.id, ())
    return edited_sides(former, "", sheet.before, memory.a, memory.b) is None


def _decide_list(
    sheet: _Sheet,
    lens: Lens,
    states: Mapping[Side, ListState],
    base: Base | None,
    memory: LinkMemory,
    policy: Policy,
) -> SetDecision:
    former = sheet.rules.former.get(lens.mapping.id, ()) if base is None else ()
    edited = edited_sides(former, "", sheet.before, memory.a, memory.b)
    if edited is not None:
        keys = {side: states[side].keys for side in Side}
        anew = list_anew(keys, edited, memory.origin(lens.mapping.id), policy)
        if anew is not None:
            return anew
    return decide_set(states[Side.A], states[Side.B], first=base is None, policy=policy)


def _leave_out_unrelated(sheet: _Sheet, lens: Lens, found: dict[Side, dict[str, Value]], base: Base | None) -> None:
    """References that nothing corresponds to stay as they are on their own side, and wait (rule 7.2)."""
    for side in Side:
        half = lens.halves[side]
        if not isinstance(half, ManyReferences):
            return
        found[side] = half.elements_against(sheet.now[side], base.of(side) if base else None)
        if lens.direction.allows(side.other):
            for association in half.not_carried(sheet.now[side]):
                if association.key not in found[side]:
                    sheet.wait(lens.mapping, association)


def _assume_not_returned(found: dict[Side, dict[str, Value]], base: Base | None, policy: Policy) -> None:
    """An empty list that may only mean "not returned" is taken to hold what it held, as far as the other side
    still has it: nothing is removed because of it, and what is written to it is whole (rule 3.6)."""
    for side in Side:
        if base is not None and not found[side] and not policy.tells(side):
            held = set(as_list(base.of(side)))
            found[side] = {key: value for key, value in found[side.other].items() if key in held}


def plan_creation(
    rules: Rules, target: Side, source: Values, memory: LinkMemory | None = None
) -> LinkPlan | CreationRefused:
    """The record that is missing on side `target`, made of the other side's values (rules 4.4 and 4.7).

    `memory` tells which values the target refused before: the record is made without them (rule 4.5).
    """
    parked = memory.parked if memory is not None else {}
    sheet = _Sheet(rules, {target.other: source, target: {}})
    for lens in rules.lenses:
        read = lens.look(target.other, source)
        if read is None or not lens.direction.allows(target):
            continue
        seen = _related_only(sheet, lens, target.other, read, source)
        for element in ("",) if lens.is_set else lens.elements:
            _carry_over(sheet, lens, element, target, seen[element], parked)
        if lens.is_set and lens.strand("") in sheet.strands[target]:
            first = seen[ManyFields.PRIMARY].key
            sheet.strands[target][lens.strand(ManyFields.PRIMARY)] = _created(target, first)
    for mapping in rules.settings.mappings:
        _fill_defaults(sheet, mapping, target)
    missing = _missing_required(rules.resources[target], sheet.now[target])
    if missing is not None:
        return _waiting_for(sheet, target, missing)
    draft = sheet.draft(target, WriteKind.CREATE)
    if draft is None:
        refused = CreationRefused(Refusal.MISSING_REQUIRED, "None of the mapped fields has a value.")
        return _waiting_for(sheet, target, refused)
    return sheet.plan([draft])


def _waiting_for(sheet: _Sheet, target: Side, refused: CreationRefused) -> CreationRefused:
    """A record that cannot be without its association waits for it, as long as there is something to wait for."""
    concerned = [
        one
        for one in sheet.pending
        if refused.field is None or refused.field in sheet.rules.fields_of(one.mapping, target)
    ]
    waits = any(one.obstacle is Obstacle.WAITING for one in concerned)
    return replace(refused, pending=tuple(sheet.pending), waits=waits)


def _related_only(
    sheet: _Sheet, lens: Lens, side: Side, seen: Mapping[str, Carried], source: Values
) -> Mapping[str, Carried]:
    """Of a list of references, those that can be carried now; the others wait (rule 7.2)."""
    half = lens.halves[side]
    if not isinstance(half, ManyReferences):
        return seen
    for association in half.not_carried(source):
        sheet.wait(lens.mapping, association)
    elements = half.elements_against(source, None)
    first = next(iter(elements), None)
    return {
        "": Carried(list_key(elements), list(elements.values())),
        ManyFields.PRIMARY: Carried(first, elements[first]) if first else BLANK,
    }


def _carry_over(
    sheet: _Sheet, lens: Lens, element: str, target: Side, seen: Carried, parked: Mapping[str, Parked]
) -> None:
    if seen.key is None:
        return
    strand = lens.strand(element)
    planned = _created(target, seen.key)
    if sheet.is_parked(strand, parked.get(strand), planned.a, planned.b):
        return
    try:
        changed = lens.halves[target].put(element, seen.value, sheet.now[target], None)
    except NotCarried as missing:
        sheet.wait(lens.mapping, missing.association)
        return
    except Unfit as unfit:
        sheet.park(strand, unfit, planned.a, planned.b)
        return
    sheet.write(lens, target, strand, changed, planned, "5.1", Reason.CREATED)


def _created(target: Side, source: Key) -> Planned:
    return Planned(None, source, source) if target is Side.A else Planned(source, None, source)


def _fill_defaults(sheet: _Sheet, mapping: FieldMapping, target: Side) -> None:
    """Constants and defaults fill a blank on creation only (rule 4.4)."""
    default = mapping.defaults.get(target)
    if not mapping.enabled or blank(default) or any(one.mapping == mapping.id for one in sheet.pending):
        return
    for name in mapping.fields(target)[:1]:
        if blank(sheet.now[target].get(name)):
            sheet.now[target][name] = default
            sheet.causes[target][name] = (mapping.id, "4.4", Reason.DEFAULT)
            _remember_default(sheet, mapping, target)


def _remember_default(sheet: _Sheet, mapping: FieldMapping, target: Side) -> None:
    """The side that the record came from stays blank, and the difference is known: a default goes nowhere else."""
    lens = sheet.rules.lens_of(mapping)
    if lens is None:
        return
    shown = lens.look(target, {**dict.fromkeys(lens.field_names(target)), **sheet.now[target]}) or {}
    for element, carried in shown.items():
        strand = lens.strand(element)
        if carried.key is not None and strand not in sheet.strands[target] and strand not in sheet.parked:
            sheet.strands[target][strand] = Planned(None, None, carried.key)
            sheet.notes[strand] = Reason.DEFAULT


def _missing_required(resource: Resource, values: Values) -> CreationRefused | None:
    for f in resource.fields:
        if f.required and not f.read_only and blank(values.get(f.name)):
            message = f"“{f.label}” is required in {resource.label}, and there is no value for it."
            return CreationRefused(Refusal.MISSING_REQUIRED, message, f.name)
    return None
