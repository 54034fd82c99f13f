"""Writes whose answers do not tell what the app holds, and such whose answers were lost (rules 3.7, 4.5 and 10.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connectors.contract import Retry, Values
from connectors.testing.memory import contacts
from syncengine.core.mapping import ClearPolicy, Side
from syncengine.models import Operation, OperationState

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com", "job": "Cook"}
SLOW: dict[str, Any] = {"settle": 30, "answers": False}


def in_step(make_world: MakeWorld, right: dict[str, Any], **settings: Any) -> tuple[World, str, str]:
    world = make_world(None, contacts(**right), **settings)
    a, b = world.a.add(ANN), world.b.add(ANN)
    world.rest()
    world.wait(minutes=1)
    world.rest()
    return world, a, b


def stubborn(values: Values) -> Values:
    return {**values, "job": "Cook"}


@pytest.mark.parametrize("lock", [True, False])
def test_rule_4_5_an_ignored_write_is_parked_once_the_app_has_settled(make_world: MakeWorld, lock: bool) -> None:
    world, a, b = in_step(make_world, {**SLOW, "rewrite": stubborn, "lock": lock})
    world.a.edit(a, job="Chef")
    world.wait(minutes=1)
    world.slice()
    assert world.right.calls["update"] == 1 and world.link(a=a).parked == {}, "it may only not show yet"
    world.rest()
    world.wait(minutes=1)
    world.rest()
    (parked,) = world.link(a=a).parked.values()
    assert parked["reason"] == "app_rule" and "still holds" in parked["message"]
    assert (world.a.values(a)["job"], world.b.values(b)["job"]) == ("Chef", "Cook")
    assert Operation.objects.get(kind="update").error == "app_rule"
    world.rests()
    world.b.rewrite = lambda values: values
    world.a.edit(a, job="Baker")
    world.wait(minutes=1)
    world.rest()
    assert world.b.values(b)["job"] == "Baker" and world.link(a=a).parked == {}, "either side's edit tries it again"
    world.rests()


def test_rule_3_7_a_look_that_lags_is_no_baseline(make_world: MakeWorld) -> None:
    """Else the app's late sight of our own write would be an edit, and beat the one that was made meanwhile."""
    world, a, b = in_step(make_world, SLOW, winner=Side.B)
    world.wait(minutes=1)
    with world.right.stale_reads():
        world.a.edit(a, job="Chef")
        world.slice()
        assert world.b.values(b)["job"] == "Chef"
    world.a.edit(a, job="Boss")
    world.wait(minutes=1)
    world.rest()
    assert world.a.values(a)["job"] == world.b.values(b)["job"] == "Boss"
    world.rests()
    assert not Operation.objects.filter(side="a").exists()


def test_rule_3_7_a_form_that_shows_late_is_the_apps_own(make_world: MakeWorld) -> None:
    world, a, b = in_step(make_world, {**SLOW, "rewrite": lambda v: {**v, "job": str(v["job"])[:4]}})
    world.wait(minutes=1)
    with world.right.stale_reads():
        world.a.edit(a, job="Chefs")
        world.slice()
    world.wait(minutes=1)
    world.rest()
    assert (world.a.values(a)["job"], world.b.values(b)["job"]) == ("Chefs", "Chef")
    assert list(world.link(a=a).notes.values()) == ["rewritten"]
    world.rests()


def test_rule_3_6_what_an_app_never_took_was_not_cleared_there(
    make_world: MakeWorld,
) -> None:
    """A workflow of the app runs at once: that the record shows news does not make a blank of it one that was typed."""
    world = make_world(None, contacts(**SLOW, rewrite=lambda values: {**values, "job": None}))
    every = world.sync.settings.mappings
    world.settings(mappings=tuple(replace(mapping, clears=ClearPolicy.CLEAR) for mapping in every))
    world.rest()
    a = world.a.add(ANN)
    with world.right.stale_reads():
        world.slice()
    (b,) = world.b.rows
    world.b.edit(b, phone="+49 30 1")
    world.wait(seconds=5)
    world.rest()
    world.wait(minutes=1)
    world.rest()
    assert (world.a.values(a)["job"], world.a.values(a)["phone"]) == ("Cook", "+49 30 1")
    (parked,) = world.link(a=a).parked.values()
    assert parked["reason"] == "app_rule"
    world.rests()


def test_rule_3_7_what_was_confirmed_is_edited_like_anything_else(make_world: MakeWorld) -> None:
    world, a, b = in_step(make_world, SLOW)
    world.wait(minutes=1)
    with world.right.stale_reads():
        world.a.edit(a, job="Chef")
        world.slice()
    world.wait(minutes=1)
    world.rest()
    assert not Operation.objects.filter(state=OperationState.DONE, deadline__isnull=False).exists()
    world.b.edit(b, job="Cook")
    world.wait(minutes=1)
    world.rest()
    assert world.a.values(a)["job"] == "Cook" and world.link(a=a).parked == {}
    world.rests()


def test_rule_10_4_an_update_in_doubt_is_not_overtaken_by_the_next_one(make_world: MakeWorld) -> None:
    """The request may still take effect until its deadline: what was sent meanwhile would be undone by it."""
    world, a, b = in_step(make_world, {"settle": 5, "deadline": 300}, winner=Side.B)
    world.wait(minutes=1)
    world.right.fail_next("update", Retry("no answer"))
    world.a.edit(a, job="Chef")
    world.slice()
    world.a.edit(a, job="Boss")
    other = world.a.add({**ANN, "first": "Bob", "mail": "bob@example.com"})
    for _ in range(3):
        world.wait(minutes=1)
        world.slice()
    assert world.b.values(b)["job"] == "Cook" and world.link(a=a).state == "waiting"
    assert world.link(a=other).b_id is not None, "other records do not wait for it"
    world.wait(minutes=5)
    world.rest()
    assert world.a.values(a)["job"] == world.b.values(b)["job"] == "Boss"
    world.rests()
