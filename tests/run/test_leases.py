"""One writer at a time (rule 10.5): leases, fences, dead holders, and threads that meet."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import pytest
from django.db import connection

from connectors.contract import Idempotency, WriteKind
from connectors.testing.memory import MemoryApp, contacts
from syncengine import services
from syncengine.models import Lease, Operation, OperationState, RecordLink, RemoteRecord, Stream, Sync, SyncRun
from syncengine.run import lease, trouble
from syncengine.run.clock import Clock
from syncengine.run.runner import run_slice
from tenants.context import workspace_context
from tenants.models import Workspace

from .conftest import MakeWorld, World, connect_app

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_lease_has_one_holder_and_its_epoch_grows(in_workspace: Workspace) -> None:
    first = lease.take(["sync:1", "stream:1"], holder="x/1/1", now=NOW)
    assert first is not None and first.epoch == 1
    assert lease.take(["sync:2", "stream:1"], holder="x/2/1", now=NOW) is None, "all of them or none"
    assert not Lease.objects.filter(name="sync:2").exclude(holder="").exists()
    lease.renew(first, now=NOW + timedelta(seconds=50))
    assert lease.take(["stream:1"], holder="x/2/1", now=NOW + timedelta(seconds=70)) is None
    second = lease.take(["stream:1"], holder="x/2/1", now=NOW + timedelta(seconds=111))
    assert second is not None and second.epoch == 2
    for deed in (lambda: lease.renew(first, now=NOW), lambda: lease.check(first)):
        with pytest.raises(lease.LeaseLost):
            deed()
    with pytest.raises(lease.LeaseLost), lease.fenced(first):
        pytest.fail("nothing is stored under a lost lease")
    lease.release(first)
    lease.check(second)
    assert Lease.objects.get(name="stream:1").holder == "x/2/1", "only ours are given back"


def test_a_holder_is_told_that_somebody_waits(in_workspace: Workspace) -> None:
    held = lease.take(["sync:1", "stream:1"], holder="x/1/1", now=NOW)
    assert held is not None
    assert lease.take(["sync:2", "stream:1"], holder="x/2/1", now=NOW) is None
    assert lease.release(held)
    held = lease.take(["sync:1", "stream:1"], holder="x/1/1", now=NOW)
    assert held is not None and not lease.release(held)


def test_the_dead_are_known_by_their_process(in_workspace: Workspace) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    host = lease.this_process().partition("/")[0]
    holder = f"{host}/{child.pid}/{int(psutil.Process(child.pid).create_time())}"
    lease.take(["sync:1", "stream:1", "stream:2"], holder=holder, now=NOW)
    assert not lease.is_dead(holder) and not lease.free_dead("sync:1")
    assert not lease.is_dead(lease.this_process())
    assert not lease.is_dead(f"elsewhere/{child.pid}/1"), "of other machines nobody here knows"
    assert lease.is_dead(f"{host}/{child.pid}/1"), "another process with the same number"
    child.kill()
    assert lease.is_dead(holder) or child.wait() is not None
    assert lease.free_dead("sync:1") and not Lease.objects.exclude(holder="").exists()
    assert lease.take(["sync:1", "stream:2"], holder="x/1/1", now=NOW) is not None


# --- A stale worker ---------------------------------------------------------------------------------------------


def steal(world: World) -> None:
    """The lease of the sync and its streams goes to another holder, as if this worker had slept."""
    names = [f"sync:{world.sync.pk}", *(f"stream:{s.pk}" for s in world.streams())]
    for row in Lease.objects.filter(name__in=names):
        Lease.objects.filter(pk=row.pk).update(epoch=row.epoch + 1, holder="elsewhere/1/1", until=world.now)


def counted() -> tuple[Any, ...]:
    return (
        list(Stream.objects.order_by("pk").values()),
        list(RecordLink.objects.order_by("pk").values()),
        list(RemoteRecord.objects.order_by("pk").values()),
        list(Operation.objects.order_by("pk").values()),
        list(SyncRun.objects.order_by("pk").values("state", "error")),
        list(Sync.objects.order_by("pk").values()),
        list(Lease.objects.order_by("name").values()),
    )


@pytest.mark.parametrize("method", ["page", "get", "write"])
@pytest.mark.parametrize("fails", [False, True])
def test_rule_10_5_a_stale_worker_stores_nothing_and_sends_nothing_more(
    make_world: MakeWorld, method: str, fails: bool
) -> None:
    """Its lease goes to another while a request is on its way; the answer comes, or an error does."""
    world = make_world(
        None, contacts(page_size=2, answers=False, batch={WriteKind.CREATE: 1}, idempotency=Idempotency.KEY)
    )
    for n in range(5):
        world.a.add(ANN, mail=f"p{n}@example.com")
        world.b.add(ANN, mail=f"q{n}@example.com")
    call, seen = getattr(world.b, method), []

    def meanwhile(*args: Any) -> Any:
        answer = call(*args)
        if not seen:
            steal(world)
            seen.append(counted())
            seen.append(
                world.left.calls.total() + world.right.calls["read"] + world.right.calls["get"] + len(world.right.sent)
            )
            if fails:
                raise ConnectionError("lost, too")
        return answer

    setattr(world.b, method, meanwhile)
    found = world.slice()
    assert found.at is not None and seen
    assert counted() == seen[0], "nothing is stored"
    after = world.left.calls.total() + world.right.calls["read"] + world.right.calls["get"] + len(world.right.sent)
    assert after == seen[1], "and nothing is sent"
    world.wait(minutes=2)
    world.rest()
    assert len(world.b.rows) == len(world.a.rows) == 10
    world.rests()


def test_rule_10_5_a_worker_that_comes_second_goes_away(make_world: MakeWorld) -> None:
    world = make_world()
    world.rest()
    page, found = world.b.page, []

    def meanwhile(cursor: Any) -> Any:
        if not found:
            found.append(world.slice())
        return page(cursor)

    world.b.page = meanwhile  # type: ignore[method-assign]
    world.a.add(ANN)
    calls = world.left.calls["read"]
    world.rest()
    assert world.left.calls["read"] == calls + 1 and not found[0].quiet
    assert timedelta(0) < found[0].at - world.now < timedelta(seconds=3)
    assert len(world.b.rows) == 1


def test_what_was_loaded_before_the_lease_is_not_trusted(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a worker's look at the sync and its lease another one made a whole slice."""
    from syncengine.run import runner

    world = make_world(None, contacts(read="delta", tombstones=True))
    world.rest()
    a = world.a.add(ANN)
    take, done = runner.take, []

    def late(*args: Any, **kwargs: Any) -> Any:
        if not done:
            done.append(True)
            world.slice()
        return take(*args, **kwargs)

    monkeypatch.setattr(runner, "take", late)
    planned = Operation.objects.count()
    world.slice()
    assert world.link(a=a).is_whole and len(world.b.rows) == 1 and Operation.objects.count() == planned + 1
    world.rests()


