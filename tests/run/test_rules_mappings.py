"""Mappings that are new or changed, and fields that are left alone, through the engine (rules 4.5 and 4.6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from connectors.contract import Field, FieldType, Option
from connectors.testing.memory import MemoryObject, contacts
from syncengine import services
from syncengine.core.mapping import Begins, FieldMapping

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com"}


def with_stage(*options: str, **changes: Any) -> MemoryObject:
    stage = Field("stage", "Stage", FieldType.CHOICE, options=tuple(Option(o, o.capitalize()) for o in options))
    return contacts(fields=(*contacts().resource.fields, stage), **changes)


def staged(make_world: MakeWorld, *pairs: tuple[str, str]) -> World:
    mapping = FieldMapping("stage", ("stage",), ("stage",), options=pairs)
    world = make_world(with_stage("new", "won"), with_stage("open", "done", "closed"))
    world.settings(mappings=(*world.sync.settings.mappings, mapping))
    return world


def test_rule_4_6_after_a_change_of_the_option_map_values_are_sent_again(make_world: MakeWorld) -> None:
    world = staged(make_world, ("new", "open"), ("won", "done"))
    here, there = world.a.add(ANN, stage="won"), world.b.add(ANN, mail="bob@example.com", stage="done")
    world.rest()
    assert world.b.values(str(world.link(a=here).b_id))["stage"] == "done"
    assert world.a.values(str(world.link(b=there).a_id))["stage"] == "won"
    stage = next(m for m in world.sync.settings.mappings if m.id == "stage")
    changed = replace(stage, options=(("new", "open"), ("won", "closed"), ("new", "done")))
    world.settings(mappings=tuple(changed if m.id == "stage" else m for m in world.sync.settings.mappings))
    world.rest()
    assert world.b.values(str(world.link(a=here).b_id))["stage"] == "closed", "it came from A"
    assert world.a.values(str(world.link(b=there).a_id))["stage"] == "new", "it came from B"
    assert world.link(a=here).provenance["stage"]["rule"] == "4.6"
    assert len([s for s in world.link(a=here).baseline_a if s.startswith("stage#")]) == 1
    world.rests()


def test_rule_4_6_only_later_changes_count_where_that_was_chosen(make_world: MakeWorld) -> None:
    world = make_world()
    world.settings(mappings=tuple(m for m in world.sync.settings.mappings if m.id != "job_title"))
    a, b = world.a.add(ANN, job="Cook"), world.b.add(ANN, job="Clerk")
    world.rest()
    new = FieldMapping("job_title", ("job",), ("job",), begins=Begins.LATER)
    world.settings(mappings=(*world.sync.settings.mappings, new))
    since = world.sync.settings.mappings[-1].begins_at
    world.settings()
    assert since and world.sync.settings.mappings[-1].begins_at == since, "other settings do not move it"
    world.rest()
    assert world.a.values(a)["job"] == "Cook" and world.b.values(b)["job"] == "Clerk"
    assert "later_only" in world.link(a=a).notes.values()
    world.rests()
    world.b.edit(b, job="Baker")
    world.rest()
    assert world.a.values(a)["job"] == "Baker" and not world.link(a=a).notes
    fresh, other = world.a.add(ANN, mail="x@example.com", job="Cook"), world.b.add(ANN, mail="x@example.com", job="X")
    world.rest()
    assert world.b.values(other)["job"] == "Cook" and world.link(a=fresh).b_id == other, "a new link is compared"
    world.rests()


def test_rule_4_6_a_mapping_switched_on_again_goes_on_from_its_old_baselines(make_world: MakeWorld) -> None:
    world = make_world()
    a, b = world.a.add(ANN, job="Cook"), world.b.add(ANN, job="Cook")
    world.rest()
    world.mapping("job_title", enabled=False)
    world.b.edit(b, job="Baker")
    world.rest()
    assert world.a.values(a)["job"] == "Cook"
    world.mapping("job_title", enabled=True)
    world.rest()
    assert world.a.values(a)["job"] == "Baker", "an edit of B alone, not a conflict that A would win"
    world.rests()


def test_rule_4_5_an_option_that_is_added_frees_what_was_parked(make_world: MakeWorld) -> None:
    world = staged(make_world, ("new", "open"))
    a = world.a.add(ANN, stage="won", job="Cook")
    world.rest()
    link = world.link(a=a)
    assert (link.state, link.cause) == ("failing", "unknown_option")
    assert world.b.values(str(link.b_id))["job"] == "Cook", "the rest of the record keeps syncing"
    world.rests()
    offered = world.sync.pair.stream_b.object
    fields = offered.resource["fields"]
    next(f for f in fields if f["name"] == "stage")["options"].append(["won", "Won"])
    offered.save()
    world.b.resource = with_stage("open", "done", "closed", "won").resource
    world.wait(minutes=1)
    world.rest()
    assert world.b.values(str(link.b_id))["stage"] == "won" and world.link(a=a).state == "in_sync"
    world.rests()


def shouting(values: Any) -> Any:
    return {**values, "job": values["job"] and values["job"].upper()}


def test_rule_4_5_two_rules_that_undo_each_other_are_frozen(make_world: MakeWorld) -> None:
    """Each app has a workflow that reacts to our write a moment later, in its own way."""
    world = make_world()
    a, b = world.a.add(ANN, job="cook"), world.b.add(ANN, job="cook")
    world.rest()
    world.a.edit(a, job="Cook")
    for _ in range(12):
        world.wait(seconds=20)
        world.rest()
        for one, id_, form in ((world.a, a, str.upper), (world.b, b, str.lower)):
            if one.values(id_)["job"] != form(one.values(id_)["job"]):
                one.edit(id_, job=form(one.values(id_)["job"]))
                break
    link = world.link(a=a)
    assert (link.state, link.cause) == ("failing", "by_turns") and "“COOK” and “cook”" in link.detail
    assert world.writes <= 5
    world.a.edit(a, phone="+49 30 1234567")
    world.rest()
    assert world.b.values(b)["phone"] == "+49 30 1234567", "other fields go on"
    world.rests()
    world.wait(minutes=11)
    services.retry([world.link(a=a)])
    world.rest()
    assert world.link(a=a).state == "in_sync" and not world.link(a=a).flips
