"""Rule 11.3 through the engine: each value tells where it came from, also when the journal is gone."""

from __future__ import annotations

from dataclasses import replace

from connectors.testing.memory import contacts
from syncengine import services, undoing
from syncengine.core.mapping import Direction, Side
from syncengine.core.why import Origin
from syncengine.explaining import Why, explain
from syncengine.models import Operation

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com"}


def told(world: World, a: str) -> dict[tuple[str, Side], Why]:
    found = explain(world.sync, world.link(a=a), services.resources_of(world.sync))
    return {(why.mapping, why.side): why for why in found}


def test_rule_11_3_equal_entered_and_carried_outlive_the_journal(make_world: MakeWorld) -> None:
    world = make_world()
    a, b = world.a.add(ANN, job="Cook"), world.b.add(ANN, job="Baker")
    world.rest()
    run = Operation.objects.get().run_id
    Operation.objects.all().delete()
    world.sync.refresh_from_db()
    why = told(world, a)
    assert why[("last_name", Side.A)].origin is why[("last_name", Side.B)].origin is Origin.FOUND
    assert why[("last_name", Side.A)].at is not None, "since when the two are compared"
    there = why[("job_title", Side.B)]
    assert (there.origin, there.before, there.rule, there.run) == (Origin.CARRIED, "Baker", "3.4", run)
    assert why[("job_title", Side.A)].origin is Origin.ENTERED
    assert world.b.values(b)["job"] == "Cook"


def test_rule_11_3_what_a_person_typed_on_the_receiving_side_is_not_taken_for_ours(make_world: MakeWorld) -> None:
    world = make_world(direction=Direction.A_TO_B)
    a, b = world.a.add(ANN, job="Cook"), world.b.add(ANN)
    world.rest()
    world.b.edit(b, job="Boss")
    world.rest()
    world.sync.refresh_from_db()
    why = told(world, a)
    assert why[("job_title", Side.B)].origin is Origin.EDITED and not why[("job_title", Side.B)].before


def test_rule_11_3_each_element_of_a_list_tells_where_it_came_from(make_world: MakeWorld) -> None:
    fields = tuple(replace(f, multi_valued=f.name == "phone") for f in contacts().resource.fields)
    world = make_world(contacts(fields=fields), contacts(fields=fields))
    a = world.a.add(ANN, phone=["+49 30 1"])
    b = world.b.add(ANN, phone=["+49 30 1"])
    world.rest()
    world.a.edit(a, phone=["+49 30 1", "+49 30 2"])
    world.rest()
    world.a.edit(a, phone=["+49 30 1", "+49 30 2", "+49 30 3"])
    world.rest()
    world.sync.refresh_from_db()
    elements = told(world, a)[("phone", Side.B)].elements
    assert [one.account for one in elements] == ["Left", "Left"] and len({one.run for one in elements}) == 2
    assert len(world.b.values(b)["phone"]) == 3, "the one that both had came from nowhere"


def test_rule_11_3_a_created_record_and_an_undone_value(make_world: MakeWorld) -> None:
    world = make_world()
    a = world.a.add(ANN)
    world.rest()
    world.sync.refresh_from_db()
    assert told(world, a)[("first_name", Side.B)].rule == "5.1"
    world.a.edit(a, job="Cook")
    world.rest()
    run = Operation.objects.filter(kind="update").latest("pk").run
    undoing.approve(undoing.preview(world.sync, undoing.Target(run=run), actor="ann"), actor="ann")
    world.rest()
    why = told(world, a)[("job_title", Side.B)]
    assert (why.origin, why.rule, why.before) == (Origin.RESTORED, "11.2", "Cook")
