"""Transforms, constants, plans and matching settings through the engine (rules 4.1, 4.2, 4.4, 5.4 and 5.6)."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from connectors.contract import Field, FieldType, Kind
from connectors.testing.memory import MemoryObject, companies, contacts
from syncengine.core.filters import FieldCondition, Filter, FilterMode, Filters, Group, Leaving, Operator
from syncengine.core.mapping import FieldMapping, MatchBy, Matching, Side, SyncSettings, Transform
from tenants.models import Plan, Workspace

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com"}
BOB = {"first": "Bob", "last": "Ray", "mail": "bob@example.com"}


@pytest.fixture
def pro(workspace: Workspace) -> Workspace:
    return on_plan(workspace, "pro")


def on_plan(workspace: Workspace, name: str) -> Workspace:
    workspace.plan = Plan.objects.get(name=name)
    Workspace.objects.filter(pk=workspace.pk).update(plan=workspace.plan)
    return workspace


def test_rule_4_1_one_app_holds_phone_numbers_in_a_form_of_its_own(make_world: MakeWorld, pro: Workspace) -> None:
    pro.country = "DE"
    world = make_world()
    world.mapping("phone", transform=Transform.PHONE, argument="e164")
    a = world.a.add(ANN, phone="030 1234567")
    world.rest()
    b = str(world.link(a=a).b_id)
    assert world.b.values(b)["phone"] == "+49301234567"
    world.b.edit(b, phone="+49 (30) 1234567")
    world.rest()
    assert world.a.values(a)["phone"] == "030 1234567", "a change of form alone is none"
    world.b.edit(b, phone="+49307654321")
    world.rest()
    assert world.a.values(a)["phone"] == "+49307654321"
    world.rests()


def test_rule_4_8_settings_take_up_where_the_workspace_is_by_now(make_world: MakeWorld, pro: Workspace) -> None:
    world = make_world()
    ann = world.a.add(ANN, phone="030 1234567")
    bob = world.a.add(BOB, phone="030 7654321")
    world.rest()
    pro.country = "DE"
    world.mapping("phone", transform=Transform.PHONE, argument="e164")
    world.rest()
    held = {id_: world.b.values(str(world.link(a=id_).b_id))["phone"] for id_ in (ann, bob)}
    assert held == {ann: "+49301234567", bob: "+49307654321"}
    world.rests()


def test_rule_4_1_a_day_is_midnight_where_the_workspace_is_by_now(make_world: MakeWorld, pro: Workspace) -> None:
    def born(type_: FieldType) -> MemoryObject:
        return contacts(fields=(*contacts().resource.fields, Field("born", "Born", type_, canonical="birthday")))

    world = make_world(born(FieldType.DATE), born(FieldType.DATETIME))
    ann = world.a.add(ANN, born="2000-05-01")
    world.rest()
    assert world.b.values(str(world.link(a=ann).b_id))["born"] == "2000-05-01T00:00:00Z"
    pro.time_zone = "Europe/Berlin"
    world.settings()
    bob = world.a.add(BOB, born="2000-05-01")
    world.rest()
    assert world.b.values(str(world.link(a=bob).b_id))["born"] == "2000-04-30T22:00:00Z"
    assert world.a.values(ann)["born"] == "2000-05-01", "nobody has changed it"
    world.rests()


def test_rule_4_6_a_transform_that_is_named_later_shapes_what_was_sent_before(
    make_world: MakeWorld, pro: Workspace
) -> None:
    world = make_world()
    a, other = world.a.add(ANN, job="cook"), world.b.add(BOB, job="clerk")
    world.rest()
    world.mapping("job_title", transform=Transform.TITLE, shaped=Side.B)
    world.rest()
    assert world.b.values(str(world.link(a=a).b_id))["job"] == "Cook", "sent again from the side that it came from"
    assert world.a.values(a)["job"] == "cook"
    world.a.edit(a, job="head cook")
    world.rest()
    assert world.b.values(str(world.link(a=a).b_id))["job"] == "Head Cook"
    assert world.b.values(other)["job"] == "clerk"
    world.rests()


def test_rule_4_1_texts_are_replaced_by_a_table(make_world: MakeWorld, pro: Workspace) -> None:
    world = make_world()
    world.mapping("company", transform=Transform.REPLACE, options=(("ACME", "Acme Inc."), ("BOLT", "Bolt Ltd.")))
    a, b = world.a.add(ANN, company="acme"), world.b.add(BOB, company="Bolt Ltd.")
    world.rest()
    assert world.b.values(str(world.link(a=a).b_id))["company"] == "Acme Inc."
    assert world.a.values(str(world.link(b=b).a_id))["company"] == "BOLT"
    world.b.edit(b, company="Quux")
    world.rest()
    assert world.a.values(str(world.link(b=b).a_id))["company"] == "Quux"
    world.rests()


def test_rule_4_4_constants_and_defaults_fill_new_records_only(make_world: MakeWorld, pro: Workspace) -> None:
    world = make_world()
    constant = FieldMapping("source", (), ("notes",), custom=True, defaults={Side.B: "From the left"})
    kept = tuple(m for m in world.sync.settings.mappings if m.id != "notes")
    world.settings(mappings=(*kept, constant))
    world.mapping("job_title", defaults={Side.B: "Member"})
    known, there = world.a.add(BOB), world.b.add(BOB)
    a = world.a.add(ANN)
    world.rest()
    made = world.b.values(str(world.link(a=a).b_id))
    assert (made["notes"], made["job"]) == ("From the left", "Member")
    assert world.b.values(there).get("notes") is None and world.link(a=known).b_id == there
    assert world.a.values(a).get("job") is None, "a default goes nowhere else"
    world.rests()


def test_rule_4_2_what_the_plan_loses_stops_and_is_kept(make_world: MakeWorld, pro: Workspace) -> None:
    world = make_world()
    world.mapping("job_title", transform=Transform.UPPER)
    a = world.a.add(ANN, job="cook")
    world.rest()
    b = str(world.link(a=a).b_id)
    on_plan(pro, "free")
    world.a.edit(a, job="baker", company="Acme")
    world.rest()
    assert world.b.values(b)["job"] == "COOK" and world.b.values(b)["company"] == "Acme"
    on_plan(pro, "pro")
    world.settings()
    world.rest()
    assert world.b.values(b)["job"] == "BAKER", "it goes on from its old baselines"
    world.rests()


def firms(**changes: Any) -> MemoryObject:
    return contacts(kind=Kind.COMPANY, fields=companies().resource.fields, **changes)


@pytest.mark.parametrize("by", [MatchBy.DEFAULT, MatchBy.DOMAIN_FIRST, MatchBy.NOTHING])
def test_rule_5_4_companies_by_name_or_by_domain_first(make_world: MakeWorld, by: MatchBy) -> None:
    world = make_world(firms(), firms(), matching=Matching(by))
    a = world.a.add(name="Acme", domain="acme.com")
    other_name = world.b.add(name="Acme Holding", domain="www.acme.com")
    same_name = world.b.add(name="ACME", domain="other.org")
    world.rest()
    expected = {MatchBy.DEFAULT: same_name, MatchBy.DOMAIN_FIRST: other_name}.get(by)
    if expected is None:
        assert world.link(a=a).b_id not in (same_name, other_name) and len(world.a.rows) == len(world.b.rows) == 3
    else:
        assert world.link(a=a).b_id == expected and len(world.b.rows) == 2
    world.rests()


def test_rule_5_5_records_of_a_kind_without_keys_are_copied(make_world: MakeWorld) -> None:
    deals = {"kind": Kind.DEAL, "fields": companies().resource.fields}
    world = make_world(contacts(**deals), contacts(**deals))
    for one in (world.a, world.b):
        one.add(name="Big deal", city="Bonn")
    world.rest()
    assert len(world.a.rows) == len(world.b.rows) == 2
    world.rests()


# --- Everything at once -------------------------------------------------------------------------------------

COOK = Filter(groups=(Group(conditions=(FieldCondition("job", Operator.CONTAINS, "cook"),)),))
ANYBODY = Filter()


@pytest.mark.parametrize("seed", range(5))
def test_rule_6_3_whatever_is_filtered_and_edited_it_comes_to_rest_and_nothing_is_lost(
    make_world: MakeWorld, seed: int
) -> None:
    """People edit both sides while filters come and go; with none in the end, both sides are the same."""
    chance = random.Random(seed)
    world = make_world(email_only=False)
    for n in range(6):
        one = chance.choice((world.a, world.b))
        one.add(first=f"P{n}", last="Q", mail=f"p{n}@example.com", job=chance.choice(("Cook", "Clerk")))
    for _ in range(6):
        filters = Filters(
            chance.choice((COOK, ANYBODY)),
            chance.choice((COOK, ANYBODY)),
            chance.choice(list(FilterMode)),
            chance.choice(list(Leaving)),
        )
        world.settings(filters=filters)
        for _ in range(3):
            edit_somebody(world, chance)
        world.rest()
        world.wait(minutes=11)
        before = world.writes
        world.rest()
        assert world.writes == before, "at rest"
    world.settings(filters=Filters())
    world.rest()
    both = [sorted(str(sorted(v.items())) for v in one.all_values().values()) for one in (world.a, world.b)]
    assert both[0] == both[1] and len(both[0]) == 6
    assert {link.state for link in world.open_links()} == {"in_sync"}
    world.rests()


def edit_somebody(world: World, chance: random.Random) -> None:
    one = chance.choice([side for side in (world.a, world.b) if side.rows])
    field = chance.choice(("job", "notes", "company"))
    value = chance.choice(("Head cook", "Clerk")) if field == "job" else str(chance.random())
    one.edit(chance.choice(sorted(one.rows)), **{field: value})


def test_settings_of_the_past_are_read_with_what_they_did_not_know() -> None:
    known = SyncSettings(kind=Kind.CONTACT, mappings=(FieldMapping("m", ("x",), ("y",)),))
    data = known.to_json()
    for name in ("filters", "history"):
        del data[name]
    for name in ("argument", "shaped", "begins"):
        del data["mappings"][0][name]
    assert SyncSettings.from_json(data) == replace(known)
