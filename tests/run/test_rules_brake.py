"""The brake, through the real engine (rule 11.4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connectors.contract import WriteKind
from connectors.testing.memory import contacts
from syncengine import approvals, decisions, deleting, services
from syncengine.core.brake import Thresholds
from syncengine.core.mapping import ClearPolicy, Side
from syncengine.models import Operation, OperationState, RunState
from syncengine.models.sync import Attention
from syncengine.services import SyncError

from .conftest import MakeWorld, World

FEW = Thresholds(changes=5, changes_percent=0, clears=2, clears_percent=0)


def linked(make_world: MakeWorld, count: int = 10, **settings: Any) -> World:
    """So many persons on both sides, in step."""
    world = make_world(**{"brake": FEW, **settings})
    for n in range(count):
        world.a.add({"first": f"N{n}", "last": "Lee"}, mail=f"n{n}@example.com", job="Cook")
    world.rest()
    assert len(world.b.rows) == count
    return world


def edit(world: World, count: int, **values: Any) -> None:
    for id_ in list(world.a.rows)[:count]:
        world.a.edit(id_, **values)
    world.wait(minutes=1)
    world.rest()


def states() -> dict[str, int]:
    found: dict[str, int] = {}
    for state in Operation.objects.exclude(kind=WriteKind.CREATE).values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found


def jobs(world: World) -> list[Any]:
    return [row.values.get("job") for row in world.b.rows.values()]


def test_rule_11_4_held_before_the_first_write_and_asks(make_world: MakeWorld) -> None:
    world = linked(make_world)
    writes = world.writes
    edit(world, 6, job="Baker")
    assert world.writes == writes and states() == {"held": 6}
    world.sync.refresh_from_db()
    assert world.sync.attention == Attention.BRAKE and world.sync.attention_reason
    run = world.sync.runs.under_way().get()
    assert run.progress["brake"] == {"changes": 6, "clears": 0, "most_changes": 5, "most_clears": None}
    assert world.states() == {"in_sync": 4, "failing": 6, "failing:brake": 6}
    world.wait(minutes=5)
    world.rest()
    assert world.writes == writes, "as long as nobody has answered"
    assert approvals.release(world.sync, actor="ann") == 6
    world.rest()
    assert jobs(world).count("Baker") == 6 and world.states() == {"in_sync": 10}
    world.sync.refresh_from_db()
    assert world.sync.attention == "" and run.__class__.objects.get(pk=run.pk).state == RunState.DONE
    assert set(Operation.objects.filter(kind="update").values_list("decided_by", flat=True)) == {"ann"}
    world.rests()


def test_rule_9_1_a_record_is_held_as_long_as_one_of_its_sides_is(make_world: MakeWorld) -> None:
    world = linked(make_world)
    a = next(iter(world.a.rows))
    b = str(world.link(a=a).b_id)
    world.b.edit(b, phone="+49 30 1")
    edit(world, 7, job="Baker")
    held = Operation.objects.filter(link=world.link(a=a), state=OperationState.HELD)
    assert set(held.values_list("side", flat=True)) == {"a", "b"}
    approvals.release(world.sync, actor="ann", only=[held.get(side="a").pk])
    world.rest()
    assert (world.a.values(a)["phone"], world.b.values(b)["job"]) == ("+49 30 1", "Cook")
    assert (world.link(a=a).state, world.link(a=a).cause) == ("failing", "brake")
    approvals.release(world.sync, actor="ann")
    world.rest()
    assert world.b.values(b)["job"] == "Baker" and world.states() == {"in_sync": 10}
    world.rests()


def test_rule_11_4_a_plan_in_many_chunks_is_judged_as_a_whole(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncengine.run.planning.CHUNK", 2)
    world = linked(make_world)
    writes = world.writes
    for id_ in list(world.a.rows)[:6]:
        world.a.edit(id_, job="Baker")
    world.wait(minutes=1)
    for _ in range(40):  # The time of each slice is over before a second chunk is planned.
        if world.slice(slice=timedelta(0)).quiet:
            break
    assert world.writes == writes and states() == {"held": 6}


def test_rule_11_4_what_was_done_within_24_hours_counts(make_world: MakeWorld) -> None:
    world = linked(make_world)
    edit(world, 5, job="Baker")
    assert states() == {"done": 5}, "the creations of the first run do not count"
    edit(world, 1, job="Clerk")
    assert states() == {"done": 5, "held": 1}
    approvals.release(world.sync, actor="ann")
    world.rest()
    world.wait(hours=25)
    edit(world, 5, job="Smith")
    assert states() == {"done": 11}


def test_rule_11_4_clears_and_a_first_run(make_world: MakeWorld) -> None:
    world = linked(make_world, 30)
    assert len(world.b.rows) == 30, "a first run creates as many as it likes"
    world.mapping("job_title", clears=ClearPolicy.CLEAR)
    world.rest()
    edit(world, 2, job="")
    assert states() == {"done": 2}
    for id_ in list(world.a.rows)[2:4]:
        world.a.edit(id_, job="")
    world.wait(minutes=1)
    world.rest()
    assert states() == {"done": 2, "held": 2}


def test_rule_11_4_declined_changes_stay_as_they_are(make_world: MakeWorld) -> None:
    world = linked(make_world)
    edit(world, 6, job="Baker")
    writes = world.writes
    assert approvals.decline(world.sync, actor="ann") == 6
    world.rest()
    assert world.writes == writes and states() == {"declined": 6} and world.states() == {"in_sync": 10}
    link = world.link(a=next(iter(world.a.rows)))
    assert set(link.notes.values()) == {"declined"}
    world.settings()
    world.rest()
    assert world.writes == writes, "a pass over all records plans nothing of it either"
    edit(world, 1, job="Smith")
    assert jobs(world).count("Smith") == 1
    world.rests()


def test_rule_11_4_declined_creations_wait_for_a_person(make_world: MakeWorld) -> None:
    world = linked(make_world)
    for n in range(6):
        world.b.add({"first": f"New{n}", "last": "Lee"}, mail=f"new{n}@example.com")
    world.wait(minutes=1)
    world.rest()
    assert len(world.a.rows) == 10
    approvals.decline(world.sync, actor="ann")
    world.rest()
    world.settings()
    world.rest()
    assert len(world.a.rows) == 10 and world.states() == {"in_sync": 10, "excluded": 6}
    world.rests()
    link = next(link for link in world.open_links() if link.a_id is None)
    assert (link.cause, link.decided_by) == ("declined", "ann")
    decisions.reopen(world.sync, [link], actor="ann")
    world.rest()
    assert len(world.a.rows) == 11 and world.states() == {"in_sync": 11, "excluded": 5}


def test_rule_11_4_what_is_held_is_always_of_today(make_world: MakeWorld) -> None:
    world = linked(make_world)
    edit(world, 6, job="Baker")
    first = next(iter(world.a.rows))
    world.a.edit(first, job="Smith")
    world.wait(minutes=1)
    world.rest()
    assert states() == {"held": 6, "superseded": 1}
    world.a.edit(first, job="Cook")  # What it was: now it is too much no longer, and goes by itself.
    world.wait(minutes=1)
    world.rest()
    assert jobs(world).count("Baker") == 5 and world.states() == {"in_sync": 10}
    world.sync.refresh_from_db()
    assert world.sync.attention == ""
    world.rests()


def test_rule_11_4_some_are_released(make_world: MakeWorld) -> None:
    world = linked(make_world)
    edit(world, 6, job="Baker")
    two = list(Operation.objects.filter(state=OperationState.HELD).values_list("pk", flat=True)[:2])
    assert approvals.release(world.sync, actor="ann", only=two) == 2
    assert approvals.decline(world.sync, actor="ann") == 4
    world.rest()
    assert jobs(world).count("Baker") == 2 and states() == {"done": 2, "declined": 4}
    with pytest.raises(SyncError):
        approvals.release(world.sync, actor="ann")


def test_rule_11_4_turned_off_while_it_is_held(make_world: MakeWorld) -> None:
    world = linked(make_world)
    edit(world, 6, job="Baker")
    services.turn_off(world.sync, actor="ann")
    services.start(world.sync, actor="ann")
    world.rest()
    assert states() == {"superseded": 6, "held": 6}, "planned and judged again"


def test_rule_11_4_an_app_that_takes_no_locks_is_braked_alike(make_world: MakeWorld) -> None:
    world = linked(make_world, left=contacts(lock=False), right=contacts(lock=False))
    edit(world, 6, job="Baker")
    assert states() == {"held": 6}


def test_rule_11_4_declined_deletions_wait_for_a_person(make_world: MakeWorld) -> None:
    world = linked(make_world, deletions={Side.B: WriteKind.DELETE})
    for id_ in ("1", "2", "3"):
        world.a.remove(id_)
    world.wait(minutes=11)
    world.rest()
    assert len(world.b.rows) == 10 and states() == {"held": 3}
    approvals.decline(world.sync, actor="ann")
    world.settings()
    world.rest()
    assert len(world.b.rows) == 10 and world.states()["failing:deleted_in_a"] == 3
    assert "declined" in world.link(a="1").detail
    deleting.pass_deletions_on(world.sync, side=Side.A, records=[world.link(a="1").pk], actor="ann")
    world.rest()
    assert len(world.b.rows) == 9 and world.states()["failing:deleted_in_a"] == 2
