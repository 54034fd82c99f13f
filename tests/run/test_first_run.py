"""The main job: two apps, a first run, edits both ways, and rest (rules 3, 5 and 10)."""

from __future__ import annotations

from collections.abc import Callable

from .conftest import World

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com", "phone": "+49 30 1234567"}


def test_first_run_links_creates_and_rests(make_world: Callable[..., World]) -> None:
    world = make_world()
    ann_a = world.a.add(ANN)
    ann_b = world.b.add({**ANN, "mail": "ANN@example.com", "phone": None})
    bob = world.a.add({**ANN, "first": "Bob", "mail": "bob@example.com"})
    eve = world.b.add({**ANN, "first": "Eve", "mail": "eve@example.com"})
    world.rest()
    assert world.link(a=ann_a).b_id == ann_b
    assert world.b.values(ann_b)["phone"] == ANN["phone"]
    assert world.b.values(ann_b)["mail"] == "ANN@example.com"
    assert world.b.values(world.link(a=bob).b_id)["first"] == "Bob"
    assert world.a.values(world.link(b=eve).a_id)["first"] == "Eve"
    assert world.states() == {"in_sync": 3}
    written = world.writes
    world.rest()
    assert world.writes == written


def test_rule_3_2_edits_cross_both_ways(make_world: Callable[..., World]) -> None:
    world = make_world()
    ann_a = world.a.add(ANN)
    world.rest()
    ann_b = world.link(a=ann_a).b_id
    world.a.edit(ann_a, last="Miller")
    world.b.edit(ann_b, phone="+49 30 999")
    world.rest()
    assert world.b.values(ann_b)["last"] == "Miller"
    assert world.a.values(ann_a)["phone"] == "+49 30 999"
