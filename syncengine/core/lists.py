"""Planning a list against a list, merged element by element (rule 3.11)."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.contract import Value

from .baselines import Planned, as_list, list_key
from .convert import Unfit
from .drafts import LinkMemory
from .former import edited_sides, list_anew
from .halves import Carried, ManyFields
from .lens import Lens
from .mapping import Begins, Side
from .merge import Base, Decision, ListState, Policy, Reason, SetDecision, decide_set
from .references import ManyReferences
from .sheet import Sheet


def plan_list(sheet: Sheet, lens: Lens, memory: LinkMemory) -> None:
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
        sheet.stand(strand, outcome, base, keys[Side.A], keys[Side.B])
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


def _begins_later(sheet: Sheet, lens: Lens, memory: LinkMemory) -> bool:
    mapping = lens.mapping
    if mapping.begins is not Begins.LATER or memory.is_new or not memory.is_older_than(mapping.begins_at):
        return False
    former = sheet.rules.former.get(lens.mapping.id, ())
    return edited_sides(former, "", sheet.before, memory.a, memory.b) is None


def _decide_list(
    sheet: Sheet,
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


def _leave_out_unrelated(sheet: Sheet, lens: Lens, found: dict[Side, dict[str, Value]], base: Base | None) -> None:
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
