"""The case table of the planner, row by row (rules 2.3 and 3.1 to 3.6).

Three times the same promise: a table written by hand, which names the cases that people ask about; a reference
that derives the decision from the words of the rules, held against every combination; and the planner itself,
which must carry out what was decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest

from connectors.contract import FieldType
from syncengine.core.lens import Carried
from syncengine.core.mapping import ClearPolicy, Direction, Side, WriteMode
from syncengine.core.merge import Base, Decision, Policy, Reason, decide
from syncengine.core.plan import LinkMemory

from .build import A, B, Pair, field, rules_of

# --- By hand ------------------------------------------------------------------------------------------------
#
# `was`: what the baselines of A and B hold ("new" for a first comparison); `is`: what both hold now; a dash is
# blank. `chosen`: words in which the mapping differs from: two-way, A wins, a clear is kept, overwrite, both
# sides tell blank. `then`: what is written ("A:=x", "A:=-" clears), or "stay"; with "!" where the two differ
# afterwards and the reason is remembered.

TABLE = """
was   is    chosen              then    rule  reason
# never compared: a new link, or a new mapping (3.3 a, 3.4)
new   x x   -                   stay    3.1   equal
new   - -   -                   stay    3.1   equal
new   x y   -                   B:=x    3.4   winner
new   x y   b_wins              A:=y    3.4   winner
new   x -   -                   B:=x    3.4   filled
new   - y   -                   A:=y    3.4   filled
new   x -   b_wins              B:=x    3.4   filled
new   - y   b_wins              A:=y    3.4   filled
# never a clear on a first comparison (3.6)
new   - y   clear               A:=y    3.4   filled
new   x -   clear,b_wins        B:=x    3.4   filled
new   - y   clear,a_to_b        stay!   2.3   no_way
# one way, never compared (2.3)
new   x y   a_to_b              B:=x    2.3   sender
new   x y   a_to_b,b_wins       B:=x    2.3   sender
new   x y   b_to_a              A:=y    2.3   sender
new   x -   a_to_b              B:=x    3.4   filled
new   - y   a_to_b              stay!   2.3   no_way
new   x -   b_to_a              stay!   2.3   no_way
# how a mapping writes, never compared (2.3)
new   x y   fill_blank          stay!   2.3   mode
new   x -   fill_blank          B:=x    3.4   filled
new   - y   fill_blank          A:=y    3.4   filled
new   x y   on_creation         stay!   2.3   mode
new   x -   on_creation         stay!   2.3   mode
new   x x   on_creation         stay    3.1   equal
# nobody changed anything (3.1)
x x   x x   -                   stay    3.1   unchanged
- -   - -   -                   stay    3.1   unchanged
x y   x y   -                   stay    3.1   unchanged
- y   - y   -                   stay    3.1   unchanged
- y   - y   clear               stay    3.1   unchanged
# only one side changed: it goes over, whoever wins (3.2)
x x   z x   -                   B:=z    3.2   only_one_changed
x x   z x   b_wins              B:=z    3.2   only_one_changed
x x   x z   -                   A:=z    3.2   only_one_changed
- -   z -   -                   B:=z    3.2   only_one_changed
- -   - z   -                   A:=z    3.2   only_one_changed
x y   x z   -                   A:=z    3.2   only_one_changed
- y   - z   -                   A:=z    3.2   only_one_changed
- y   z y   -                   B:=z    3.2   only_one_changed
# an edit on the receiving side stays until the sender's next edit (2.3)
x x   x z   a_to_b              stay!   2.3   receiver_edit
x x   z x   b_to_a              stay!   2.3   receiver_edit
x x   x -   a_to_b              stay!   2.3   receiver_edit
x z   x z   a_to_b              stay    3.1   unchanged
x z   w z   a_to_b              B:=w    3.2   only_one_changed
x x   z x   a_to_b              B:=z    3.2   only_one_changed
# both changed, to the same (3.5)
x x   z z   -                   stay    3.5   both_same
x x   - -   -                   stay    3.5   both_same
x x   z z   a_to_b              stay    3.5   both_same
x y   y y   -                   stay    3.5   both_same
# both changed, to different values (3.3 b, 3.4)
x x   z w   -                   B:=z    3.4   winner
x x   z w   b_wins              A:=w    3.4   winner
x x   z w   a_to_b,b_wins       B:=z    2.3   sender
x x   z w   b_to_a              A:=w    2.3   sender
x x   z w   fill_blank          stay!   2.3   mode
x x   z -   -                   B:=z    3.4   winner
x x   z -   fill_blank          B:=z    3.4   winner
x x   - w   -                   A:=w    3.4   winner_blank
x x   z -   b_wins              B:=z    3.4   winner_blank
# a later clear (3.6)
x x   - x   -                   stay!   3.6   clear_kept
x x   x -   -                   stay!   3.6   clear_kept
x x   - x   clear               B:=-    3.6   cleared
x x   x -   clear               A:=-    3.6   cleared
x x   x -   clear,a_to_b        stay!   2.3   receiver_edit
x x   - x   clear,a_to_b        B:=-    3.6   cleared
x x   - x   clear,fill_blank    stay!   3.6   clear_kept
x x   - w   clear               B:=-    3.6   cleared
x x   - w   clear,b_wins        A:=w    3.4   winner
x x   z -   clear,b_wins        A:=-    3.6   cleared
x x   - w   clear,a_to_b        B:=-    3.6   cleared
x x   - w   a_to_b              stay!   3.6   clear_kept
# a blank that may only mean "not returned" is no clear (3.6)
x x   - x   clear,a_hides       stay    3.1   unchanged
x x   - w   clear,a_hides       A:=w    3.2   only_one_changed
x x   - -   clear,a_hides       stay    3.5   both_same
new   - y   a_hides             A:=y    3.4   filled
# how a mapping writes, later (2.3)
x x   z x   fill_blank          stay!   2.3   mode
x -   z -   fill_blank          B:=z    3.2   only_one_changed
x x   z x   on_creation         stay!   2.3   mode
"""

WORDS = {
    "-": {},
    "b_wins": {"winner": Side.B},
    "a_to_b": {"direction": Direction.A_TO_B},
    "b_to_a": {"direction": Direction.B_TO_A},
    "clear": {"clears": ClearPolicy.CLEAR},
    "fill_blank": {"mode": WriteMode.FILL_BLANK},
    "on_creation": {"mode": WriteMode.ON_CREATION},
    "a_hides": {"tells_blank": {Side.A: False, Side.B: True}},
}


@dataclass(frozen=True)
class Row:
    base: Base | None
    a: str | None
    b: str | None
    policy: Policy
    then: str
    rule: str
    reason: Reason


def rows() -> list:
    lines = [line.split() for line in TABLE.strip().splitlines()[1:] if not line.startswith("#")]
    return [pytest.param(row_of(words), id=" ".join(words)) for words in lines]


def row_of(words: list[str]) -> Row:
    was = None if words[0] == "new" else Base(value_of(words[0]), value_of(words[1]))
    a, b, chosen, then, rule, reason = words[1:] if was is None else words[2:]
    attributes = {k: v for word in chosen.split(",") for k, v in WORDS[word].items()}
    return Row(was, value_of(a), value_of(b), Policy(**attributes), then, rule, Reason(reason))


def value_of(word: str) -> str | None:
    return None if word == "-" else word


def said(decision: Decision) -> str:
    if decision.to is None:
        return "stay!" if decision.differs else "stay"
    return f"{decision.to.upper()}:={decision.value.value or '-'}"


def carried(value: str | None) -> Carried:
    return Carried(value, value)


@pytest.mark.parametrize("row", rows())
def test_by_hand(row: Row):
    decision = decide(carried(row.a), carried(row.b), row.base, row.policy)
    assert (said(decision), decision.rule, decision.reason) == (row.then, row.rule, row.reason)


def test_the_hand_written_table_is_one():
    assert len(rows()) >= 60
    assert len({p.id for p in rows()}) == len(rows())


# --- By reference -------------------------------------------------------------------------------------------


def expected(a: str | None, b: str | None, base: Base | None, policy: Policy) -> str:
    """What the rules say, in their own order, of one value on both sides."""
    value = {A: a, B: b}
    if a == b:
        return "stay"  # 3.5, 3.8
    if base is None:
        source = source_of_conflict(value, policy, blank_counts=False)
        return written(source, value, policy) if value[source] is not None else "stay!"
    changed = [
        side  # 3.1; a blank that may mean "not returned" is no change (3.6)
        for side in Side
        if value[side] != base.of(side) and (value[side] is not None or policy.tells(side))
    ]
    if not changed:
        return "stay"
    if len(changed) == 2:  # 3.3 b
        source = source_of_conflict(value, policy, blank_counts=policy.clears is ClearPolicy.CLEAR)
        return written(source, value, policy)
    return written(changed[0], value, policy)  # 3.2


def source_of_conflict(value: dict[Side, str | None], policy: Policy, *, blank_counts: bool) -> Side:
    if policy.direction is Direction.A_TO_B:
        return A  # 2.3: in a one-way mapping the sender wins
    if policy.direction is Direction.B_TO_A:
        return B
    if value[policy.winner] is None and not blank_counts:
        return policy.winner.other  # 3.4: if the winner's value is blank, the other side's is kept, and fills it
    return policy.winner


def written(source: Side, value: dict[Side, str | None], policy: Policy) -> str:
    """One side's value goes over, as far as direction, mode and the policy for clears let it."""
    to, new = source.other, value[source]
    ways = {Direction.TWO_WAY: (A, B), Direction.A_TO_B: (B,), Direction.B_TO_A: (A,)}
    if to not in ways[policy.direction]:
        return "stay!"  # 2.1, 2.3
    if policy.mode is WriteMode.ON_CREATION:
        return "stay!"  # 2.3
    if policy.mode is WriteMode.FILL_BLANK and value[to] is not None:
        return "stay!"  # 2.3
    if new is None and policy.clears is ClearPolicy.KEEP:
        return "stay!"  # 3.6
    return f"{to.upper()}:={new or '-'}"


