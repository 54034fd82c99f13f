"""A pinned field is left alone, and its old baseline stands (rule 9.5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.contract import FieldType
from syncengine.core.mapping import ClearPolicy, FieldMapping, Transform
from syncengine.core.merge import Reason
from syncengine.core.plan import LinkMemory, baselines_after

from .build import A, B, Pair, field, only_note, resource, rules_of


def pinned(pair: Pair, **fields: str) -> Pair:
    pins = {side: frozenset([fields[side.value]]) for side in (A, B) if side.value in fields}
    return replace(pair, memory=replace(pair.memory, pins=pins))


def test_rule_9_5_nothing_is_written_and_no_baseline_moves() -> None:
    pair = Pair(rules_of(field("x"), field("y")), {"x": "1"}, {"y": "1"}).in_step().edited(a={"x": "2"})
    held = pinned(pair, b="y")
    plan = held.plan()
    assert not plan.drafts and only_note(plan) is Reason.PINNED and not any(plan.baselines.values())
    assert pair.written() == {B: {"y": "2"}}, "afterwards an ordinary comparison with the old baselines"


def test_rule_9_5_an_edit_of_the_pinned_side_still_goes_out() -> None:
    pair = Pair(rules_of(field("x"), field("y")), {"x": "1"}, {"y": "1"}).in_step().edited(b={"y": "2"})
    assert pinned(pair, b="y").written() == {A: {"x": "2"}}


@pytest.mark.parametrize("clears", [ClearPolicy.KEEP, ClearPolicy.CLEAR])
def test_rule_9_5_a_clear_waits_too(clears: ClearPolicy) -> None:
    pair = Pair(rules_of(field("x"), field("y"), clears=clears), {"x": "1"}, {"y": "1"}).in_step().edited({"x": None})
    held = pinned(pair, b="y").plan()
    assert not held.drafts
    assert only_note(held) is (Reason.PINNED if clears is ClearPolicy.CLEAR else Reason.CLEAR_KEPT)


def test_rule_9_5_a_first_comparison_waits_too() -> None:
    pair = Pair(rules_of(field("x"), field("y")), {"x": "1"}, {"y": "2"})
    plan = pinned(pair, b="y").plan()
    assert not plan.drafts and not any(plan.baselines.values())
    assert pair.written() == {B: {"y": "1"}}


def test_rule_9_5_of_a_name_only_the_part_that_would_be_written_counts() -> None:
    left = resource(field("first", canonical="first_name"), field("last", canonical="last_name"))
    right = resource(field("name", canonical="full_name"))
    rules = rules_of(left, right, FieldMapping("n", ("first", "last"), ("name",), transform=Transform.NAME))
    pair = Pair(rules, {"first": "Ann", "last": "Lee"}, {"name": "Ann Lee"}).in_step().edited(b={"name": "Anna Lee"})
    assert pinned(pair, a="last").written() == {A: {"first": "Anna"}}
    assert pinned(pair, a="first").written() == {}


@pytest.mark.parametrize("side", [A, B])
def test_rule_9_5_a_list_keeps_what_it_still_has_to_carry(side: object) -> None:
    """Both sides added: the one that is not pinned gets its part, and the other gets its own afterwards."""
    one, two = field("x", FieldType.EMAIL, multi_valued=True), field("y", FieldType.EMAIL, multi_valued=True)
    pair = Pair(rules_of(one, two), {"x": ["k@x.de"]}, {"y": ["k@x.de"]}).in_step()
    pair = pair.edited({"x": ["k@x.de", "a@x.de"]}, {"y": ["k@x.de", "b@x.de"]})
    held = pinned(pair, **({"a": "x"} if side is A else {"b": "y"}))
    plan = held.plan()
    assert [d.side for d in plan.drafts] == [B if side is A else A] and only_note(plan) is Reason.PINNED
    draft = plan.drafts[0]
    assert all(planned.base is not None for planned in draft.strands.values()), "only its own part is settled"
    after = pair.edited(draft.values if draft.side is A else None, draft.values if draft.side is B else None)
    a, b = dict(pair.memory.a), dict(pair.memory.b)
    looks = after.rules.looks(draft.side, after.a if draft.side is A else after.b)
    for strand, planned in draft.strands.items():
        a[strand], b[strand] = baselines_after(planned, draft.side, looks[strand], pair.memory.base(strand))
    later = replace(after, memory=LinkMemory(a, b)).written()
    assert {frozenset(v) for values in later.values() for v in values.values()} == {
        frozenset(["k@x.de", "a@x.de", "b@x.de"])
    } and set(later) == {side}
