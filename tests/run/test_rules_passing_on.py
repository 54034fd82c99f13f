"""Passing deletions on (rule 8.3), through the engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connectors.contract import ReadStrategy, Refusal, Refused, Retry, WriteKind
from connectors.testing.memory import contacts
from syncengine import deleting, services, undoing
from syncengine.core.deletion import edited_since
from syncengine.core.mapping import Direction, Side
from syncengine.models import Operation, OperationState, RecordLink, SyncRun
from syncengine.services import SyncError

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee", "job": "Cook"}
DELETE, ARCHIVE = WriteKind.DELETE, WriteKind.ARCHIVE
BOTH = {Side.A: DELETE, Side.B: DELETE}


def in_step(make_world: MakeWorld, count: int = 2, *, habits: dict[str, Any] | None = None, **settings: Any) -> World:
    world = make_world(contacts(**habits or {}), contacts(**habits or {}), **{"deletions": BOTH, **settings})
    for n in range(count):
        world.a.add(ANN, mail=f"p{n}@example.com")
    world.rest()
    return world


def look(world: World) -> None:
    world.wait(minutes=11)
    world.rest()


@pytest.mark.parametrize("habits", [{}, {"lock": True}, {"read": ReadStrategy.DELTA, "tombstones": True}])
@pytest.mark.parametrize("kind", [ARCHIVE, DELETE])
@pytest.mark.parametrize("side", ["a", "b"])
def test_rule_8_3_a_deletion_is_passed_on(
    make_world: MakeWorld, side: str, kind: WriteKind, habits: dict[str, Any]
) -> None:
    target = Side.B if side == "a" else Side.A
    world = in_step(make_world, habits=habits, deletions={target: kind})
    (world.a if side == "a" else world.b).remove("1")
    look(world)
    assert set(world.a.rows) == set(world.b.rows) == {"2"} and world.states() == {"in_sync": 1}
    done = Operation.objects.get(kind=kind, state=OperationState.DONE)
    assert done.side == target and {c["field"]: c["before"] for c in done.changes}["job"] == "Cook"
    assert {c["rule"] for c in done.changes} == {"8.3"} and done.run.progress["deleted"] == 1
    assert RecordLink.objects.get(pk=done.link_id).state == "closed"
    world.rests()
    (world.b if side == "a" else world.a).remove("2")
    look(world)
    assert len(world.a.rows) + len(world.b.rows) == 1, "the other direction was not switched on"
    world.rests()


def test_rule_8_3_an_edit_of_the_other_side_stops_it(make_world: MakeWorld) -> None:
    world = in_step(make_world)
    world.a.remove("1")
    world.b.edit("1", job="Baker")
    look(world)
    link = world.link(b="1")
    assert (link.cause, "1" in world.b.rows) == ("deleted_in_a", True) and "edited" in link.detail
    world.rests()
    with pytest.raises(SyncError, match="None of these"):
        deleting.pass_deletions_on(world.sync, side=Side.A, records=[world.link(b="2").pk], actor="test")
    deleting.pass_deletions_on(world.sync, side=Side.A, records=[link.pk], actor="test")
    world.rest()
    assert "1" not in world.b.rows and world.states() == {"in_sync": 1}
    world.rests()


@pytest.mark.parametrize("lock", [True, False])
def test_rule_8_3_an_edit_between_plan_and_write_stops_it(make_world: MakeWorld, lock: bool) -> None:
    world = in_step(make_world, habits={"lock": lock})
    world.a.remove("1")
    page = world.b.page

    def then_edited(cursor: Any) -> Any:
        found = page(cursor)
        world.b.page = page  # type: ignore[method-assign]
        world.b.edit("1", job="Baker")
        return found

    world.b.page = then_edited  # type: ignore[method-assign]
    world.rest()
    assert world.b.values("1")["job"] == "Baker"
    assert world.link(b="1").cause == "deleted_in_a"


def test_rule_8_3_a_side_that_shows_nothing_is_not_believed(make_world: MakeWorld) -> None:
    world = in_step(make_world)
    for id_ in list(world.a.rows):
        world.a.remove(id_)
    look(world)
    assert len(world.b.rows) == 2 and world.states() == {"failing": 2, "failing:deleted_in_a": 2}
    world.rests()


def test_rule_8_3_and_11_4_the_brake_holds_many(make_world: MakeWorld) -> None:
    world = in_step(make_world, 14, habits={"read": ReadStrategy.DELTA, "tombstones": True})
    for n in range(1, 12):
        world.a.remove(str(n))
    look(world)
    assert world.states()["failing:brake"] == 11
    assert len(world.b.rows) == 14 and world.sync.attention == "brake"


@pytest.mark.parametrize("effect", [0, None])
def test_rule_8_3_lost_in_the_air_is_safe_to_repeat(make_world: MakeWorld, effect: int | None) -> None:
    world = in_step(make_world)
    world.a.remove("1")
    world.right.fail_next("write", Retry("cut"), effect=effect)
    world.slice()
    world.wait(minutes=5)
    world.rest()
    assert set(world.b.rows) == {"2"} and world.states() == {"in_sync": 1}
    world.rests()


def test_rule_8_3_killed_while_it_is_sent_and_restored_meanwhile(make_world: MakeWorld) -> None:
    """Our own deletion, whose answer nobody heard, is not passed back to the record that a person brought back."""
    world = in_step(make_world)
    world.a.remove("1")
    world.right.fail_next("write", KeyboardInterrupt(), effect=None)
    with pytest.raises(KeyboardInterrupt):
        world.slice()
    world.a.restore("1")
    world.wait(minutes=5)
    world.rest()
    assert "1" in world.a.rows and world.link(a="1").cause == "deleted_in_b"
    world.rests()


def test_rule_8_3_what_we_removed_and_somebody_brought_back_stays(make_world: MakeWorld) -> None:
    world = in_step(make_world)
    world.a.remove("1")
    look(world)
    world.b.restore("1")
    look(world)
    assert "1" in world.b.rows and world.link(b="1").cause == "deleted_in_a"
    world.rests()


def test_rule_8_3_a_late_listing_is_no_return(make_world: MakeWorld) -> None:
    """The app shows the record for a while after it took the deletion."""
    world = in_step(make_world, habits={"settle": 30})
    world.wait(minutes=5)
    world.a.remove("1")
    with world.right.stale_reads():
        world.slice()
        world.wait(seconds=5)
        world.slice()
        assert "1" not in world.b.rows
    world.wait(minutes=5)
    world.rest()
    assert world.states() == {"in_sync": 1}
    world.rests()


def test_rule_8_3_refused_by_the_app(make_world: MakeWorld) -> None:
    world = in_step(make_world)
    write = world.b.write
    world.b.write = lambda writes: [Refused(Refusal.PERMISSION, "Not yours.")] * len(writes)  # type: ignore[method-assign]
    world.a.remove("1")
    world.rest()
    link = world.link(b="1")
    assert (link.cause, link.detail) == ("permission", "Not yours.")
    world.b.write = write  # type: ignore[method-assign]
    services.retry([link])
    world.rest()
    assert "1" not in world.b.rows
    world.rests()


def test_rule_8_3_only_where_app_and_direction_allow_it(make_world: MakeWorld) -> None:
    world = make_world(right=contacts(writes=frozenset({WriteKind.CREATE, WriteKind.UPDATE, WriteKind.ARCHIVE})))
    settings = world.sync.settings
    for changes, said in (
        ({"deletions": {Side.B: DELETE}}, "cannot be deleted"),
        ({"deletions": {Side.A: DELETE}, "direction": Direction.A_TO_B}, "does not allow"),
        ({"deletions": {Side.B: WriteKind.UPDATE}}, "cannot be deleted"),
    ):
        with pytest.raises(SyncError, match=said):
            services.change_settings(world.sync, replace(settings, **changes), actor="test")
    world.settings(deletions={Side.B: ARCHIVE})
    assert world.sync.settings.deletions == {Side.B: ARCHIVE}


def test_rule_8_3_pass_on_needs_the_setting(make_world: MakeWorld) -> None:
    world = in_step(make_world, deletions={})
    world.a.remove("1")
    look(world)
    with pytest.raises(SyncError, match="not switched on"):
        deleting.pass_deletions_on(world.sync, side=Side.A, records=[world.link(b="1").pk], actor="test")
    assert world.link(b="1").cause == "deleted_in_a"


def test_rule_8_3_what_was_never_compared_counts_as_an_edit() -> None:
    assert (
        edited_since({"x": "1"}, {}) and edited_since({"x": "1"}, {"x": "2"}) and edited_since({"x": None}, {"x": "2"})
    )
    assert not edited_since({"x": "1", "y": None}, {"x": "1", "z": "3"})


@pytest.mark.parametrize("killed", [False, True])
def test_rule_8_3_what_our_own_undo_removed_is_never_passed_on(make_world: MakeWorld, killed: bool) -> None:
    """Not even where the worker died with it, and only the next look shows that it is gone."""
    world = in_step(make_world)
    run = undoing.preview(world.sync, undoing.Target(run=SyncRun.objects.get()), actor="ann")
    undoing.approve(run, actor="ann")
    if killed:
        world.right.fail_next("write", KeyboardInterrupt(), effect=None)
        with pytest.raises(KeyboardInterrupt):
            world.slice()
        world.wait(minutes=5)
    look(world)
    assert set(world.a.rows) == {"1", "2"} and not world.b.rows and not world.left.sent
    world.rests()