POLICIES = [
    Policy(direction, winner, clears, mode)
    for direction, winner, clears, mode in product(Direction, Side, ClearPolicy, WriteMode)
]
STATES = {
    "unchanged": ("old", "old"),
    "edited": ("old", "new"),
    "edited otherwise": ("old", "newer"),
    "cleared": ("old", None),
    "blank": (None, None),
    "filled": (None, "new"),
    "filled otherwise": (None, "newer"),
    "unchanged, known to differ": ("own", "own"),
    "edited to what the other was": ("own", "old"),
}
"""What may have happened on a side: (its baseline, its value now)."""
TELLS = [{A: x, B: y} for x, y in product((True, False), repeat=2)]


def policy_name(policy: Policy) -> str:
    return f"{policy.direction} {policy.winner} wins {policy.clears} {policy.mode}"


@pytest.mark.parametrize("policy", POLICIES, ids=policy_name)
def test_every_first_comparison(policy: Policy):
    for a, b, tells in product((None, "x", "y"), (None, "x", "y"), TELLS):
        told = Policy(policy.direction, policy.winner, policy.clears, policy.mode, tells)
        case = f"A {a}, B {b}, tells blank {tells}"
        assert said(decide(carried(a), carried(b), None, told)) == expected(a, b, None, told), case


