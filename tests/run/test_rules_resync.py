"""Resync of deleted records (rule 8.2), through the engine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connectors import accounts
from connectors.contract import Idempotency, Refusal, Refused, Retry, WriteKind
from connectors.testing.memory import contacts
from syncengine import deleting, services
from syncengine.core.mapping import Direction, Side
from syncengine.models import FormerEnd, Operation, RecordLink, RunKind, RunState, SyncRun
from syncengine.services import SyncError

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee", "job": "Cook"}
SIDES = {"a": Side.A, "b": Side.B}


def lose(world: World, side: str, *, count: int = 1, keep: int = 1) -> tuple[list[str], list[str]]:
    """In step, then `count` records are deleted on one side. Answers the ids of these on both sides."""
    ids = [world.a.add(ANN, mail=f"p{n}@example.com") for n in range(count + keep)]
    world.rest()
    others = [str(world.link(a=id_).b_id) for id_ in ids]
    for id_ in (ids if side == "a" else others)[:count]:
        (world.a if side == "a" else world.b).remove(id_)
    world.wait(minutes=11)
    world.rest()
    assert world.states()[f"failing:deleted_in_{side}"] == count
    return ids[:count], others[:count]


def resync(world: World, side: str, **chosen: Any) -> deleting.Asked:
    return deleting.resync_deleted(world.sync, side=SIDES[side], actor="ann@example.com", **chosen)


@pytest.mark.parametrize("side", ["a", "b"])
def test_rule_8_2_the_missing_one_is_created_again_and_the_same_link_goes_on(make_world: MakeWorld, side: str) -> None:
    world = make_world()
    ids, others = lose(world, side, count=3)
    here, survivors = (world.a, others) if side == "a" else (world.b, ids)
    links = [world.link(**{"b" if side == "a" else "a": s}) for s in survivors]
    asked = resync(world, side)
    assert asked.records == 3 and asked.run.kind == RunKind.RESYNC and asked.run.started_by == "ann@example.com"
    world.rest()
    asked.run.refresh_from_db()
    assert asked.run.state == RunState.DONE and asked.run.progress["created"] == 3
    for link, lost in zip(links, ids if side == "a" else others, strict=True):
        old = link.end(SIDES[side])
        link.refresh_from_db()
        new = link.end(SIDES[side])
        assert link.state == "in_sync" and old == lost != new and here.values(str(new))["job"] == "Cook"
        assert FormerEnd.objects.get(link=link).remote_id == lost
        assert {told["rule"] for told in link.provenance.values()} == {"8.2"}
    assert world.states() == {"in_sync": 4} and len(world.a.rows) == len(world.b.rows) == 4
    world.rests()
    there = world.b if side == "a" else world.a
    there.edit(survivors[0], job="Baker")
    world.rest()
    assert here.values(str(RecordLink.objects.get(pk=links[0].pk).end(SIDES[side])))["job"] == "Baker"


def test_rule_8_2_chosen_ones_only(make_world: MakeWorld) -> None:
    world = make_world()
    ids, _ = lose(world, "b", count=3)
    chosen = world.link(a=ids[1])
    assert resync(world, "b", records=[chosen.pk, world.link(a="4").pk]).records == 1
    world.rest()
    assert world.states() == {"in_sync": 2, "failing": 2, "failing:deleted_in_b": 2}
    assert world.link(a=ids[1]).b_id in world.b.rows
    world.rests()


def test_rule_8_2_a_sole_match_becomes_the_new_end(make_world: MakeWorld) -> None:
    """It was deleted and made anew by hand, with another address that nobody could match; now it has the old one."""
    world = make_world()
    (a,), (b,) = lose(world, "b")
    new = world.b.add(ANN, mail="p0@example.com", phone="+4930123456")
    link = world.link(a=a)
    resync(world, "b")
    world.rest()
    link.refresh_from_db()
    assert (link.b_id, link.state) == (new, "in_sync") and world.b.created_by_write == 2
    assert FormerEnd.objects.get(link=link).remote_id == b
    assert world.a.values(a)["phone"] == "+4930123456", "compared for the first time"
    world.rests()


def test_rule_8_2_several_matches_wait_for_a_person(make_world: MakeWorld) -> None:
    world = make_world()
    (a,), _ = lose(world, "b")
    twins = [world.b.add(ANN, mail="p0@example.com") for _ in range(2)]
    resync(world, "b")
    world.rest()
    link = world.link(a=a)
    assert (link.state, link.cause, sorted(link.candidates)) == ("failing", "ambiguous", sorted(twins))
    assert world.b.created_by_write == 2, "nothing was created beside them"
    world.rests()


def test_rule_8_2_a_record_that_reappears_leaves_the_list(make_world: MakeWorld) -> None:
    """Before it was asked for, and between that and the next look: it is never there twice."""
    world = make_world()
    (a, other), (b, other_b) = lose(world, "b", count=2)
    world.b.restore(b)
    world.rest()
    assert world.link(a=a).state == "in_sync"
    world.b.restore(other_b)
    resync(world, "b")
    world.rest()
    assert world.states() == {"in_sync": 3} and world.link(a=other).b_id == other_b
    assert len(world.b.rows) == 3 and not FormerEnd.objects.exists()
    world.rests()


def test_rule_8_2_back_before_it_was_made_again(make_world: MakeWorld) -> None:
    """Its creation was refused; then the app brings the old record back: it takes its place again."""
    world = make_world()
    (a,), (b,) = lose(world, "b")
    world.b.refuse = lambda values: Refused(Refusal.APP_RULE, "Not today.")
    resync(world, "b")
    world.rest()
    link = world.link(a=a)
    assert (link.b_id, link.cause) == (None, "app_rule")
    world.b.restore(b)
    world.b.refuse = lambda values: None
    world.rest()
    link.refresh_from_db()
    assert (link.b_id, link.state) == (b, "in_sync") and len(world.b.rows) == 2
    world.rests()


def test_rule_8_2_the_old_record_back_after_all_is_not_copied(make_world: MakeWorld) -> None:
    world = make_world()
    (a,), (b,) = lose(world, "b")
    resync(world, "b")
    world.rest()
    world.b.restore(b)
    world.rest()
    back = world.link(b=b)
    assert (back.state, back.cause, back.candidates) == ("failing", "ambiguous", [a]) and len(world.a.rows) == 2


@pytest.mark.parametrize(("direction", "side"), [(Direction.A_TO_B, "a"), (Direction.B_TO_A, "b")])
def test_rule_8_2_and_2_1_nothing_overrides_the_direction(
    make_world: MakeWorld, direction: Direction, side: str
) -> None:
    world = make_world()
    lose(world, side)
    world.settings(direction=direction)
    world.rest()
    with pytest.raises(SyncError, match="direction"):
        resync(world, side)
    assert not SyncRun.objects.filter(kind=RunKind.RESYNC).exists()
    assert not RecordLink.objects.exclude(wish="").exists()


def test_rule_8_2_settings_that_forbid_it_meanwhile(make_world: MakeWorld) -> None:
    """The direction is narrowed between the order and its slice: the record stays on the list."""
    world = make_world()
    lose(world, "b")
    resync(world, "b")
    world.settings(direction=Direction.B_TO_A)
    world.rest()
    assert world.states()["failing:deleted_in_b"] == 1 and len(world.b.rows) == 1
    world.rests()


def test_rule_8_2_an_app_that_takes_no_new_records(make_world: MakeWorld) -> None:
    world = make_world()
    lose(world, "b")
    obj = world.sync.pair.stream_b.object
    world.b.resource = replace(world.b.resource, writes=frozenset({WriteKind.UPDATE}))
    accounts.refresh_objects(obj.account)
    with pytest.raises(SyncError, match="takes no new records"):
        resync(world, "b")


def test_rule_8_2_nothing_to_resync_and_a_sync_that_is_off(make_world: MakeWorld) -> None:
    world = make_world()
    ids, _ = lose(world, "b")
    with pytest.raises(SyncError, match="None of these"):
        resync(world, "a")
    with pytest.raises(SyncError, match="None of these"):
        resync(world, "b", records=[])
    services.turn_off(world.sync, actor="test")
    with pytest.raises(SyncError, match="Turn the sync on"):
        resync(world, "b")
    assert world.link(a=ids[0]).wish == ""


@pytest.mark.parametrize("idempotency", Idempotency)
def test_rule_8_2_a_lost_answer_makes_no_second_record(make_world: MakeWorld, idempotency: Idempotency) -> None:
    world = make_world(right=contacts(idempotency=idempotency))
    (a,), _ = lose(world, "b")
    resync(world, "b")
    world.right.fail_next("write", Retry("cut"), effect=None)
    world.slice()
    world.wait(minutes=5)
    world.rest()
    assert world.states() == {"in_sync": 2} and len(world.b.rows) == 2 and world.link(a=a).b_id in world.b.rows
    world.rests()


@pytest.mark.parametrize("call", ["read", "write"])
def test_rule_8_2_killed_at_any_instant(make_world: MakeWorld, call: str) -> None:
    world = make_world(right=contacts(idempotency=Idempotency.STAMP))
    lose(world, "b", count=3)
    resync(world, "b")
    world.right.fail_next(call, KeyboardInterrupt(), effect=None)
    with pytest.raises(KeyboardInterrupt):
        world.slice()
    world.wait(minutes=5)
    world.rest()
    assert world.states() == {"in_sync": 4} and len(world.b.rows) == 4
    assert not Operation.objects.filter(state="sending").exists()
    world.rests()
