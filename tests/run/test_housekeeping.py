"""What is kept for a time, and goes (rules 10.6 and 10.7): by portions, resumable, and why stays with the link."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from connectors.models import AccountState
from syncengine import services
from syncengine.dispatch import TASKS, provide
from syncengine.models import (
    FormerEnd,
    KeptApart,
    MatchKey,
    Operation,
    OperationState,
    RecordLink,
    RemoteRecord,
    RunState,
    SettingsVersion,
    Stream,
    Sync,
    SyncRun,
    SyncState,
)
from syncengine.run.clock import Clock
from syncengine.run.housekeeping import HOUSE_KIND, House, keep_house
from syncengine.services import SyncError
from syncengine.tasks import keep_house as task
from tenants import due
from tenants.context import current_workspace
from tenants.entitlements import days_kept
from tenants.models import Due

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee"}
LATER = timedelta(days=91)


def in_step(make_world: MakeWorld, count: int = 7) -> World:
    world = make_world()
    for n in range(count):
        world.a.add(ANN, mail=f"p{n}@example.com")
    world.rest()
    return world


def keep(world: World, *, at: datetime | None = None, portion: int = 3, days: int = 90, slice_: float = 60) -> datetime:
    """A slice of housekeeping, at a time."""
    start = at or world.now
    ticks = iter(range(10**6))
    clock = Clock(now=lambda: start + timedelta(seconds=next(ticks)), slice=timedelta(seconds=slice_))
    return keep_house(clock, days=days, portion=portion)


@contextmanager
def deletes() -> Iterator[list[int]]:
    """How many rows each deleting statement of the block takes."""
    counts: list[int] = []

    def watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if re.match(r"\s*DELETE", sql):
            counts.append(context["cursor"].rowcount)
        return result

    with connection.execute_wrapper(watch):
        yield counts


def test_rule_10_7_the_journal_goes_and_why_stays(make_world: MakeWorld) -> None:
    world = in_step(make_world)
    told = {link.pk: link.provenance for link in world.open_links()}
    keep(world, at=world.now + timedelta(days=89))
    assert Operation.objects.count() == 7 and SyncRun.objects.count() == 1
    with deletes() as counts:
        keep(world, at=world.now + LATER)
    assert not Operation.objects.exists() and not SyncRun.objects.exists()
    assert max(counts) <= 3 and sum(counts) == 8
    assert {link.pk: link.provenance for link in world.open_links()} == told and all(told.values())
    world.rests()


def test_rule_10_7_what_is_open_is_no_journal_yet(make_world: MakeWorld) -> None:
    world = in_step(make_world, 2)
    in_doubt = Operation.objects.order_by("pk")[:1].get()
    Operation.objects.filter(pk=in_doubt.pk).update(state=OperationState.SENDING)
    keep(world, at=world.now + LATER)
    assert list(Operation.objects.all()) == [in_doubt] and SyncRun.objects.get() == in_doubt.run
    SyncRun.objects.update(state=RunState.RUNNING, finished_at=None)
    Operation.objects.update(state=OperationState.DONE)
    keep(world, at=world.now + LATER)
    assert Operation.objects.exists(), "a run under way"


def test_rule_10_7_many_rows_by_portions_and_resumed(make_world: MakeWorld) -> None:
    world = in_step(make_world, 1)
    run, link = SyncRun.objects.get(), world.link(a="1")
    Operation.objects.bulk_create(
        Operation(
            run=run,
            link=link,
            side="b",
            kind="update",
            key=uuid.uuid4(),
            state=OperationState.DONE,
            planned_at=world.now,
        )
        for _ in range(2500)
    )
    at = world.now + LATER
    with deletes() as counts:
        again = keep(world, at=at, portion=100, slice_=10)
        assert Operation.objects.exists() and again < at + timedelta(hours=1), "the slice is over, and goes on at once"
        while (again := keep(world, at=at, portion=100, slice_=10)) < at + timedelta(hours=1):
            pass
    assert not Operation.objects.exists() and max(counts) == 100


@pytest.mark.parametrize("days", [30, 400])
def test_rule_10_7_for_as_long_as_the_plan_says(make_world: MakeWorld, days: int) -> None:
    world = in_step(make_world, 1)
    plan = current_workspace().plan
    plan.entitlements = {**plan.entitlements, "limits": {"history_days": days}}
    plan.save()
    assert days_kept(current_workspace()) == days
    keep(world, at=world.now + LATER, days=days_kept(current_workspace()))
    assert Operation.objects.exists() is (days == 400)
    plan.entitlements = {**plan.entitlements, "limits": {}}
    assert days_kept(current_workspace()) == 90, "where the plan does not say"


def test_rule_10_7_values_of_records_that_are_no_more(make_world: MakeWorld) -> None:
    """Where a link still leads to one, only its values go: it counts as deleted for as long as it is."""
    world = in_step(make_world)
    alone = [world.a.add(first=f"Kim {n}") for n in range(4)]
    world.rest()
    for id_ in [*alone, "1", "2"]:
        world.a.remove(id_)
    world.rest()
    with deletes() as counts:
        keep(world, at=world.now + LATER)
    assert max(counts) <= 3
    gone = RemoteRecord.objects.filter(gone=True)
    assert {r.remote_id: r.values for r in gone} == {"1": {}, "2": {}}
    assert world.states() == {"in_sync": 5, "failing": 2, "failing:deleted_in_a": 2}
    world.a.restore("1")
    world.rest()
    assert (
        world.link(a="1").state == "in_sync"
        and RemoteRecord.objects.get(remote_id="1", stream__pairs_as_a__gt=0).values
    )
    world.rests()


def test_rule_10_6_links_are_kept_aside_for_90_days(make_world: MakeWorld) -> None:
    world = in_step(make_world)
    pair = world.sync.pair
    KeptApart.objects.bulk_create(KeptApart(pair=pair, a_id=f"x{n}", b_id="y") for n in range(5))
    FormerEnd.objects.create(pair=pair, link=world.link(a="1"), side="b", remote_id="z")
    with pytest.raises(SyncError, match="off first"):
        services.delete_sync(world.sync, actor="test")
    services.turn_off(world.sync, actor="test")
    services.delete_sync(world.sync, actor="test")
    Sync.objects.update(deleted_at=world.now)
    keep(world, at=world.now + timedelta(days=89), days=1000)
    assert RecordLink.objects.count() == 7 and KeptApart.objects.count() == 5
    with deletes() as counts:
        keep(world, at=world.now + LATER, days=1000)
    for model in (RecordLink, KeptApart, FormerEnd, Operation, SyncRun, SettingsVersion, Sync):
        assert not model.objects.exists(), model
    assert max(counts) <= 3 and len(world.a.rows) == len(world.b.rows) == 7, "records are never touched"


def test_rule_10_6_a_new_sync_takes_up_what_a_deleted_one_left(make_world: MakeWorld) -> None:
    world = in_step(make_world)
    links = {(link.pk, link.a_id, link.b_id) for link in world.open_links()}
    old, objects = world.sync, [world.sync.pair.stream_a.object, world.sync.pair.stream_b.object]
    services.turn_off(old, actor="test")
    services.delete_sync(old, actor="test")
    Sync.objects.filter(pk=old.pk).update(deleted_at=datetime(2020, 1, 1, tzinfo=UTC))
    world.sync = services.create_sync(object_a=objects[0], object_b=objects[1], actor="test")
    keep(world)
    services.start(world.sync, actor="test")
    world.a.edit("1", job="Cook")
    world.rest()
    assert {(link.pk, link.a_id, link.b_id) for link in world.open_links()} == links
    assert world.b.values("1")["job"] == "Cook" and world.writes == 8
    world.rests()


def test_rule_10_6_turning_off_and_on_keeps_links_and_makes_a_full_pass(make_world: MakeWorld) -> None:
    world = in_step(make_world)
    links, version = [link.pk for link in world.open_links()], world.sync.active_id
    services.turn_off(world.sync, actor="test")
    world.a.edit("1", job="Cook")
    assert world.slice().at is None and not world.b.values("1").get("job")
    run = services.start(world.sync, actor="test")
    assert run.kind == "full"
    world.rest()
    world.sync.refresh_from_db()
    assert [link.pk for link in world.open_links()] == links and world.sync.active_id == version
    assert world.b.values("1")["job"] == "Cook" and world.writes == 8
    world.rests()


def test_rule_10_6_disconnecting_forgets_credentials_and_records_and_keeps_links(make_world: MakeWorld) -> None:
    world = in_step(make_world)
    account = world.sync.pair.stream_b.object.account
    links = [link.pk for link in world.open_links()]
    with deletes() as counts:
        assert services.disconnect_account(account, actor="test") == [world.sync]
    assert max(counts, default=0) <= 1000
    account.refresh_from_db()
    world.sync.refresh_from_db()
    stream = world.sync.pair.stream_b
    assert account.state == AccountState.DISCONNECTED and not account.secrets and world.sync.state == SyncState.OFF
    assert not RemoteRecord.objects.filter(stream=stream).exists()
    assert not MatchKey.objects.filter(stream_id=stream.pk).exists()
    assert RemoteRecord.objects.filter(stream=world.sync.pair.stream_a).count() == 7
    assert [link.pk for link in world.open_links()] == links


def test_rule_10_6_what_a_disconnection_left_is_forgotten_by_portions(make_world: MakeWorld) -> None:
    """The request that disconnected it died in between. A reconnected account is left alone."""
    world = in_step(make_world)
    stream = world.sync.pair.stream_b
    house = House(world.now, timedelta(days=90), 3)
    assert list(house.forget(stream)) == [] and RemoteRecord.objects.filter(stream=stream).count() == 7
    account = stream.object.account
    account.state = AccountState.DISCONNECTED
    account.save(update_fields=["state"])
    portions = house.forget(stream)
    assert next(portions) == 3
    account.state = AccountState.OK
    account.save(update_fields=["state"])
    assert list(portions) == [] and RemoteRecord.objects.filter(stream=stream).count() == 4
    account.state = AccountState.DISCONNECTED
    account.save(update_fields=["state"])
    keep(world)
    assert not RemoteRecord.objects.filter(stream=stream).exists() and Stream.objects.count() == 2


def test_rule_10_7_each_workspace_has_its_house_kept(make_world: MakeWorld) -> None:
    world = in_step(make_world, 1)
    assert provide() >= 1 and provide() == 0
    mine = Due.objects.get(workspace=current_workspace(), kind=HOUSE_KIND)
    assert TASKS[HOUSE_KIND].endswith(".keep_house") and mine.target == 0
    SyncRun.objects.update(finished_at=datetime(2020, 1, 1, tzinfo=UTC))
    task(0)
    mine.refresh_from_db()
    assert not Operation.objects.exists() and mine.at > world.now
    assert due.done(HOUSE_KIND, 0, None) is None and not Due.objects.filter(pk=mine.pk).exists()
