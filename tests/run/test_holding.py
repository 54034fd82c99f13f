"""Rule 9.5 through the engine: a record is paused, a field is pinned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.contract import RateLimited
from syncengine import holding, services
from syncengine.core.mapping import Direction, Side
from syncengine.models import Operation, OperationState

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com"}
LATER = datetime(2099, 1, 1, tzinfo=UTC)


def linked(make_world: MakeWorld, **settings: object) -> tuple[World, str, str]:
    world = make_world(**settings)
    a, b = world.a.add(ANN, job="Cook"), world.b.add(ANN, job="Cook")
    world.rest()
    return world, a, b


@pytest.mark.parametrize("ends", ["by itself", "by a person"])
def test_rule_9_5_nothing_is_written_to_a_paused_record(make_world: MakeWorld, ends: str) -> None:
    world, a, b = linked(make_world)
    holding.pause_records(world.sync, [world.link(a=a)], actor="ann", until=LATER)
    world.a.edit(a, job="Chef")
    world.b.edit(b, phone="+49 30 1")
    world.rest()
    assert not world.writes and world.states() == {"paused": 1}
    world.rests()
    if ends == "by itself":
        world.now = LATER - timedelta(seconds=5)
        world.rest()
        assert not world.writes
        world.now = LATER
    else:
        assert holding.resume_records(world.sync, [world.link(a=a)], actor="ann") == 1
    world.rest()
    assert world.b.values(b)["job"] == "Chef" and world.a.values(a)["phone"] == "+49 30 1"
    assert world.states() == {"in_sync": 1}
    world.rests()


def test_rule_9_5_what_was_planned_is_not_sent(make_world: MakeWorld) -> None:
    world, a, b = linked(make_world)
    world.a.edit(a, job="Chef")
    world.right.fail_next("write", RateLimited("Too fast.", after=5))
    world.slice()
    sent = world.writes
    assert Operation.objects.filter(state=OperationState.PLANNED).exists()
    holding.pause_records(world.sync, [world.link(a=a)], actor="ann")
    world.rest()
    assert world.writes == sent and world.b.values(b)["job"] == "Cook"
    world.rests()


def test_rule_9_5_a_pinned_field_waits_until_its_end_date(make_world: MakeWorld) -> None:
    world, a, b = linked(make_world)
    holding.pin_field(world.sync, world.link(a=a), side=Side.B, field="job", until=LATER, actor="ann")
    world.rest()
    world.a.edit(a, job="Chef", phone="+49 30 1")
    world.rest()
    assert world.b.values(b)["job"] == "Cook" and world.b.values(b)["phone"] == "+49 30 1"
    link = world.link(a=a)
    assert link.state == "in_sync" and "pinned" in link.notes.values(), "a recorded reason (rule 3.8)"
    world.rests()
    world.now = LATER
    world.rest()
    assert world.b.values(b)["job"] == "Chef" and not world.link(a=a).notes
    world.rests()


def test_rule_9_5_an_edit_of_the_pinned_field_goes_out_and_back_again_afterwards(make_world: MakeWorld) -> None:
    world, a, b = linked(make_world)
    holding.pin_field(world.sync, world.link(a=a), side=Side.B, field="job", until=LATER, actor="ann")
    world.b.edit(b, job="Baker")
    world.rest()
    assert world.a.values(a)["job"] == "Baker"
    world.a.edit(a, job="Chef")
    world.rest()
    assert world.b.values(b)["job"] == "Baker"
    holding.unpin_field(world.sync, world.link(a=a), side=Side.B, field="job", actor="ann")
    world.rest()
    assert world.b.values(b)["job"] == "Chef" and world.link(a=a).pins == {}
    world.rests()


def test_rule_9_5_what_cannot_be_pinned_is_said(make_world: MakeWorld) -> None:
    world, a, _b = linked(make_world, direction=Direction.A_TO_B)
    link = world.link(a=a)
    for wrong, where in (
        ({"side": Side.A}, "field"),
        ({"field": "nothing"}, "field"),
        ({"until": datetime(2020, 1, 1, tzinfo=UTC)}, "until"),
    ):
        with pytest.raises(services.SyncError) as error:
            holding.pin_field(
                world.sync, link, **({"side": Side.B, "field": "job", "until": LATER} | wrong), actor="ann"
            )
        assert set(error.value.errors) == {where}
    with pytest.raises(services.SyncError):
        holding.pause_records(world.sync, [link], actor="ann", until=datetime(2020, 1, 1, tzinfo=UTC))
    assert world.link(a=a).pins == {} and not world.link(a=a).paused