# --- Deaths -----------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is no more."""


def test_what_kills_its_worker_does_not_come_back_for_ever(make_world: MakeWorld) -> None:
    world = make_world()
    a, b = world.a.add(ANN), world.b.add(ANN)
    world.rest()
    world.a.edit(a, job="Cook")
    world.right.fail_next("write", Killed(), times=1000)
    deaths = 0
    for _ in range(20):
        try:
            found = world.slice()
        except Killed:
            deaths += 1
            world.wait(seconds=75)
        else:
            world.now = max(world.now, found.at or world.now)
    world.sync.refresh_from_db()
    assert world.sync.attention == "broken" and deaths <= trouble.TOO_MANY_DEATHS + 10
    world.right.stop_failing()
    world.wait(minutes=11)
    world.rest()
    world.sync.refresh_from_db()
    assert world.sync.attention == "" and world.b.values(b)["job"] == "Cook"


def test_deaths_that_get_something_done_are_no_reason_to_rest(make_world: MakeWorld) -> None:
    """A machine that is killed again and again: each time a batch more has arrived."""
    world = make_world(None, contacts(batch={WriteKind.CREATE: 2}))
    for n in range(30):
        world.a.add(ANN, mail=f"p{n}@example.com")
    write, calls = world.b.write, iter(range(1000))

    def dies(writes: Any) -> Any:
        if next(calls) % 3 == 1:
            raise Killed
        return write(writes)

    world.b.write = dies  # type: ignore[method-assign]
    for _ in range(60):
        try:
            found = world.slice()
        except Killed:
            world.wait(seconds=75)
            continue
        world.sync.refresh_from_db()
        assert world.sync.attention == ""
        if found.quiet:
            break
        world.now = max(world.now, found.at or world.now)
    assert len(world.b.rows) == world.b.created_by_write == 30


