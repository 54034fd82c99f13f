"""Scope, deletion and states, as far as they are judged without a run (rules 5.11, 6.1, 8.1 and 9.1)."""

from __future__ import annotations

from itertools import product

import pytest

from connectors.contract import Kind, Refusal, WriteKind
from syncengine.core.history import released
from syncengine.core.mapping import Direction, Side, SyncSettings
from syncengine.core.merge import Reason
from syncengine.core.plan import LinkMemory, plan_link
from syncengine.core.scope import Condition, Excluded, judge_scope, may_create
from syncengine.core.states import FailureClass, RecordState, state_of

from .build import A, B, T, field, resource, rules_of

PERSON = resource(field("mails", T.EMAIL, "email", multi_valued=True))
LEAD = resource(field("mail", canonical="email"), kind=Kind.LEAD)
COMPANY = resource(field("mail", T.EMAIL, "email"), kind=Kind.COMPANY)
STRICT, OPEN = SyncSettings(kind=Kind.CONTACT), SyncSettings(kind=Kind.CONTACT, email_only=False)


@pytest.mark.parametrize(
    "mails, excluded",
    [
        (["a@x.de"], None),
        (["n/a", "a@x.de"], None),
        ([" A@x.de "], None),
        ([], Excluded(Condition.NO_EMAIL)),
        (None, Excluded(Condition.NO_EMAIL)),
        (["", None], Excluded(Condition.NO_EMAIL)),
        (["n/a"], Excluded(Condition.INVALID_EMAIL, ("n/a",))),
        (["a@x", "@x.de", "a b@x.de", "a@@x.de", "a@x..de", "a@x.de,b@x.de"], "all of them"),
    ],
)
def test_rule_6_1_persons_without_a_valid_address_stay_out_with_the_reason(mails, excluded):
    found = judge_scope(STRICT, (PERSON, {"mails": mails}), None)
    assert found == (Excluded(Condition.INVALID_EMAIL, tuple(mails)) if excluded == "all of them" else excluded)


def test_rule_6_1_is_judged_on_the_pair_once_linked():
    good, none = {"mails": ["a@x.de"]}, {"mails": []}
    assert judge_scope(STRICT, (PERSON, good), (PERSON, none)) is None
    assert judge_scope(STRICT, (PERSON, none), (PERSON, good)) is None
    assert judge_scope(STRICT, (PERSON, none), (PERSON, none)) == Excluded(Condition.NO_EMAIL)
    assert judge_scope(STRICT, (PERSON, {"mails": ["x"]}), (LEAD, {"mail": "y"})).values == ("x", "y")


def test_rule_6_1_concerns_persons_only_and_can_be_switched_off():
    assert judge_scope(STRICT, (COMPANY, {"mail": None}), None) is None
    assert judge_scope(STRICT, (LEAD, {"mail": None}), None) == Excluded(Condition.NO_EMAIL)
    assert judge_scope(OPEN, (PERSON, {"mails": []}), None) is None


@pytest.mark.parametrize("direction", Direction)
def test_rule_2_1_a_record_is_created_only_where_the_direction_allows(direction):
    settings = SyncSettings(kind=Kind.CONTACT, direction=direction)
    ways = {Direction.TWO_WAY: {A, B}, Direction.A_TO_B: {B}, Direction.B_TO_A: {A}}[direction]
    for side in Side:
        assert (may_create(settings, side, PERSON) is None) is (side in ways)
        assert side in ways or may_create(settings, side, PERSON).condition is Condition.DIRECTION


def test_rule_2_2_an_object_that_takes_no_new_records_gets_none():
    locked = resource(field("x"))
    locked = type(locked)(locked.name, locked.label, locked.fields, writes=frozenset({WriteKind.UPDATE}))
    assert may_create(STRICT, B, locked).condition is Condition.READ_ONLY


@pytest.mark.parametrize("paused, failing, waiting, excluded", list(product((False, True), repeat=4)))
def test_rule_9_1_a_record_is_in_exactly_one_state_the_first_that_holds(paused, failing, waiting, excluded):
    failure = FailureClass.DELETED_IN_A if failing else None
    found = state_of(paused=paused, failure=failure, waiting=waiting, excluded=excluded, closed=False)
    order = [
        (paused, RecordState.PAUSED),
        (failing, RecordState.FAILING),
        (waiting, RecordState.WAITING),
        (excluded, RecordState.EXCLUDED),
        (True, RecordState.IN_SYNC),
    ]
    assert found is next(state for holds, state in order if holds)


@pytest.mark.parametrize("failure", [FailureClass.DELETED_IN_A, FailureClass.DELETED_IN_B, FailureClass.AMBIGUOUS])
def test_rule_8_1_a_deleted_and_an_ambiguous_record_count_under_failing(failure):
    assert state_of(paused=False, failure=failure, waiting=False, excluded=True, closed=False) is RecordState.FAILING


def test_rule_9_1_deleted_in_both_counts_no_more():
    found = state_of(paused=True, failure=FailureClass.DELETED_IN_A, waiting=True, excluded=True, closed=True)
    assert found is RecordState.CLOSED


@pytest.mark.parametrize("refusal", Refusal)
def test_rule_9_3_every_refusal_of_an_app_has_a_class(refusal):
    assert FailureClass.of(refusal).value == refusal.value


def test_rule_6_4_of_a_list_only_what_both_held_is_known_when_it_begins_to_take_part():
    remembered = {A: {"tags": ["x", "y"], "job": "cook"}, B: {"tags": ["y", "z"], "job": "clerk"}}
    looks = {A: {"tags": ["w", "x", "y"], "job": "cook"}, B: remembered[B]}
    assert released(remembered, looks) == {A: {"tags": ["y"]}, B: {"tags": ["y"]}}
    apart = {A: {"tags": ["x"]}, B: {"tags": None}}
    assert released(apart, {A: {"tags": ["x", "y"]}, B: {"tags": None}}) == {A: {"tags": None}, B: {"tags": None}}


def test_rule_3_8_a_filter_is_no_reason_for_a_difference_that_was_there_before():
    rules = rules_of(field("note"), field("note", tells_blank=False))
    strand = rules.lenses[0].strand("")
    memory = LinkMemory({strand: "x"}, {strand: "x"})
    assert plan_link(rules, {"note": "x"}, {"note": None}, memory, None).notes == {}, "blank, or not returned"
    assert plan_link(rules, {"note": "y"}, {"note": "x"}, memory, None).notes == {strand: Reason.FILTERED}
