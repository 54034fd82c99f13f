"""New mappings and changed ones, and fields that flip, as far as they are judged without a run (rules 4.5, 4.6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from syncengine.core.baselines import is_former
from syncengine.core.flips import MOST, WINDOW, Wrote, frozen_side, turns_after
from syncengine.core.mapping import Begins, ClearPolicy, Direction, FieldMapping, Transform, WriteMode
from syncengine.core.merge import Reason
from syncengine.core.plan import LinkMemory, Parked, plan_link
from syncengine.core.states import FailureClass

from .build import A, B, Pair, T, field, only_note, resource, rules_of

STAGE_A = field("stage", T.CHOICE, options=("new", "won"))
STAGE_B = field("stage", T.CHOICE, options=("open", "done", "closed"))
OLD, NEW = (("new", "open"), ("won", "done")), (("new", "open"), ("won", "closed"))


def changed(pair: Pair, *, origin=None, **mapping) -> Pair:
    """The same two records, whose mapping has another option map now."""
    rules = rules_of(STAGE_A, STAGE_B, options=NEW, **mapping).remembering([pair.rules.settings])
    told = {} if origin is None else {"m": {"side": origin.value}}
    return replace(pair, rules=rules, memory=replace(pair.memory, provenance=told))


@pytest.fixture
def in_step() -> Pair:
    return Pair(rules_of(STAGE_A, STAGE_B, options=OLD), {"stage": "won"}, {"stage": "done"}).in_step()


def test_rule_4_6_what_nobody_edited_is_sent_again_from_the_side_it_came_from(in_step):
    sent = changed(in_step, origin=A)
    assert sent.written() == {B: {"stage": "closed"}}
    change = sent.plan().drafts[0].changes[0]
    assert (change.rule, change.reason) == ("4.6", Reason.SENT_AGAIN)


def test_rule_4_6_without_a_known_origin_the_winner_or_the_sender_sends_again(in_step):
    assert changed(in_step).written() == {B: {"stage": "closed"}}
    assert changed(in_step, direction=Direction.A_TO_B, origin=B).written() == {B: {"stage": "closed"}}


def test_rule_4_6_what_cannot_be_said_in_the_new_form_is_parked(in_step):
    parked = changed(in_step, origin=B).plan().parked
    assert [p.reason.value for p in parked.values()] == ["unknown_option"], "“done” has no counterpart any more"


def test_rule_3_8_an_option_that_both_sides_lost_and_both_still_hold_makes_no_difference():
    both = field("stage", T.CHOICE, options=("new", "won", "lost"))
    lost = field("stage", T.CHOICE, options=("new", "won"))
    pair = Pair(rules_of(both, both), {"stage": "lost"}, {"stage": "lost"}).in_step()
    after = replace(pair, rules=rules_of(lost, lost).remembering([pair.rules.settings]))
    plan = after.plan()
    assert after.written() == {} and not plan.parked and not plan.notes
    looks = [after.rules.looks(side, {"stage": "lost"}) for side in (A, B)]
    assert looks[0] == looks[1]
    assert after.edited(a={"stage": "won"}).written() == {B: {"stage": "won"}}


def test_rule_4_6_an_edit_since_goes_before_sending_again(in_step):
    edited = changed(in_step.edited(b={"stage": "open"}), origin=A)
    assert edited.written() == {A: {"stage": "new"}}
    assert edited.plan().drafts[0].changes[0].reason is Reason.ONLY_ONE_CHANGED


def test_rule_4_6_what_was_cleared_and_kept_is_not_filled_back(in_step):
    pair = changed(in_step.edited(a={"stage": None}).in_step(), origin=B)
    assert pair.written() == {} and only_note(pair.plan()) is Reason.CLEAR_KEPT
    cleared = changed(in_step.edited(a={"stage": None}), clears=ClearPolicy.CLEAR)
    assert cleared.written() == {B: {"stage": None}}, "a clear made meanwhile is an edit like any other"


def test_rule_4_6_a_value_that_is_the_same_but_for_its_form_is_sent_in_the_new_one():
    plain = rules_of(field("job"), field("job"))
    pair = Pair(plain, {"job": "cook"}, {"job": "cook"}).in_step()
    for mode, written in ((WriteMode.OVERWRITE, {B: {"job": "COOK"}}), (WriteMode.FILL_BLANK, {})):
        rules = rules_of(field("job"), field("job"), transform=Transform.UPPER, mode=mode).remembering([plain.settings])
        shaped = replace(pair, rules=rules)
        assert shaped.written() == written and not shaped.plan().notes
        done = replace(shaped, b={"job": "COOK"}).in_step()
        assert done.written() == {}


def test_rule_4_6_of_a_list_the_side_it_came_from_is_sent_again():
    a, b = field("tags", T.MULTI_CHOICE, options=("x", "y")), field("tags", T.MULTI_CHOICE, options=("p", "q", "r"))
    pair = Pair(rules_of(a, b, options=(("x", "p"), ("y", "q"))), {"tags": ["x", "y"]}, {"tags": ["p", "q"]}).in_step()
    rules = rules_of(a, b, options=(("x", "p"), ("y", "r"))).remembering([pair.rules.settings])
    again = replace(pair, rules=rules, memory=replace(pair.memory, provenance={"m": {"side": "a"}}))
    assert {s: set(v["tags"]) for s, v in again.written().items()} == {B: {"p", "r"}}


def test_rule_4_6_a_form_that_was_never_compared_is_a_first_comparison(in_step):
    rules = rules_of(STAGE_A, STAGE_B, options=NEW)
    first = Pair(rules, in_step.a, {"stage": None}, in_step.memory)
    assert first.plan().drafts[0].changes[0].reason is Reason.FILLED


@pytest.mark.parametrize("kind", [T.TEXT, T.MULTI_CHOICE])
def test_rule_4_6_a_new_mapping_is_compared_or_only_later_changes_count(kind):
    def value(x):
        return [x] if kind is T.MULTI_CHOICE else x

    both = resource(field("job", kind), field("name"))
    old = FieldMapping("n", ("name",), ("name",))
    for begins in Begins:
        new = FieldMapping("j", ("job",), ("job",), begins=begins)
        linked = Pair(rules_of(both, both, old), {"job": value("x"), "name": "N"}, {"job": value("y"), "name": "N"})
        pair = replace(linked.in_step(), rules=rules_of(both, both, old, new))
        if begins is Begins.COMPARED:
            assert pair.written() != {}
            continue
        assert pair.written() == {} and only_note(pair.plan()) is Reason.LATER_ONLY
        assert pair.in_step().edited(a={"job": value("z")}).written()[B]["job"] is not None
        assert replace(pair, memory=LinkMemory()).written() != {}, "a new link is compared as ever"
        dated = rules_of(both, both, old, replace(new, begins_at=NOW.isoformat()))
        for made_at, writes in ((NOW - WINDOW, False), (NOW + WINDOW, True)):
            half_compared = replace(linked.in_step().memory, made_at=made_at)
            found = replace(pair, rules=dated, memory=half_compared).written()
            assert bool(found) is writes, "a younger link whose first write was overtaken is compared all the same"


def test_rule_4_6_a_mapping_that_was_off_goes_on_from_its_old_baselines():
    on, off = (rules_of(field("job"), field("job"), enabled=e) for e in (True, False))
    pair = Pair(on, {"job": "x"}, {"job": "x"}).in_step()
    away = replace(pair, rules=off).edited(b={"job": "y"})
    assert away.written() == {}
    back = replace(away, rules=on)
    assert back.written() == {A: {"job": "y"}} and back.plan().drafts[0].changes[0].rule == "3.2", "no conflict"


def test_a_former_form_is_told_by_its_fingerprint():
    assert is_former("m#aaaaaa", "m#bbbbbb") and not is_former("m#aaaaaa", "m#aaaaaa")
    assert is_former("m#aaaaaa.city", "m#bbbbbb.city") and not is_former("m#aaaaaa.zip", "m#bbbbbb.city")
    assert not is_former("n#aaaaaa", "m#bbbbbb")


# --- Parked and frozen --------------------------------------------------------------------------------------

SHORT, LONG = field("job", max_length=3), field("job", max_length=30)


def test_rule_4_5_a_parked_value_is_tried_again_when_the_field_itself_changes():
    pair = Pair(rules_of(field("job"), SHORT), {"job": "Carpenter"}, {"job": None})
    parked = pair.plan().parked
    again = replace(pair, memory=LinkMemory(parked=parked))
    assert again.written() == {} and again.plan().parked == parked
    longer = replace(again, rules=rules_of(field("job"), LONG))
    assert longer.written() == {B: {"job": "Carpenter"}}


def test_rule_4_5_what_the_app_refused_is_tried_again_when_the_option_map_changes(in_step):
    strand = in_step.rules.lenses[0].strand("")
    looks = [in_step.rules.looks(side, values)[strand] for side, values in ((A, {"stage": "new"}), (B, in_step.b))]
    definition = in_step.rules.definition_of(strand)
    parked = {strand: Parked(FailureClass.APP_RULE, "No.", *looks, definition)}
    pair = replace(in_step.edited(a={"stage": "new"}), memory=replace(in_step.memory, parked=parked))
    assert pair.written() == {} and set(pair.plan().parked) == {strand}
    assert changed(pair).written() == {B: {"stage": "open"}}


NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_rule_4_5_turns_are_counted_within_ten_minutes():
    known: tuple[Wrote, ...] = ()
    last, at, side = None, NOW, A
    for turns in range(MOST + 1):
        assert frozen_side(known, at) is None
        new = Wrote(at, side)
        known = turns_after(known, last, new, at)
        assert len(known) == (turns + 1 if turns else 0)
        last, at, side = new, at + timedelta(minutes=1), side.other
    assert frozen_side(known, at) is side, "one more write would be the fourth turn"
    assert frozen_side(known, at + WINDOW) is None
    assert turns_after(known, last, Wrote(at + 2 * WINDOW, side), at + 2 * WINDOW) == ()


def test_rule_4_5_the_same_side_again_and_a_list_merged_on_both_sides_are_no_turns():
    first, minute = Wrote(NOW, A), timedelta(minutes=1)
    assert turns_after((), first, Wrote(NOW + minute, A), NOW + minute) == ()
    assert turns_after((), first, Wrote(NOW + minute, B), NOW) == (), "planned before the first was made"
    assert turns_after((), first, Wrote(NOW + minute, B), NOW + minute) == (first, Wrote(NOW + minute, B))


def test_rule_4_5_a_field_that_flips_is_parked_with_both_values_while_others_go_on():
    both = resource(field("job"), field("name"))
    rules = rules_of(both, both, *(FieldMapping(n, (n,), (n,)) for n in ("job", "name")))
    pair = Pair(rules, {"job": "ANN", "name": "x"}, {"job": "ANN", "name": "x"}).in_step()
    pair = pair.edited(b={"job": "ann"}, a={"name": "y"})
    frozen = replace(pair, memory=replace(pair.memory, frozen={"job": A}))
    plan = plan_link(rules, frozen.a, frozen.b, frozen.memory)
    assert frozen.written() == {B: {"name": "y"}}
    (parked,) = plan.parked.values()
    assert parked.reason is FailureClass.BY_TURNS and "“ANN” and “ann”" in parked.message
    assert replace(pair, memory=replace(pair.memory, frozen={"job": B})).written()[A] == {"job": "ann"}
    held = replace(pair, memory=replace(pair.memory, parked=plan.parked))
    assert A not in held.written(), "it stays so until a value changes"
    assert held.edited(b={"job": "Bob"}).written()[A] == {"job": "Bob"}
