"""Lists against lists, merged element by element (rule 3.11), and what their baselines hold afterwards (rule 3.7)."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import FieldType, Refusal
from syncengine.core.mapping import ClearPolicy, Direction, Side, WriteMode
from syncengine.core.merge import Base, ListState, Policy, Reason, decide_set
from syncengine.core.plan import LinkMemory, Parked, Planned, baselines_after, plan_creation

from .build import A, B, Pair, draft_of, field, rules_of

WAYS = {Direction.TWO_WAY: (A, B), Direction.A_TO_B: (B,), Direction.B_TO_A: (A,)}

# --- The table ----------------------------------------------------------------------------------------------
#
# Lists are words, the first letter is the primary element, a dash is empty. `=` is a side that is not written.

TABLE = """
was      is         chosen          then A  then B  why the two still differ
# a first comparison gives the union; the winner's primary element comes first
new      x y        -               xy      xy      -
new      x y        b_wins          yx      yx      -
new      xy yx      -               =       xy      -
new      xy yx      b_wins          yx      =       -
new      x x        -               =       =       -
new      xy -       -               =       xy      -
new      - xy       clear           xy      =       -
new      x y        a_to_b          =       xy      receiver_edit
new      - y        a_to_b          =       =       receiver_edit
new      x y        fill_blank      =       =       mode
new      x -        fill_blank      =       x       -
new      x y        on_creation     =       =       mode
# additions of both sides are kept
x x      xa xb      -               xab     xba     -
x x      xa x       -               =       xa      -
x x      xa x       b_wins          =       xa      -
x x      xa xa      -               =       =       -
x x      xa xb      a_to_b          =       xba     receiver_edit
x x      x xb       a_to_b          =       =       receiver_edit
# removals pass
xyz xyz  xz xyz     -               =       xz      -
xyz xyz  xz xy      -               x       x       -
xyz xyz  xza xyz    -               =       xza     -
xy xy    y x        -               -       -       -
# what one side removed, the other cannot have added
xy xy    x xyz      -               xz      xz      -
# the primary element is a value of its own; order alone is no change
xyz xyz  xzy xyz    -               =       =       -
xyz xyz  yxz xyz    -               =       yxz     -
xyz xyz  yxz zxy    -               =       yzx     -
xyz xyz  yxz zxy    b_wins          zyx     =       -
xyz xyz  xyz zxy    a_to_b          =       =       -
# a list that becomes blank follows 3.6
xy xy    - xy       -               =       =       clear_kept
xy xy    - xy       clear           =       -       -
xy xy    xy -       clear           -       =       -
xy xy    - xy       clear,a_hides   =       =       -
xy xy    - xyz      -               z       =       clear_kept
xy xy    - xyz      clear           z       z       -
xy xy    - xy       clear,a_to_b    =       -       -
- xy     - xy       -               =       =       -
- xy     a xy       -               =       axy     known
"""

CHOSEN = {
    "-": {},
    "b_wins": {"winner": B},
    "a_to_b": {"direction": Direction.A_TO_B},
    "clear": {"clears": ClearPolicy.CLEAR},
    "fill_blank": {"mode": WriteMode.FILL_BLANK},
    "on_creation": {"mode": WriteMode.ON_CREATION},
}


def rows() -> list:
    lines = [line.split() for line in TABLE.strip().splitlines()[1:] if not line.startswith("#")]
    return [pytest.param(words, id=" ".join(words)) for words in lines]


def list_of(word: str) -> list[str] | None:
    return None if word == "-" else list(word)


@pytest.mark.parametrize("words", rows())
def test_rule_3_11_by_hand(words: list[str]):
    was = None if words[0] == "new" else words[:2]
    a, b, chosen, then_a, then_b, why = words[1:] if was is None else words[2:]
    hides = "a_hides" in chosen
    attributes = {k: v for word in chosen.split(",") if word != "a_hides" for k, v in CHOSEN[word].items()}
    rules = rules_of(
        field("tags", FieldType.MULTI_CHOICE, tells_blank=not hides),
        field("tags", FieldType.MULTI_CHOICE),
        **attributes,
    )
    pair = Pair(rules, {"tags": list_of(a)}, {"tags": list_of(b)})
    if was is not None:
        pair.memory = Pair(rules, {"tags": list_of(was[0])}, {"tags": list_of(was[1])}).in_step().memory
    plan = pair.plan()
    wanted = {side: {"tags": list_of(then)} for side, then in ((A, then_a), (B, then_b)) if then != "="}
    assert {d.side: d.values for d in plan.drafts} == wanted
    notes = [plan.notes.get(rules.lenses[0].strand(""))]
    assert notes == [None if why in ("-", "known") else Reason(why)]
    if why == "known":
        assert rules.lenses[0].strand("") not in plan.settled, "the reason that is remembered stands"


# --- By reference -------------------------------------------------------------------------------------------


def expected(now: dict[Side, str], was: dict[Side, str] | None, policy: Policy) -> dict[Side, frozenset[str]]:
    """Element by element: what each side holds afterwards, from the words of the rule."""
    after = {side: set(now[side]) for side in Side}
    for side in WAYS[policy.direction]:
        other = side.other
        if policy.mode is WriteMode.ON_CREATION or (policy.mode is WriteMode.FILL_BLANK and now[side]):
            continue
        if was is None:
            after[side] |= set(now[other])  # the union
            continue
        cleared = not now[other] and was[other]
        if not cleared or (policy.clears is ClearPolicy.CLEAR and policy.tells(other)):
            removed = set(was[other]) - set(now[other])
            after[side] -= removed - (set(now[side]) - set(was[side]))  # an addition of its own is kept
        after[side] |= set(now[other]) - set(was[other])
    return {side: frozenset(keys) for side, keys in after.items()}


LISTS = ["", "x", "y", "xy", "yx", "xyz", "az"]
POLICIES = [Policy(*chosen) for chosen in product(Direction, Side, ClearPolicy, WriteMode)]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda p: f"{p.direction} {p.winner} {p.clears} {p.mode}")
def test_rule_3_11_by_reference(policy: Policy):
    for a, b, was in product(LISTS, LISTS, [None, *product(["", "x", "xy", "xyz"], repeat=2)]):
        bases = was or ("", "")
        states = [
            ListState(tuple(now), frozenset(base), base[0] if base else None)
            for now, base in zip((a, b), bases, strict=True)
        ]
        decision = decide_set(*states, first=was is None, policy=policy)
        after = {side: frozenset(decision.to.get(side, now)) for side, now in ((A, a), (B, b))}
        case = f"A {bases[0]}→{a}, B {bases[1]}→{b}, first {was is None}"
        assert after == expected({A: a, B: b}, {A: bases[0], B: bases[1]} if was else None, policy), case
        assert decision.differs == (after[A] != after[B]), case
        assert set(decision.to) <= set(WAYS[policy.direction]), case
        for side, keys in decision.to.items():
            assert keys != tuple(a if side is A else b), f"{case}: written although it holds just that"


# --- Baselines ----------------------------------------------------------------------------------------------


def list_pair(was: str, a: str, b: str, **mapping) -> Pair:
    tags = field("tags", FieldType.MULTI_CHOICE)
    rules = rules_of(tags, tags, **mapping)
    before = Pair(rules, {"tags": list_of(was)}, {"tags": list_of(was)}).in_step()
    return before.edited(a={"tags": list_of(a)}, b={"tags": list_of(b)})


def write(pair: Pair, plan, side: Side, rewrite=lambda values: values) -> Pair:
    """Carry out one side's draft; the app makes of it what it likes and answers with that."""
    draft = draft_of(plan, side)
    answered = rewrite(draft.values)
    after = pair.edited(**{side.value: answered})
    looks = pair.rules.looks(side, after.a if side is A else after.b)
    memory = {A: dict(pair.memory.a), B: dict(pair.memory.b)}
    for strand, planned in draft.strands.items():
        memory[A][strand], memory[B][strand] = baselines_after(planned, side, looks[strand], pair.memory.base(strand))
    after.memory = LinkMemory(memory[A], memory[B])
    return after


