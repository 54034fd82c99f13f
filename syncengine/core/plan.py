"""The plan for one link: from what both sides hold and what they held when last in step, to operations.

Pure (rule 3.10): nothing here reads a clock or a database. `Rules` is a sync's settings made ready once;
`plan_link` compares two linked records; `plan_creation` makes the missing one.
"""

from __future__ import annotations

from connectors.contract import Values, WriteKind

from .baselines import Baseline, Planned, baselines_after, note_after
from .convert import Unfit
from .creation import plan_creation
from .drafts import CreationRefused, Draft, FieldChange, LinkMemory, LinkPlan, Parked
from .former import decide_anew, edited_sides
from .halves import Carried
from .lens import Lens, Plain
from .lists import plan_list
from .mapping import Begins, Direction, Side
from .merge import Base, Decision, Policy, Reason, decide
from .references import NotCarried, Pending
from .rules import Rules
from .sheet import Sheet
from .values import Key

__all__ = [
    "Baseline",
    "CreationRefused",
    "Draft",
    "FieldChange",
    "LinkMemory",
    "LinkPlan",
    "Parked",
    "Pending",
    "Planned",
    "Rules",
    "baselines_after",
    "note_after",
    "plan_creation",
    "plan_link",
]


def plan_link(
    rules: Rules, a: Values, b: Values, memory: LinkMemory, way: Direction | None = Direction.TWO_WAY
) -> LinkPlan:
    """Compare two linked records, strand by strand, each against its own baseline.

    `way` is where the filters let values of these two go. What they hold back keeps its old baselines.
    """
    sheet = Sheet(rules, {Side.A: a, Side.B: b}, way)
    free = way is Direction.TWO_WAY
    for lens, plain in rules.ways:
        if plain is not None and free and _stands(sheet, plain, a, b, memory):
            continue
        if lens.is_set:
            if lens.field_names(Side.A)[0] in a and lens.field_names(Side.B)[0] in b:
                plan_list(sheet, lens, memory)
            continue
        seen_a, seen_b = lens.look(Side.A, a), lens.look(Side.B, b)
        if seen_a is None or seen_b is None:
            continue  # Unread is never blank (rule 4.6).
        for element in lens.elements:
            _plan_strand(sheet, lens, element, seen_a[element], seen_b[element], memory)
    return sheet.plan(sheet.draft(side, WriteKind.UPDATE) for side in Side)


def _stands(sheet: Sheet, plain: Plain, a: Values, b: Values, memory: LinkMemory) -> bool:
    """Nothing is to be done, since neither side has changed: by far the most frequent case, and told soonest."""
    _lens, strand, field_a, key_a, field_b, key_b, keeps_text = plain
    if field_a not in a or field_b not in b:
        return True  # Unread is never blank (rule 4.6).
    base_a, base_b = memory.a, memory.b
    if strand not in base_a or strand not in base_b or strand in memory.parked:
        return False
    known, value = base_a[strand], a[field_a]
    key = value if keeps_text and value == known else key_a(value)
    if key != known:
        return False
    known, value = base_b[strand], b[field_b]
    other = value if keeps_text and value == known else key_b(value)
    if other != known:
        return False
    if key == other:
        sheet.settled.add(strand)
    return True


def _decide(
    sheet: Sheet,
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


def _plan_strand(sheet: Sheet, lens: Lens, element: str, a: Carried, b: Carried, memory: LinkMemory) -> None:
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
        sheet.stand(strand, decision, base, *_in_step(policy, base, a.key, b.key))
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