# --- Real threads -------------------------------------------------------------------------------------------------


def in_threads(workspace: Workspace, *deeds: Callable[[], None]) -> None:
    """Each in a thread and a connection of its own. Raises what the first one raised."""
    errors: list[BaseException] = []

    def work(deed: Callable[[], None]) -> None:
        try:
            with workspace_context(workspace):
                deed()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=240)
    assert not any(thread.is_alive() for thread in threads), "a deadlock"
    if errors:
        raise errors[0]


def rest_by_the_clock(sync: Sync, limit: float = 200) -> None:
    """Slices in real time, without the waits, until there is nothing left to do."""
    ends = datetime.now(UTC) + timedelta(seconds=limit)
    while datetime.now(UTC) < ends:
        if run_slice(sync.pk, Clock(slice=timedelta(seconds=0.2))).quiet:
            return
    raise AssertionError("no rest")


def test_rule_10_5_two_workers_of_one_sync(committed: None, make_world: MakeWorld, workspace: Workspace) -> None:
    world = make_world(None, contacts(batch={WriteKind.CREATE: 5}))
    for n in range(60):
        world.a.add(ANN, mail=f"p{n}@example.com")
        world.b.add(ANN, mail=f"p{n + 30}@example.com")
    in_threads(workspace, *[lambda: rest_by_the_clock(world.sync)] * 3)
    assert len(world.a.rows) == len(world.b.rows) == 90 and world.b.created_by_write == 30
    assert world.states() == {"in_sync": 90}
    assert not Operation.objects.exclude(state=OperationState.DONE).exists()


@pytest.mark.parametrize("batch", [1, 7])
def test_rule_10_5_two_syncs_that_share_a_stream_never_create_a_person_twice(
    committed: None, make_world: MakeWorld, workspace: Workspace, batch: int
) -> None:
    """Left and third both know the same people; the middle knows none of them. Both syncs run at once."""
    world = make_world(None, contacts(batch={WriteKind.CREATE: batch}))
    third = MemoryApp(contacts(), identity="third", label="Third")
    account = connect_app(world, third, "other")
    other = services.create_sync(
        object_a=account.objects_offered.get(name="contacts"), object_b=world.sync.pair.stream_b.object, actor="test"
    )
    services.start(other, actor="test")
    for n in range(40):
        world.a.add(ANN, first=f"P{n}", mail=f"p{n}@example.com")
        third["contacts"].add(ANN, first=f"P{n}", mail=f"p{n}@example.com")
    for _ in range(2):
        in_threads(workspace, lambda: rest_by_the_clock(world.sync), lambda: rest_by_the_clock(other))
    assert len(world.b.rows) == world.b.created_by_write == 40
    assert len(world.a.rows) == len(third["contacts"].rows) == 40
    assert world.states() == world.beside(other).states() == {"in_sync": 40}