def test_rule_3_7_an_addition_is_not_settled_before_it_is_written():
    """The write may be refused, held or lost: the next plan must still hold the addition."""
    pair = list_pair("x", "xa", "x")
    plan = pair.plan()
    assert plan.baselines == {A: {}, B: {}}
    assert write(pair, plan, B).plan().drafts == ()


@pytest.mark.parametrize("order", [(A, B), (B, A)])
def test_rule_3_7_a_list_written_on_both_sides_is_at_rest_in_either_order(order):
    pair = list_pair("x", "xa", "yxb", winner=A)
    plan = pair.plan()
    for side in order:
        pair = write(pair, plan, side)
    assert pair.plan().drafts == ()
    assert set(pair.a["tags"]) == set(pair.b["tags"]) == set("yxab")
    assert pair.a["tags"][0] == pair.b["tags"][0] == "y"


@pytest.mark.parametrize("done", [A, B])
@pytest.mark.parametrize("a, b", [("xa", "xb"), ("ax", "xb"), ("xa", "bx"), ("a", "xb"), ("xa", "b"), ("ax", "bx")])
def test_rule_3_7_of_two_writes_only_one_happened_and_the_other_is_planned_again(done, a, b):
    pair = list_pair("x", a, b)
    wholly = pair
    for side in Side:
        wholly = write(wholly, pair.plan(), side)
    half = write(pair, pair.plan(), done)
    assert half.written() == {done.other: {"tags": (wholly.b if done is A else wholly.a)["tags"]}}
    rest = write(half, half.plan(), done.other)
    assert rest.plan().drafts == ()


