"""Direction (section 2 of the rules)."""

from __future__ import annotations

from itertools import product

import pytest

from connectors.contract import FieldType
from syncengine.core.compat import NoWay, Pairing, Unpaired, pairing
from syncengine.core.lens import Lens, grind
from syncengine.core.mapping import Direction, FieldMapping, Side, Transform, WriteMode
from syncengine.core.merge import Reason
from syncengine.core.plan import plan_creation
from syncengine.core.topology import path_between
from syncengine.core.values import Locale

from .build import A, B, Pair, field, only_note, resource, rules_of

WAYS = {Direction.TWO_WAY: {A, B}, Direction.A_TO_B: {B}, Direction.B_TO_A: {A}}


@pytest.mark.parametrize("sync, mapping", list(product(Direction, Direction)))
def test_rule_2_1_a_mapping_may_be_narrower_than_its_sync_never_wider(sync, mapping):
    people = resource(field("name"))
    lens = grind(FieldMapping("m", ("name",), ("name",), mapping), sync, people, people, Locale())
    both = WAYS[sync] & WAYS[mapping]
    if both:
        assert isinstance(lens, Lens)
        assert {side for side in Side if lens.direction.allows(side)} == both
    else:
        assert isinstance(lens, NoWay) and lens.reason


@pytest.mark.parametrize("direction, winner", list(product(Direction, Side)))
def test_rule_2_1_no_winner_overrides_a_direction(direction, winner):
    pair = Pair(
        rules_of(field("name"), field("name"), direction=direction, winner=winner), {"name": "x"}, {"name": "y"}
    )
    assert set(pair.written()) <= WAYS[direction]
    later = Pair(pair.rules, {"name": "x"}, {"name": "x"}).in_step()
    for a, b in product(("x", "y", None), ("x", "z", None)):
        assert set(later.edited({"name": a}, {"name": b}).written()) <= WAYS[direction]


def test_rule_2_1_a_creation_carries_only_what_may_go_there():
    people = resource(field("name"), field("phone", FieldType.PHONE))
    rules = rules_of(
        people,
        people,
        FieldMapping("name", ("name",), ("name",)),
        FieldMapping("phone", ("phone",), ("phone",), Direction.B_TO_A),
    )
    source = {"name": "Ann", "phone": "+49301234567"}
    assert plan_creation(rules, B, source).drafts[0].values == {"name": "Ann"}
    assert plan_creation(rules, A, source).drafts[0].values == source


@pytest.mark.parametrize("locked, direction", [(A, Direction.A_TO_B), (B, Direction.B_TO_A)])
def test_rule_2_2_a_field_that_cannot_be_written_makes_its_mapping_one_way(locked, direction):
    a, b = (field("name", read_only=side is locked) for side in Side)
    found = pairing(a, b)
    assert isinstance(found, Pairing) and found.direction is direction
    assert "read-only" in found.reason and "Name" in found.reason


def test_rule_2_2_two_fields_that_cannot_be_written_are_refused():
    found = pairing(field("name", read_only=True), field("name", read_only=True))
    assert isinstance(found, Unpaired) and "read-only" in found.reason


def test_rule_2_2_a_read_only_field_on_the_only_side_that_could_be_written_is_refused_with_both_reasons():
    found = pairing(field("age", FieldType.INTEGER), field("text", read_only=True))
    assert isinstance(found, Unpaired)
    assert "read-only" in found.reason and "Integer can be written as text" in found.reason


@pytest.mark.parametrize(
    "transform, names", [(Transform.NAME, ("first", "last")), (Transform.ADDRESS, ("city", "zip"))]
)
def test_rule_2_2_holds_for_joined_fields_too(transform, names):
    parts = resource(*(field(n, canonical=n, read_only=n == names[1]) for n in names))
    whole = resource(field("whole", FieldType.ADDRESS if transform is Transform.ADDRESS else FieldType.TEXT))
    lens = grind(FieldMapping("m", names, ("whole",), transform=transform), Direction.TWO_WAY, parts, whole, Locale())
    assert isinstance(lens, Lens) and lens.direction is Direction.A_TO_B


def test_rule_2_3_an_edit_on_the_receiving_side_stays_until_the_senders_next_edit():
    pair = Pair(rules_of(field("t"), field("t"), direction=Direction.A_TO_B), {"t": "x"}, {"t": "x"}).in_step()
    edited = pair.edited(b={"t": "mine"})
    assert edited.written() == {}
    assert only_note(edited.plan()) is Reason.RECEIVER_EDIT
    rested = edited.in_step()
    assert rested.written() == {} and rested.plan().notes == {}
    assert rested.edited(a={"t": "new"}).written() == {B: {"t": "new"}}


def test_rule_2_3_only_on_creation_writes_then_and_never_again():
    rules = rules_of(field("t"), field("t"), mode=WriteMode.ON_CREATION)
    assert plan_creation(rules, B, {"t": "x"}).drafts[0].values == {"t": "x"}
    assert Pair(rules, {"t": "x"}, {"t": None}).written() == {}
    assert Pair(rules, {"t": "x"}, {"t": "x"}).in_step().edited(a={"t": "y"}).written() == {}


def test_rule_2_3_only_fill_blanks_never_replaces():
    rules = rules_of(field("t"), field("t"), mode=WriteMode.FILL_BLANK)
    assert Pair(rules, {"t": "x"}, {"t": None}).written() == {B: {"t": "x"}}
    replaced = Pair(rules, {"t": "x"}, {"t": "x"}).in_step().edited(a={"t": "y"})
    assert replaced.written() == {} and only_note(replaced.plan()) is Reason.MODE


def test_rule_2_4_the_sync_that_would_close_a_ring_is_found_with_the_accounts_on_it():
    tree = [(1, 2), (2, 3), (3, 4), (2, 5)]
    assert path_between(1, 4, tree) == [1, 2, 3, 4]
    assert path_between(4, 1, tree) == [4, 3, 2, 1]
    assert path_between(5, 4, tree) == [5, 2, 3, 4]
    assert path_between(1, 3, tree) == [1, 2, 3]


def test_rule_2_4_a_sync_that_joins_two_trees_closes_no_ring():
    assert path_between(1, 9, [(1, 2), (8, 9)]) is None
    assert path_between(1, 2, []) is None


def test_rule_2_4_a_second_sync_of_the_same_two_accounts_closes_a_ring():
    assert path_between(2, 1, [(1, 2)]) == [2, 1]
