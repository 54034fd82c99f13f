"""What is due gets onto the queue, runs in its workspace's schema, and is due again, whatever happens."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psutil
import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from connectors.testing.memory import contacts
from syncengine import services, tasks
from syncengine.dispatch import dispatch, revive
from syncengine.models import Lease, Sync
from syncengine.run import lease
from syncengine.run.housekeeping import HOUSE_KIND
from syncengine.run.lanes import one_by_one
from tenants import due
from tenants.context import public_context, workspace_context
from tenants.models import Due, Workspace

from .conftest import MakeWorld

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com"}


def item(sync: Sync) -> Due | None:
    return Due.objects.filter(kind=services.DUE_KIND, target=sync.pk).first()


def test_what_is_due_runs_and_is_due_again(make_world: MakeWorld, run_queue: Callable[[], int]) -> None:
    world = make_world()
    world.a.add(ANN)
    assert dispatch().count == 1 and dispatch().count == 0, "once, until it is done"
    row = OrmQ.objects.get()
    assert row.task["args"] == (connection.schema_name, "syncengine.tasks.run_sync", world.sync.pk)
    assert "sesame" not in str(row.task)
    assert run_queue() == 1
    assert len(world.b.rows) == 1
    found = item(world.sync)
    assert found is not None and found.claimed_until is None
    assert timedelta(seconds=20) < found.at - timezone.now() < timedelta(seconds=31), "something has changed lately"


def test_each_runs_in_its_own_schema(
    make_world: MakeWorld, run_queue: Callable[[], int], other_workspace: Workspace
) -> None:
    """The other workspace has a sync of the same number due: it does not touch this one's."""
    world = make_world()
    world.a.add(ANN)
    due.cancel(services.DUE_KIND, world.sync.pk)
    with workspace_context(other_workspace):
        due.schedule(services.DUE_KIND, world.sync.pk, timezone.now())
    with public_context():
        assert dispatch().count == 1 and run_queue() == 1
    assert not world.b.rows and world.left.calls["read"] == 0
    with workspace_context(other_workspace):
        assert item(world.sync) is None, "there is no such sync: it is due no more"


def test_nothing_unknown_stops_the_others(make_world: MakeWorld) -> None:
    make_world()
    due.schedule("of tomorrow", 1, timezone.now() - timedelta(minutes=1))
    dispatch()
    assert OrmQ.objects.count() == 1


@pytest.mark.parametrize("deed", ["pause", "off", "delete"])
def test_what_a_person_stopped_is_due_no_more(make_world: MakeWorld, run_queue: Callable[[], int], deed: str) -> None:
    world = make_world()
    dispatch()
    if deed == "pause":
        services.pause(world.sync, actor="test")
    else:
        services.turn_off(world.sync, actor="test")
    if deed == "delete":
        services.delete_sync(world.sync, actor="test")
    run_queue()
    assert item(world.sync) is None and world.left.calls["read"] == 0


@pytest.mark.parametrize("error", [ZeroDivisionError("odd"), ValueError("odd"), AssertionError("odd")])
def test_whatever_a_connector_raises_the_sync_is_due_again(
    make_world: MakeWorld, run_queue: Callable[[], int], error: Exception
) -> None:
    world = make_world()
    world.left.fail_next("read", error)
    dispatch()
    assert run_queue() == 1
    found = item(world.sync)
    assert found is not None and found.claimed_until is None and found.at > timezone.now()
    world.sync.refresh_from_db()
    assert world.sync.attention == "broken"