@given(
    was=st.text("vwxyz", max_size=4).map(lambda s: "".join(dict.fromkeys(s)) or "-"),
    a=st.text("vwxyzab", max_size=4).map(lambda s: "".join(dict.fromkeys(s)) or "-"),
    b=st.text("vwxyzab", max_size=4).map(lambda s: "".join(dict.fromkeys(s)) or "-"),
    first=st.sampled_from(Side),
    lost=st.booleans(),
    winner=st.sampled_from(Side),
    clears=st.sampled_from(ClearPolicy),
    sorts=st.booleans(),
)
def test_rule_3_8_lists_come_to_rest(was, a, b, first, lost, winner, clears, sorts):
    """Also where a write is lost on the way, and where an app sorts what it is given."""

    def rewrite(values):
        return {name: sorted(v) if v else None for name, v in values.items()} if sorts else values

    pair = list_pair(was, a, b, winner=winner, clears=clears)
    for step in range(6):
        plan = pair.plan()
        todo = [side for side in (first, first.other) if any(d.side is side for d in plan.drafts)]
        if not todo:
            break
        memory = {s: {**base, **plan.baselines[s]} for s, base in ((A, pair.memory.a), (B, pair.memory.b))}
        pair.memory = LinkMemory(memory[A], memory[B])
        for side in todo[:1] if lost and step == 0 else todo:
            pair = write(pair, plan, side, rewrite if side is B else lambda values: values)
    assert not plan.drafts
    if clears is ClearPolicy.CLEAR or (a != "-" and b != "-"):
        assert set(pair.a["tags"] or ()) == set(pair.b["tags"] or ())


BASELINES = {
    # what was planned on A and B, what it carries; written side, its answer → baselines of A and B
    "the written side takes the answer": (Planned("x", "w", "x"), B, "x", ("x", "x")),
    "however it was rewritten": (Planned("x", "w", "x"), B, "X…", ("x", "X…")),
    "even if nothing was applied": (Planned("x", "w", "x"), B, "w", ("x", "w")),
    "a clear": (Planned(None, "w", None), B, None, (None, None)),
    "written on A": (Planned("x", "w", "w"), A, "w", ("w", "w")),
    "a list": (Planned(["x", "y"], ["x"], ["x", "y"]), B, ["x", "y"], (["x", "y"], ["x", "y"])),
    "a list that lost an element": (Planned(["x", "y"], ["x"], ["x", "y"]), B, ["x"], (["x", "y"], ["x"])),
    "a creation": (Planned("x", None, "x"), B, "x", ("x", "x")),
}


@pytest.mark.parametrize("planned, side, answered, then", BASELINES.values(), ids=BASELINES)
def test_rule_3_7_baselines_after_one_write(planned, side, answered, then):
    assert baselines_after(planned, side, answered, Base("was", "was")) == then
    assert baselines_after(planned, side, answered, None) == then


