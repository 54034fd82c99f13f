"""Section 6 of the rules, through the engine: two apps, a real database."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.contract import Field, FieldType
from connectors.testing.memory import MemoryObject, contacts
from syncengine import decisions, holding, services
from syncengine.core.filters import FieldCondition, Filter, FilterMode, Filters, Group, Leaving, Operator
from syncengine.core.mapping import Direction, History

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com"}
BOB = {"first": "Bob", "last": "Ray", "mail": "bob@example.com"}


def one(field: str, operator: Operator, value: str | tuple[str, ...] = "") -> Filter:
    return Filter(groups=(Group(conditions=(FieldCondition(field, operator, value),)),))


COOKS = one("job", Operator.IS, "Cook")


def test_rule_6_2_only_what_passes_is_created(make_world: MakeWorld) -> None:
    world = make_world(filters=Filters(a=COOKS))
    cook, clerk = world.a.add(ANN, job="Cook"), world.a.add(BOB, job="Clerk")
    back = world.b.add(BOB, mail="cid@example.com", job="Clerk")
    world.rest()
    assert len(world.b.rows) == 2 and world.link(a=cook).state == "in_sync"
    left_out = world.link(a=clerk)
    assert (left_out.state, left_out.cause) == ("excluded", "filter_a")
    assert left_out.detail == "It would have to be that “Job title” is “Cook” (it is “Clerk”)."
    assert world.link(b=back).is_whole, "side B has no filter"
    world.a.edit(clerk, job="Cook")
    world.rest()
    assert len(world.b.rows) == 3 and world.link(a=clerk).state == "in_sync"
    world.rests()


def test_rule_6_2_of_a_linked_pair_only_the_open_way_is_used(make_world: MakeWorld) -> None:
    world = make_world(filters=Filters(a=COOKS))
    a, b = world.a.add(ANN, job="Cook"), world.b.add(ANN, job="Cook")
    world.rest()
    world.a.edit(a, job="Clerk", phone="+49 30 1234567")
    world.rest()
    assert not world.right.sent and world.b.values(b)["job"] == "Cook", "the edit that takes it out is not sent"
    assert world.link(a=a).state == "in_sync" and "filtered" in world.link(a=a).notes.values()
    world.b.edit(b, company="Acme")
    world.rest()
    assert world.a.values(a)["company"] == "Acme", "B still sends"
    world.rests()
    world.a.edit(a, job="Cook")
    world.rest()
    assert world.b.values(b)["phone"] == "+49 30 1234567" and not world.link(a=a).notes
    world.rests()


@pytest.mark.parametrize("leaving", list(Leaving))
def test_rule_6_3_a_record_that_leaves_stops_or_goes_on(make_world: MakeWorld, leaving: Leaving) -> None:
    world = make_world(filters=Filters(COOKS, one("job", Operator.NOT_BLANK), leaving=leaving))
    a = world.a.add(ANN, job="Cook")
    world.rest()
    b = world.link(a=a).b_id
    world.a.edit(a, job="Clerk")
    world.rest()
    goes_on = leaving is Leaving.GO_ON
    assert world.b.values(b)["job"] == ("Clerk" if goes_on else "Cook")
    assert set(world.a.rows) == {a} and set(world.b.rows) == {b}, "a filter never deletes"
    world.rests()


def test_rule_6_3_excluded_and_back_is_an_ordinary_comparison_with_the_old_baselines(make_world: MakeWorld) -> None:
    world = make_world(direction=Direction.A_TO_B, filters=Filters(a=COOKS))
    a = world.a.add(ANN, job="Cook")
    world.rest()
    b = str(world.link(a=a).b_id)
    baseline = world.link(a=a).baseline_a
    world.a.edit(a, job="Clerk", company="Acme")
    world.rest()
    link = world.link(a=a)
    assert (link.state, link.cause, link.baseline_a) == ("excluded", "filter_a", baseline)
    world.b.edit(b, phone="+49 30 1")
    world.rest()
    world.a.edit(a, job="Cook")
    world.rest()
    assert world.b.values(b)["company"] == "Acme" and world.b.values(b)["phone"] == "+49 30 1"
    assert world.link(a=a).state == "in_sync"
    world.rests()


def test_rule_6_2_both_ways_while_either_passes(make_world: MakeWorld) -> None:
    world = make_world(filters=Filters(COOKS, COOKS, mode=FilterMode.EITHER))
    a, b = world.a.add(ANN, job="Cook"), world.b.add(ANN, job="Clerk", notes="kept")
    world.rest()
    assert world.a.values(a)["notes"] == "kept" and world.b.values(b)["job"] == "Cook"
    world.a.edit(a, job="Clerk")
    world.rest()
    assert world.b.values(b)["job"] == "Clerk", "B's record still passed when it was judged"
    world.a.edit(a, notes="not sent")
    world.rest()
    assert world.b.values(b)["notes"] == "kept" and world.link(a=a).cause == "filters"
    world.rests()


def dated(**changes: Any) -> MemoryObject:
    fields = (*contacts().resource.fields, Field("seen", "Last seen", FieldType.DATETIME))
    return contacts(fields=fields, **changes)


def test_rule_6_2_time_alone_brings_a_record_in_and_out(make_world: MakeWorld) -> None:
    world = make_world(dated(), filters=Filters(a=one("seen", Operator.IN_LAST_DAYS, "3")))
    soon = world.a.add(ANN, seen="2026-01-02T00:00:00Z")
    late = world.a.add(BOB, seen="2025-12-30T00:00:00Z", job="Cook")
    world.rest()
    assert world.link(a=soon).cause == "filter_a" and world.link(a=late).state == "in_sync"
    world.wait(days=1, minutes=1)
    world.rest()
    assert world.link(a=soon).is_whole
    world.wait(days=1)
    world.a.edit(late, job="Clerk")
    world.rest()
    assert world.b.values(str(world.link(a=late).b_id))["job"] == "Cook"
    world.rests()


def test_rule_6_2_what_cannot_be_judged_is_refused_by_the_services(make_world: MakeWorld) -> None:
    world = make_world()
    for field, operator, said in (
        ("fax", Operator.BLANK, "has no field"),
        ("job", Operator.GREATER, "cannot be asked"),
    ):
        with pytest.raises(services.SyncError) as refused:
            world.settings(filters=Filters(b=one(field, operator, "1")))
        assert said in refused.value.errors["filter_b"]


# --- History ------------------------------------------------------------------------------------------------


def test_rule_6_4_only_what_is_created_or_changed_from_now_on(make_world: MakeWorld) -> None:
    world = make_world(history=History.FROM_NOW)
    old, both, other = world.a.add(ANN, job="Cook"), world.a.add(BOB, job="Cook"), world.b.add(BOB, job="Clerk")
    world.rest()
    assert world.writes == 0 and {link.cause for link in world.open_links()} == {"history"}
    assert world.link(a=both).b_id == other, "they are indexed for matching all the same"
    new = world.a.add(ANN, mail="new@example.com")
    world.rest()
    assert world.link(a=new).state == "in_sync" and len(world.b.rows) == 2
    world.rests()
    world.a.edit(old, job="Baker")
    world.rest()
    assert world.b.values(str(world.link(a=old).b_id))["job"] == "Baker"
    world.rests()


def test_rule_6_4_an_edit_that_brings_a_pair_in_is_not_overwritten_by_an_older_value(make_world: MakeWorld) -> None:
    world = make_world(history=History.FROM_NOW)
    a, b = world.a.add(BOB, job="Cook", company="Acme"), world.b.add(BOB, job="Clerk", phone="+49 30 1")
    world.rest()
    world.b.edit(b, job="Brewer")
    world.rest()
    assert world.a.values(a)["job"] == world.b.values(b)["job"] == "Brewer", "although A wins conflicts"
    assert world.b.values(b)["company"] == "Acme" and world.a.values(a)["phone"] == "+49 30 1"
    world.rests()


@pytest.mark.parametrize("how", ["deleted", "paused"])
def test_rule_6_4_what_else_keeps_a_pair_out_makes_no_baseline_of_its_history(make_world: MakeWorld, how: str) -> None:
    world = make_world(history=History.FROM_NOW)
    a, b = world.a.add(BOB, job="Cook"), world.b.add(BOB, job="Clerk")
    world.rest()
    if how == "paused":
        holding.pause_records(world.sync, [world.link(a=a)], actor="ann")
        world.rest()
        holding.resume_records(world.sync, [world.link(a=a)], actor="ann")
    else:
        world.a.remove(a)
        world.wait(minutes=11)
        world.rest()
        assert world.link(b=b).cause == "deleted_in_a"
        world.a.restore(a)
        world.wait(minutes=11)
    world.rest()
    world.settings(history=History.ALL)
    world.rest()
    assert world.a.values(a)["job"] == world.b.values(b)["job"] == "Cook", "compared for the first time"
    world.rests()


def test_rule_6_4_a_new_match_of_an_old_record_brings_it_in(make_world: MakeWorld) -> None:
    world = make_world(history=History.FROM_NOW)
    a = world.a.add(ANN, job="Cook")
    world.rest()
    b = world.b.add(ANN)
    world.rest()
    assert world.link(a=a).b_id == b and world.b.values(b)["job"] == "Cook"
    world.rests()


def test_rule_6_4_what_took_part_before_goes_on_and_all_can_be_chosen_again(make_world: MakeWorld) -> None:
    world = make_world()
    a = world.a.add(ANN)
    world.rest()
    world.settings(email_only=False, history=History.FROM_NOW)
    world.rest()
    assert world.link(a=a).state == "in_sync"
    left, right = world.a.add(BOB, job="Cook"), world.b.add(BOB, job="Clerk")
    world.settings(history=History.ALL)
    world.rest()
    assert world.b.values(right)["job"] == "Cook" and world.link(a=left).state == "in_sync"
    world.rests()


def test_rule_6_4_leaving_and_reading_anew_makes_nothing_new(make_world: MakeWorld) -> None:
    """An account that is read anew shows the same records again: that is no change."""
    world = make_world(history=History.FROM_NOW)
    world.a.add(ANN, job="Cook")
    world.a.add(BOB)
    world.rest()
    for stream in world.streams():
        services.forget_records(stream)
    world.rest()
    assert world.writes == 0 and {link.cause for link in world.open_links()} == {"history"}
    world.rests()


def test_rule_6_4_what_a_person_links_or_has_created_takes_part(make_world: MakeWorld) -> None:
    world = make_world(history=History.FROM_NOW, email_only=False)
    a, b = world.a.add(ANN, job="Cook"), world.b.add(BOB, phone="+49 30 1234567")
    alone = world.a.add(BOB, mail="alone@example.com")
    world.rest()
    decisions.link_records(world.sync, a_id=a, b_id=b, actor="ann")
    decisions.create_new(world.sync, [world.link(a=alone)], actor="ann")
    world.rest()
    assert world.b.values(b)["job"] == "Cook" and world.a.values(a)["phone"] == "+49 30 1234567"
    assert world.link(a=alone).is_whole
    world.rests()


def test_rule_6_4_a_record_that_lacks_an_address_is_remembered_too(make_world: MakeWorld) -> None:
    world = make_world(history=History.FROM_NOW)
    a = world.a.add(first="Ann", last="Lee", job="Cook")
    world.rest()
    assert world.link(a=a).cause == "history"
    world.a.edit(a, job="Baker")
    world.rest()
    assert world.link(a=a).cause == "no_email"
    world.a.edit(a, mail="ann@example.com")
    world.rest()
    assert world.link(a=a).state == "in_sync"
    world.rests()


def test_rule_6_4_pairs_left_out_are_compared_for_the_first_time_once_all_is_chosen(make_world: MakeWorld) -> None:
    world: World = make_world(history=History.FROM_NOW)
    a, b = world.a.add(BOB, job="Cook"), world.b.add(BOB, job="Clerk")
    world.rest()
    world.settings(history=History.ALL)
    world.rest()
    assert world.b.values(b)["job"] == "Cook" and world.link(a=a).state == "in_sync"
    world.rests()