@pytest.mark.parametrize("policy", POLICIES, ids=policy_name)
@pytest.mark.parametrize("state_a", STATES)
def test_every_later_comparison(policy: Policy, state_a: str):
    was_a, a = STATES[state_a]
    for (state_b, (was_b, b)), tells in product(STATES.items(), TELLS):
        base = Base(was_a, was_b)
        told = Policy(policy.direction, policy.winner, policy.clears, policy.mode, tells)
        case = f"A {state_a}, B {state_b}, tells blank {tells}"
        assert said(decide(carried(a), carried(b), base, told)) == expected(a, b, base, told), case


# --- The planner does what was decided ----------------------------------------------------------------------


@pytest.mark.parametrize("policy", POLICIES, ids=policy_name)
def test_the_planner_carries_out_every_decision(policy: Policy):
    """Also: nothing is planned for the same two records again (rule 3.8), and never against the direction."""
    text = field("text", FieldType.TEXT)
    rules = rules_of(
        text, text, direction=policy.direction, winner=policy.winner, clears=policy.clears, mode=policy.mode
    )
    strand = rules.lenses[0].strand("")
    for (was_a, a), (was_b, b) in product(STATES.values(), STATES.values()):
        pair = Pair(rules, {"text": a}, {"text": b}, LinkMemory({strand: was_a}, {strand: was_b}))
        then = expected(a, b, Base(was_a, was_b), policy)
        plan = pair.plan()
        if then.startswith("stay"):
            assert plan.drafts == ()
            assert (strand in plan.notes) is then.endswith("!")
            taken = {side: plan.baselines[side].get(strand, was) for side, was in ((A, was_a), (B, was_b))}
            assert taken == {A: a, B: b}, "both baselines take the present values"
        else:
            side = Side(then[0].lower())
            assert pair.written() == {side: {"text": None if then[3:] == "-" else then[3:]}}
            assert plan.baselines == {A: {}, B: {}}, "nothing is settled before it is written"


def test_rule_3_10_the_same_input_gives_the_same_plan_and_every_change_says_why():
    rules = rules_of(field("text"), field("text"))
    pair = Pair(rules, {"text": "x"}, {"text": "x"}).in_step().edited(a={"text": "z"})
    assert pair.plan() == pair.plan()
    (draft,) = pair.plan().drafts
    (change,) = draft.changes
    assert (change.mapping, change.rule, change.reason) == ("m", "3.2", Reason.ONLY_ONE_CHANGED)
    assert (change.before, change.after) == ("x", "z")