def test_a_wish_that_comes_in_meanwhile_is_kept(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    # The app is asked where this test's transaction is.
    monkeypatch.setattr(tasks, "threads", one_by_one)
    world = make_world()
    world.rest()
    due.claim(timezone.now(), 10, timedelta(seconds=75))
    page = world.b.page

    def meanwhile(cursor: Any) -> Any:
        services.run_now(world.sync, actor="test")
        return page(cursor)

    world.b.page = meanwhile  # type: ignore[method-assign]
    tasks.run_sync(world.sync.pk)
    found = item(world.sync)
    assert found is not None and found.at <= timezone.now()


def dead_holder() -> str:
    """A process of this machine that was killed, and that nobody has waited for yet."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    host = lease.this_process().partition("/")[0]
    holder = f"{host}/{child.pid}/{int(psutil.Process(child.pid).create_time())}"
    child.kill()
    while not lease.is_dead(holder):
        pass
    child.wait()
    return holder


def test_a_sync_whose_worker_died_goes_on_at_once(make_world: MakeWorld, run_queue: Callable[[], int]) -> None:
    world = make_world()
    world.a.add(ANN)
    dispatch()
    OrmQ.objects.all().delete()
    names = [f"sync:{world.sync.pk}", *(f"stream:{s.pk}" for s in world.streams())]
    assert revive() == 0, "its worker has not begun"
    lease.take(names, holder=lease.this_process(), now=timezone.now())
    assert revive() == 0, "its worker lives"
    Lease.objects.update(holder=dead_holder())
    assert dispatch().count == 0 and revive() == 1
    assert dispatch().count == 1 and run_queue() == 1
    assert len(world.b.rows) == 1
    assert Lease.objects.get(name=names[0]).deaths == 0, "it went well"


def test_a_worker_that_hangs_is_replaced_when_its_lease_ends(make_world: MakeWorld) -> None:
    world = make_world()
    held = lease.take([f"sync:{world.sync.pk}"], holder="elsewhere/1/1", now=world.now)
    assert held is not None and not world.slice().quiet and world.left.calls["read"] == 0
    world.wait(seconds=61)
    world.rest()
    assert world.left.calls["read"] > 0


def test_two_who_share_a_stream_take_turns(make_world: MakeWorld) -> None:
    """A long run lets the other sync in between its slices."""
    world = make_world()
    for n in range(5):
        world.a.add(ANN, mail=f"p{n}@example.com")
    page, asked = world.a.page, []

    def meanwhile(cursor: Any) -> Any:
        if not asked:
            asked.append(lease.take([f"stream:{world.streams()[0].pk}", "sync:0"], holder="x/1/1", now=world.now))
        return page(cursor)

    world.a.page = meanwhile  # type: ignore[method-assign]
    found = world.slice(slice=timedelta(0))
    assert asked == [None] and found.at is not None
    assert timedelta(seconds=3) < found.at - world.now <= timedelta(seconds=4)
    following = world.slice(slice=timedelta(0))
    assert following.at is not None and following.at <= world.now


def test_an_idle_look_is_a_handful_of_queries(
    make_world: MakeWorld, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    world = make_world(contacts(read="delta", tombstones=True), contacts(read="delta", tombstones=True))
    for n in range(5):
        world.a.add(ANN, mail=f"p{n}@example.com")
    world.rest()
    world.wait(minutes=1)
    with django_assert_max_num_queries(75) as found:
        world.rest()
    writing = [q["sql"] for q in found.captured_queries if q["sql"].startswith(("INSERT", "DELETE"))]
    assert len(writing) <= 1, "the lease"


def test_the_queue_is_kept_short(make_world: MakeWorld, run_queue: Callable[[], int], settings: Any) -> None:
    """Who is next is decided as late as possible: what comes due meanwhile has its turn."""
    settings.QUEUE_AHEAD = 2
    make_world()
    for number in range(3):
        due.schedule("of tomorrow", number, timezone.now() - timedelta(minutes=1))
    Due.objects.filter(kind="of tomorrow").update(kind=HOUSE_KIND)
    found = dispatch()
    assert (found.count, found.more) == (2, True)
    assert dispatch().count == 0 and OrmQ.objects.count() == 2
    assert run_queue() == 2
    found = dispatch()
    assert (found.count, found.more) == (2, True)
    assert run_queue() == 2
    assert not dispatch().more


def test_who_has_a_lot_to_do_is_one_of_few_and_has_longer_slices(
    make_world: MakeWorld, run_queue: Callable[[], int], monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    world = make_world()
    for n in range(5):
        world.a.add(ANN, mail=f"p{n}@example.com")
    monkeypatch.setattr(tasks, "SHORT_SLICE", timedelta(0))
    assert dispatch().count == 1 and run_queue() == 1
    found = item(world.sync)
    assert found is not None and found.is_long, "its first slice was over before all was done"
    settings.QUEUE_LONG = 0
    assert dispatch().count == 0, "so many are at work already"
    settings.QUEUE_LONG = 1
    assert dispatch().count == 1
    assert OrmQ.objects.get().task["args"] == (connection.schema_name, "syncengine.tasks.run_sync", world.sync.pk, 1)
    assert run_queue() == 1 and len(world.b.rows) == 5, "a whole slice is enough for all"
    found = item(world.sync)
    assert found is not None and not found.is_long
