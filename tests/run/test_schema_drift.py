"""What an account offers changes under a running sync: only the mapping concerned stops (rules 9.2 and 9.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from connectors.contract import Field, FieldType, Option, ReadStrategy
from connectors.models import AccountEvent, AccountObject, AccountState
from connectors.testing.memory import contacts
from syncengine import services
from syncengine.core.filters import FieldCondition, Filter, Filters, Group, Operator
from syncengine.core.mapping import Side
from syncengine.models import RemoteRecord
from syncengine.web.mappings import rows_of
from tenants.context import current_workspace
from tenants.models import Plan, Workspace

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com", "job": "Cook", "phone": "+49 30 1"}
HABITS: dict[str, Any] = {"read": ReadStrategy.DELTA, "tombstones": True}
Change = Callable[[tuple[Field, ...]], tuple[Field, ...]]


def in_step(make_world: MakeWorld) -> tuple[World, str, str]:
    world = make_world(contacts(**HABITS), contacts(**HABITS))
    a, b = world.a.add(ANN), world.b.add(ANN)
    world.rest()
    return world, a, b


def change(world: World, fields: Change) -> None:
    world.b.resource = replace(world.b.resource, fields=fields(world.b.resource.fields))


def alter(name: str, **changes: Any) -> Change:
    return lambda fields: tuple(replace(f, **changes) if f.name == name else f for f in fields)


def without(*names: str) -> Change:
    return lambda fields: tuple(f for f in fields if f.name not in names)


def add(**facts: Any) -> Change:
    return lambda fields: (*fields, Field("extra", "Extra", FieldType.TEXT, **facts))


WAYS: dict[str, tuple[Change, str, bool]] = {
    "added": (add(), "“Extra” is new", False),
    "added, and standing for something": (add(canonical="nickname"), "“Extra” is new", False),
    "added, and required": (add(required=True), "“Extra” is new", False),
    "removed": (without("job"), "“Job title” is gone", True),
    "two removed": (without("job", "notes"), "“Job title” is gone; “Notes” is gone", True),
    "of a type that fits": (alter("job", type=FieldType.LONG_TEXT), "“Job title” is of type long-text now", False),
    "of a type that does not": (alter("job", type=FieldType.ADDRESS), "“Job title” is of type address now", True),
    "several instead of one": (alter("job", multi_valued=True), "“Job title” is of type text now", False),
    "read-only": (alter("job", read_only=True), "“Job title” cannot be written any more", False),
    "required": (alter("job", required=True), "“Job title” is required now", False),
    "shorter": (alter("job", max_length=20), "", False),
    "renamed": (alter("job", label="Position"), "", False),
}


@pytest.mark.parametrize(("fields", "event", "stops"), WAYS.values(), ids=WAYS)
def test_rule_9_4_only_the_mapping_concerned_stops(
    make_world: MakeWorld, fields: Change, event: str, stops: bool
) -> None:
    world, a, b = in_step(make_world)
    before = world.b.resource
    change(world, fields)
    if any(f.name == "extra" and f.required for f in world.b.resource.fields):
        world.b.edit(b, extra="x")
    world.wait(minutes=11)
    world.rest()
    world.sync.refresh_from_db()
    assert (world.sync.attention == "object_gone") == stops
    told = [e.detail for e in AccountEvent.objects.filter(action="schema")]
    assert told == ([f"Contacts: {event}"] if event else [])
    world.a.edit(a, phone="+49 30 2", job="Baker")
    world.b.edit(b, company="Acme")
    world.wait(minutes=1)
    world.rest()
    assert world.b.values(b)["phone"] == "+49 30 2" and world.a.values(a)["company"] == "Acme"
    assert world.states() == {"in_sync": 1}
    if stops:
        assert world.b.values(b)["job"] == "Cook"
        assert "paused" in world.sync.attention_reason and services.status_of(world.sync).standing == "attention"
        rows = rows_of(
            world.sync.settings,
            services.resources_of(world.sync),
            dict.fromkeys(Side, ""),
            may_customise=True,
            errors={},
        )
        assert {row.label_a for row in rows if not row.usable} >= {"Job title"}
        assert all(row.reason for row in rows if not row.usable)
    world.rests()
    world.b.resource = before
    world.wait(minutes=11)
    world.rest()
    world.sync.refresh_from_db()
    assert world.sync.attention == world.sync.attention_reason == ""
    # What was edited while one side could not be written stays as it is (rule 2.3).
    assert world.b.values(b)["job"] in (["Cook"] if "written" in event else ["Baker", ["Baker"]])
    world.rests()


def test_rule_9_2_the_reason_names_the_field(make_world: MakeWorld) -> None:
    world, *_ = in_step(make_world)
    change(world, without("job", "notes"))
    world.wait(minutes=11)
    world.rest()
    world.sync.refresh_from_db()
    assert world.sync.attention_reason == (
        "2 field mappings are paused: the rest goes on. "
        "Contacts has no field “job” any more. Contacts has no field “notes” any more."
    )


def test_rule_4_5_an_option_that_is_gone_is_refused_value_by_value(make_world: MakeWorld) -> None:
    options = (Option("new", "New"), Option("won", "Won"))
    stage = Field("stage", "Stage", FieldType.CHOICE, canonical="stage", options=options)
    left, right = contacts(**HABITS), contacts(**HABITS)
    for one in (left, right):
        one.resource = replace(one.resource, fields=(*one.resource.fields, stage))
    world = make_world(left, right)
    a = world.a.add(ANN, stage="new")
    other = world.a.add(ANN, mail="eve@example.com", stage="new")
    world.rest()
    change(world, alter("stage", options=options[:1]))
    world.wait(minutes=11)
    world.rest()
    assert AccountEvent.objects.get(action="schema").detail == "Contacts: “Stage” has no option “Won” any more"
    world.a.edit(a, stage="won", job="Baker")
    world.a.edit(other, job="Baker")
    world.rest()
    link = world.link(a=a)
    assert (link.state, link.cause) == ("failing", "unknown_option") and "won" in link.detail
    assert all(v["job"] == "Baker" for v in world.b.all_values().values())
    world.sync.refresh_from_db()
    assert world.sync.attention == ""


def test_rule_9_4_an_object_that_is_gone_stops_the_sync_until_it_is_back(make_world: MakeWorld) -> None:
    world, a, b = in_step(make_world)
    gone = world.right.objects.pop("contacts")
    world.wait(minutes=11)
    world.slice()
    world.sync.refresh_from_db()
    assert world.sync.attention == "object_gone"
    assert world.sync.attention_reason == "“Right” does not offer “Contacts” any more."
    obj = AccountObject.objects.get(account__remote_id="right")
    assert obj.missing and obj.account.state == AccountState.OK
    world.right.offer(gone)
    world.a.edit(a, job="Baker")
    world.wait(minutes=11)
    world.rest()
    world.sync.refresh_from_db()
    assert world.sync.attention == "" and gone.values(b)["job"] == "Baker"
    assert not RemoteRecord.objects.filter(gone=True).exists()
    events = AccountEvent.objects.filter(action="schema").order_by("pk")
    assert [e.detail for e in events] == ["Contacts: gone", "Contacts: back again"]


def test_rule_10_2_what_is_offered_is_not_asked_with_each_poll(make_world: MakeWorld) -> None:
    world, *_ = in_step(make_world)
    asked = world.left.calls["resources"]
    for _ in range(20):
        world.wait(minutes=1)
        world.rest()
    assert world.left.calls["resources"] - asked <= 2


def test_rule_10_2_a_new_field_that_nobody_uses_reads_nothing_anew(make_world: MakeWorld) -> None:
    world = make_world(contacts(page_size=1, **HABITS), contacts(page_size=1, **HABITS))
    for n in range(5):
        world.a.add(ANN, mail=f"p{n}@example.com")
    world.rest()
    world.wait(minutes=1)
    world.rest()
    change(world, add())
    world.wait(minutes=11)
    reads = world.right.calls["read"]
    world.rest()
    assert world.right.calls["read"] - reads <= 2
    Workspace.objects.update(plan=Plan.objects.get(name="pro"))
    current_workspace().plan = Plan.objects.get(name="pro")
    world.mapping("job_title", b=("extra",), custom=True)
    world.b.edit(next(iter(world.b.rows)), extra="Cook")
    world.rest()
    assert world.right.calls["read"] - reads >= 5, "now it is read for all"


def test_rule_6_2_a_filter_that_asks_for_a_field_that_is_gone_says_so(make_world: MakeWorld) -> None:
    cooks = Filter(groups=(Group(conditions=(FieldCondition("job", Operator.IS, "Cook"),)),))
    world = make_world(contacts(**HABITS), contacts(**HABITS), filters=Filters(b=cooks))
    a, b = world.a.add(ANN), world.b.add(ANN)
    world.rest()
    job = world.b.resource.field("job")
    change(world, without("job"))
    world.wait(minutes=11)
    world.b.edit(b, phone="+49 30 2")
    world.rest()
    world.sync.refresh_from_db()
    assert world.sync.attention == "object_gone" and "has no field “job”" in world.sync.attention_reason
    assert "A filter cannot be judged" in world.sync.attention_reason
    assert services.status_of(world.sync).standing == "attention"
    assert world.a.values(a)["phone"] == "+49 30 1", "what cannot be judged is not met"
    change(world, lambda fields: (*fields, job))
    world.wait(minutes=11)
    world.rest()
    world.sync.refresh_from_db()
    assert world.sync.attention == "" and world.a.values(a)["phone"] == "+49 30 2"


def test_rule_6_2_a_filter_that_names_an_option_that_is_gone_goes_on_and_says_so(make_world: MakeWorld) -> None:
    options = (Option("new", "New"), Option("lost", "Lost"))
    stage = Field("stage", "Stage", FieldType.CHOICE, canonical="stage", options=options)
    left, right = contacts(**HABITS), contacts(**HABITS)
    for one in (left, right):
        one.resource = replace(one.resource, fields=(*one.resource.fields, stage))
    kept = Filter(groups=(Group(conditions=(FieldCondition("stage", Operator.IS_NOT, "lost"),)),))
    world = make_world(left, right, filters=Filters(b=kept))
    goes, stays = world.b.add(ANN, stage="new"), world.b.add(ANN, mail="eve@example.com", stage="lost")
    world.rest()
    change(world, alter("stage", options=options[:1]))
    world.wait(minutes=11)
    for record in (goes, stays):
        world.b.edit(record, phone="+49 30 2")
    world.rest()
    world.sync.refresh_from_db()
    assert "names an option that is gone" in world.sync.attention_reason
    assert [v["phone"] for v in world.a.all_values().values()] == ["+49 30 2"]
    assert world.link(b=stays).cause == "filter_b"
