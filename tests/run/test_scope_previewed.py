"""Filters, history and changed mappings in a preview: what it shows is what is carried out (rules 4.6, 6 and 11.1)."""

from __future__ import annotations

from dataclasses import replace

from syncengine import services
from syncengine.core.filters import FieldCondition, Filter, Filters, Group, Operator
from syncengine.core.mapping import History, Transform
from tenants.models import Plan, Workspace

from .conftest import MakeWorld
from .test_rules_preview import draft, memory, new_world, people, ready, shown

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com"}
COOKS = Filter(groups=(Group(conditions=(FieldCondition("job", Operator.IS, "Cook"),)),))


def test_rule_6_2_a_preview_leaves_out_what_the_filter_keeps_out(make_world: MakeWorld) -> None:
    world = new_world(make_world, filters=Filters(COOKS, COOKS))
    people(world)
    run = ready(world)
    assert ("create", "b") not in {(kind, side) for kind, side, _a, _b in shown(run)}, "the one of A alone is no cook"
    assert ("create", "a") not in {(kind, side) for kind, side, _a, _b in shown(run)}
    assert run.progress["counts"]["leave_out"] == 4
    assert memory() == [[], [], 0, 0]


def test_rule_6_4_a_preview_of_from_now_on_remembers_nothing(make_world: MakeWorld) -> None:
    world = make_world()
    old = world.a.add(ANN, job="Cook")
    world.rest()
    draft(world, history=History.FROM_NOW)
    world.b.add(ANN, mail="later@example.com")
    before = memory()
    run = ready(world)
    assert shown(run) == [] and memory() == before
    world.sync.refresh_from_db()
    assert world.sync.existing_a is None
    services.start(world.sync, actor="ann")
    world.rest()
    assert world.link(a=old).state == "in_sync" and len(world.a.rows) == 1
    assert {link.cause for link in world.open_links()} == {"", "history"}


def test_rule_4_6_a_preview_shows_what_is_sent_again(make_world: MakeWorld, workspace: Workspace) -> None:
    workspace.plan = Plan.objects.get(name="pro")
    Workspace.objects.filter(pk=workspace.pk).update(plan=workspace.plan)
    world = make_world()
    a = world.a.add(ANN, company="ACME")
    world.rest()
    world.sync.refresh_from_db()
    mappings = tuple(
        replace(m, transform=Transform.REPLACE, options=(("ACME", "Acme Inc."),)) if m.id == "company" else m
        for m in world.sync.settings.mappings
    )
    draft(world, mappings=mappings)
    run = ready(world)
    ((kind, side, _a, b),) = shown(run)
    assert (kind, side, b) == ("update", "b", world.link(a=a).b_id)
    services.start(world.sync, actor="ann")
    world.rest()
    assert world.b.values(str(b))["company"] == "Acme Inc."
    world.rests()