BOTH = Base(["x"], ["x"])
BASELINES_OF_TWO = {
    # A added a, B added b; both are written {a, b, x}. now, written side, answer → baselines
    "A first": (Base(["x"], ["x"]), A, ["a", "b", "x"], (["b", "x"], ["b", "x"])),
    "then B": (Base(["b", "x"], ["b", "x"]), B, ["a", "b", "x"], (["a", "b", "x"], ["a", "b", "x"])),
    "B first": (Base(["x"], ["x"]), B, ["a", "b", "x"], (["a", "x"], ["a", "x"])),
    "then A": (Base(["a", "x"], ["a", "x"]), A, ["a", "b", "x"], (["a", "b", "x"], ["a", "b", "x"])),
    "A dropped b": (Base(["x"], ["x"]), A, ["a", "x"], (["x"], ["b", "x"])),
    "A keeps b as B2": (Base(["x"], ["x"]), A, ["B2", "a", "x"], (["B2", "x"], ["b", "x"])),
}


@pytest.mark.parametrize("now, side, answered, then", BASELINES_OF_TWO.values(), ids=BASELINES_OF_TWO)
def test_rule_3_7_baselines_after_each_of_two_writes(now, side, answered, then):
    planned = Planned(["a", "x"], ["b", "x"], ["a", "b", "x"], BOTH)
    assert baselines_after(planned, side, answered, now) == then


def test_rule_3_7_an_edit_made_meanwhile_is_not_swallowed():
    text = field("text")
    pair = Pair(rules_of(text, text), {"text": "x"}, {"text": "x"}).in_step().edited(a={"text": "y"})
    plan = pair.plan()
    after = write(pair.edited(a={"text": "z"}), plan, B)
    assert after.written() == {B: {"text": "z"}}


def test_rule_3_11_a_created_list_is_at_rest_in_an_app_that_sorts():
    tags = field("tags", FieldType.MULTI_CHOICE)
    rules = rules_of(tags, tags)
    plan = plan_creation(rules, B, {"tags": ["y", "x"]})
    pair = write(Pair(rules, {"tags": ["y", "x"]}, {}), plan, B, lambda values: {"tags": sorted(values["tags"])})
    assert pair.plan().drafts == ()


def test_rule_3_11_elements_keep_the_form_that_they_have_in_each_app():
    mails = field("mails", FieldType.EMAIL, multi_valued=True)
    pair = Pair(rules_of(mails, mails), {"mails": ["Ann@X.de"]}, {"mails": ["ann@x.de", "b@x.de"]})
    assert pair.written() == {A: {"mails": ["Ann@X.de", "b@x.de"]}}


def test_rule_4_5_an_element_that_does_not_fit_parks_the_list_and_nothing_else():
    texts, mails = field("texts", multi_valued=True), field("mails", FieldType.EMAIL, multi_valued=True)
    pair = Pair(rules_of(texts, mails), {"texts": ["x@y.de"]}, {"mails": ["x@y.de"]}).in_step()
    pair = pair.edited(a={"texts": ["x@y.de", "call me"]})
    plan = pair.plan()
    (parked,) = plan.parked.values()
    assert plan.drafts == () and isinstance(parked, Parked) and parked.reason is Refusal.INVALID_VALUE
    pair.memory = LinkMemory(pair.memory.a, pair.memory.b, plan.parked)
    assert pair.plan().parked == plan.parked
    assert pair.edited(a={"texts": ["x@y.de", "z@y.de"]}).written() == {B: {"mails": ["x@y.de", "z@y.de"]}}


def test_rule_3_6_a_list_that_was_not_returned_is_written_whole():
    hidden = field("tags", FieldType.MULTI_CHOICE, tells_blank=False)
    pair = Pair(rules_of(hidden, field("tags", FieldType.MULTI_CHOICE)), {"tags": ["x", "y"]}, {"tags": ["x", "y"]})
    pair = pair.in_step().edited(a={"tags": None}, b={"tags": ["x", "y", "z"]})
    assert pair.written() == {A: {"tags": ["x", "y", "z"]}}
