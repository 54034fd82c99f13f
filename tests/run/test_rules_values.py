"""Sections 3 and 4 of the rules, through the engine: two apps, a real database."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connectors.contract import Field, FieldType, Refusal, Refused
from connectors.testing.memory import contacts
from syncengine.core.mapping import ClearPolicy, Side
from syncengine.models import Operation, OperationState, SyncRun

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com"}
BOB = {"first": "Bob", "last": "Ray", "mail": "bob@example.com"}


def linked(make_world: MakeWorld, *, left: Any = None, right: Any = None, **values: Any) -> tuple[World, str, str]:
    """Ann on both sides, in step."""
    world = make_world(left, right)
    a, b = world.a.add({**ANN, **values}), world.b.add({**ANN, **values})
    world.rest()
    return world, a, b


def test_rule_3_1_a_change_of_form_alone_is_none(make_world: MakeWorld) -> None:
    world, a, b = linked(make_world, phone="+49 30 1234567")
    world.a.edit(a, mail="ANN@Example.com", phone="+49 (30) 123-4567")
    world.rest()
    assert world.writes == 0 and world.b.values(b)["mail"] == "ann@example.com"
    world.rests()


@pytest.mark.parametrize("winner", list(Side))
def test_rule_3_4_a_conflict_goes_to_the_winner(make_world: MakeWorld, winner: Side) -> None:
    world = make_world(winner=winner)
    a, b = world.a.add(ANN, job="Cook", phone=None), world.b.add(ANN, job="Clerk", phone="+49 30 1")
    world.rest()
    assert world.a.values(a)["job"] == world.b.values(b)["job"] == ("Cook" if winner is Side.A else "Clerk")
    assert world.a.values(a)["phone"] == "+49 30 1", "a blank is filled, whoever wins"
    world.a.edit(a, job="Baker")
    world.b.edit(b, job="Brewer")
    world.rest()
    assert world.a.values(a)["job"] == world.b.values(b)["job"] == ("Baker" if winner is Side.A else "Brewer")
    world.rests()


def test_rule_3_4_a_blank_that_the_app_does_not_return_is_filled(make_world: MakeWorld) -> None:
    quiet = contacts()
    fields = tuple(replace(f, tells_blank=f.name != "notes") for f in quiet.resource.fields)
    world = make_world(right=contacts(fields=fields))
    a, b = world.a.add(ANN, notes="Tall."), world.b.add(ANN)
    world.rest()
    assert world.b.values(b)["notes"] == "Tall."
    world.b.edit(b, notes=None)
    world.rest()
    assert world.a.values(a)["notes"] == "Tall.", "it may only not have been returned (3.6)"
    world.rests()


def test_rule_3_5_the_same_edit_on_both_sides_is_not_written(make_world: MakeWorld) -> None:
    world, a, b = linked(make_world)
    for one, id_ in ((world.a, a), (world.b, b)):
        one.edit(id_, job="Cook")
    world.rest()
    assert world.writes == 0
    world.a.edit(a, job="Baker")
    world.rest()
    assert world.b.values(b)["job"] == "Baker", "the baselines had moved"


def test_rule_3_6_a_clear_is_kept_and_not_filled_back(make_world: MakeWorld) -> None:
    world, a, b = linked(make_world, job="Cook")
    world.a.edit(a, job=None)
    world.rest()
    assert world.a.values(a)["job"] is None and world.b.values(b)["job"] == "Cook"
    assert "clear_kept" in world.link(a=a).notes.values()
    world.rests()
    world.b.edit(b, job="Baker")
    world.rest()
    assert world.a.values(a)["job"] == "Baker"


def test_rule_3_6_a_clear_is_passed_on_where_it_was_chosen(make_world: MakeWorld) -> None:
    world, a, b = linked(make_world, job="Cook")
    world.mapping("job_title", clears=ClearPolicy.CLEAR)
    world.rest()
    world.b.edit(b, job=None)
    world.rest()
    assert world.a.values(a).get("job") is None
    world.rests()


def upper(values: Any) -> Any:
    return {k: v.upper() if k == "job" and v else v for k, v in values.items()}


@pytest.mark.parametrize("answers", [True, False])
def test_rule_3_7_a_rewriting_app_starts_no_loop(make_world: MakeWorld, answers: bool) -> None:
    world = make_world(None, contacts(rewrite=lambda v: {**v, "job": v["job"] and v["job"][:4]}, answers=answers))
    ids = [world.a.add(ANN, mail=f"p{n}@example.com", job="Carpenter") for n in range(3)]
    world.rest()
    assert {world.a.values(id_)["job"] for id_ in ids} == {"Carpenter"}, "the richer side is unchanged"
    assert len(world.right.sent) == 3 and not world.left.sent
    world.a.edit(ids[0], job="Shoemaker")
    world.rest()
    assert world.b.values(world.link(a=ids[0]).b_id)["job"] == "Shoe" and len(world.right.sent) == 4
    world.rests()
    assert world.a.values(ids[0])["job"] == "Shoemaker"


def test_rule_3_7_an_edit_made_while_writing_is_not_swallowed(make_world: MakeWorld) -> None:
    """While our write is on its way, people edit the same field at its source, and another field at its target."""
    world, a, b = linked(make_world)
    write, edited = world.b.write, []

    def meanwhile(writes: Any) -> Any:
        if not edited:
            edited.append(True)
            world.a.edit(a, job="Baker")
            world.b.edit(b, company="Acme")
        return write(writes)

    world.b.write = meanwhile  # type: ignore[method-assign]
    world.a.edit(a, job="Cook")
    world.rest()
    world.wait(minutes=1)
    world.rest()
    assert edited and world.b.values(b)["job"] == "Baker"
    assert world.a.values(a)["company"] == "Acme" and world.a.values(a)["job"] == "Baker"
    world.rests()


def test_rule_3_7_a_read_that_still_shows_what_we_replaced_is_set_aside(make_world: MakeWorld) -> None:
    world, a, b = linked(make_world, right=contacts(settle=30, lock=True), job="Cook")
    world.b.freeze()
    world.a.edit(a, job="Baker")
    world.slice()
    assert world.b.values(b)["job"] == "Baker"
    world.wait(seconds=5)
    world.slice()
    assert len(world.left.sent) == 0, "the old value is not taken for an edit"
    world.b.thaw()
    world.rest()
    assert world.a.values(a)["job"] == "Baker" and len(world.left.sent + world.right.sent) == 1
    world.wait(seconds=60)
    world.b.edit(b, job="Cook")
    world.rest()
    assert world.a.values(a)["job"] == "Cook", "once settled, the old value is an edit like any other"


def test_rule_3_7_a_look_just_after_the_write_that_shows_what_we_replaced_tells_nothing(make_world: MakeWorld) -> None:
    """Else our own value, once it shows, would pass for an edit, and win over a real one."""
    world = make_world(None, contacts(settle=30, answers=False), winner=Side.B)
    a, b = world.a.add(ANN, job="Cook"), world.b.add(ANN, job="Cook")
    world.rest()
    world.b.freeze()
    world.a.edit(a, job="Baker")
    world.slice()
    world.b.thaw()
    world.a.edit(a, job="Chef")
    world.wait(seconds=60)
    world.rest()
    assert world.a.values(a)["job"] == world.b.values(b)["job"] == "Chef"
    world.rests()


def test_rule_3_7_a_creation_that_does_not_show_yet_is_not_gone(make_world: MakeWorld) -> None:
    world = make_world(None, contacts(settle=30, answers=False))
    world.rest()
    world.b.freeze()
    a = world.a.add(ANN)
    for _ in range(3):
        world.wait(seconds=2)
        world.slice()
    world.b.thaw()
    world.rest()
    assert len(world.b.rows) == 1 and world.link(a=a).state == "in_sync"
    world.rests()


def test_rule_3_8_nothing_is_planned_twice(make_world: MakeWorld) -> None:
    world = make_world(winner=Side.B)
    for n in range(8):
        world.a.add(ANN, mail=f"p{n}@example.com", job=f"a{n}")
        world.b.add(ANN, mail=f"p{n + 4}@example.com", job=f"b{n}", tags=["x", "y"])
    world.rest()
    world.rests()
    assert not Operation.objects.exclude(state=OperationState.DONE).exists()
    assert SyncRun.objects.count() == 1


def test_rule_3_8_a_new_version_of_the_same_values_is_no_change(make_world: MakeWorld) -> None:
    world, a, b = linked(make_world, right=contacts(read="delta", tombstones=True))
    seq = world.sync.pair.stream_b.__class__.objects.get(pk=world.sync.pair.stream_b_id).seq
    for _ in range(3):
        world.b.edit(b)
        world.rest()
    assert world.sync.pair.stream_b.__class__.objects.get(pk=world.sync.pair.stream_b_id).seq == seq
    world.a.edit(a, job="Cook")
    world.rest()
    assert world.b.values(b)["job"] == "Cook"


@pytest.mark.parametrize("lock", [True, False])
def test_rule_3_9_an_edit_between_read_and_write_survives(make_world: MakeWorld, lock: bool) -> None:
    """A person edits the very field that we are about to write, after we have read it."""
    world, a, b = linked(make_world, right=contacts(lock=lock))
    world.a.edit(a, job="Cook", phone="+49 30 1")
    read, edited = world.b.page, []

    def then_edited(cursor: Any) -> Any:
        page = read(cursor)
        if not edited:
            edited.append(True)
            world.b.edit(b, job="Clerk")
        return page

    world.b.page = then_edited  # type: ignore[method-assign]
    world.rest()
    assert set(world.right.sent[0].values) <= {"job", "phone"}, "only what changed is sent"
    world.wait(minutes=1)
    world.rest()
    assert edited and world.b.values(b)["phone"] == "+49 30 1"
    assert world.a.values(a)["job"] == world.b.values(b)["job"] == "Cook", "a conflict now, and A wins it by rule"
    operation = Operation.objects.filter(state=OperationState.DONE, side="b").get()
    assert {"before": "Clerk", "after": "Cook"}.items() <= next(
        c for c in operation.changes if c["field"] == "job"
    ).items()
    world.rests()


def test_rule_3_9_what_changes_with_each_look_does_not_stop_a_write(make_world: MakeWorld) -> None:
    """A calculated field: nothing of what the operation was planned from has moved."""
    seen = Field("looks", "Looks", FieldType.INTEGER, read_only=True)
    right = contacts()
    right = contacts(fields=(*right.resource.fields, seen))
    world, a, b = linked(make_world, right=right)
    record, looks = world.b._record, iter(range(10**6))

    def counted(row: Any) -> Any:
        row.values["looks"] = next(looks)
        return record(row)

    world.b._record = counted  # type: ignore[method-assign]
    world.a.edit(a, job="Cook")
    world.rest()
    assert world.b.values(b)["job"] == "Cook"


def refuse_jobs(values: Any) -> Refused | None:
    if values.get("job") == "Pirate":
        return Refused(Refusal.APP_RULE, "No pirates, please.\x00", field="job")
    return None


def test_rule_4_5_a_refused_field_is_parked_and_the_rest_goes_on(make_world: MakeWorld) -> None:
    world, a, b = linked(make_world, right=contacts(refuse=refuse_jobs))
    world.a.edit(a, job="Pirate", phone="+49 30 1")
    world.rest()
    link = world.link(a=a)
    assert world.b.values(b)["phone"] == "+49 30 1" and world.b.values(b).get("job") is None
    assert (link.state, link.cause, link.detail) == ("failing", "app_rule", "No pirates, please.")
    world.rests()
    world.a.edit(a, phone="+49 30 2")
    world.rest()
    assert world.b.values(b)["phone"] == "+49 30 2", "the parked field holds nothing up"
    world.a.edit(a, job="Sailor")
    world.rest()
    assert world.b.values(b)["job"] == "Sailor" and world.link(a=a).state == "in_sync"
    world.rests()


def test_rule_4_5_a_creation_goes_on_without_the_refused_field(make_world: MakeWorld) -> None:
    world = make_world(None, contacts(refuse=refuse_jobs))
    a = world.a.add(ANN, job="Pirate")
    world.rest()
    link = world.link(a=a)
    assert world.b.values(link.b_id)["mail"] == "ann@example.com" and world.b.values(link.b_id).get("job") is None
    assert (link.state, link.cause) == ("failing", "app_rule")
    world.rests()
    world.a.edit(a, job="Cook")
    world.rest()
    assert world.b.values(link.b_id)["job"] == "Cook" and world.link(a=a).state == "in_sync"


def test_rule_4_5_a_value_that_another_record_holds_is_parked(make_world: MakeWorld) -> None:
    """An update that collides says nothing of the record: it is never linked anew because of it."""
    fields = tuple(
        Field(**{**{n: getattr(f, n) for n in f.__slots__}, "unique": f.name == "phone"})
        for f in contacts().resource.fields
    )
    world = make_world(None, contacts(fields=fields))
    ann, bob = world.a.add(ANN), world.a.add(BOB, phone="+49 30 1")
    world.rest()
    before = world.link(a=ann).b_id
    world.a.edit(ann, phone="+49 30 1", job="Cook")
    world.rest()
    link = world.link(a=ann)
    assert link.b_id == before and (link.state, link.cause) == ("failing", "duplicate")
    assert world.b.values(before)["job"] == "Cook" and world.b.values(before).get("phone") is None
    world.rests()
    world.a.edit(bob, phone="+49 30 2")
    world.rest()
    world.a.edit(ann, phone="+49 30 3")
    world.rest()
    assert world.b.values(before)["phone"] == "+49 30 3"


def test_rule_4_7_a_missing_required_value_refuses_the_creation(make_world: MakeWorld) -> None:
    fields = tuple(
        Field(f.name, f.label, f.type, canonical=f.canonical, required=f.name == "job")
        for f in contacts().resource.fields
    )
    world = make_world(None, contacts(fields=fields))
    a, other = world.a.add(ANN), world.a.add(BOB, job="Cook")
    world.rest()
    link = world.link(a=a)
    assert (link.state, link.cause) == ("failing", "missing_required") and "Job title" in link.detail
    assert world.link(a=other).state == "in_sync" and len(world.b.rows) == 1
    world.rests()
    world.a.edit(other, job=None)
    world.a.edit(a, job="Clerk")
    world.rest()
    assert len(world.b.rows) == 2, "an existing record goes on"
    assert {world.link(a=x).state for x in (a, other)} == {"in_sync"}
