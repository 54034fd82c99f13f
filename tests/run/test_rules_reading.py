"""How streams are read: rules 10.2 and 10.3, and what apps do to whoever reads them."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.contract import CursorExpired, Page, ReadStrategy
from connectors.testing.memory import MemoryApp, MemoryObject, Ticks, contacts
from syncengine import services, tasks
from syncengine.core.mapping import Direction
from syncengine.models import DirtyRecord, RemoteRecord
from tenants.models import Due

from .conftest import MakeWorld, World, connect_app

ANN = {"first": "Ann", "last": "Lee"}
DELTA = {"read": ReadStrategy.DELTA, "tombstones": True}
SINCE = {"read": ReadStrategy.SINCE}
STRATEGIES = pytest.mark.parametrize(
    "habits", [DELTA, SINCE, {"read": ReadStrategy.LISTING}], ids=lambda habits: str(habits["read"])
)


def fill(one: MemoryObject, count: int, **values: Any) -> list[str]:
    return [one.add(ANN, mail=f"p{len(one.rows)}@example.com", **values) for _ in range(count)]


# --- Once for all syncs --------------------------------------------------------------------------------------


def sharing(make_world: MakeWorld, **habits: Any) -> tuple[World, World]:
    """Two syncs: left with right, and right with third. Right is read by both."""
    world = make_world(contacts(**habits), contacts(**habits), right_app="middle", pass_on=True)
    third = connect_app(world, MemoryApp(contacts(**habits), identity="third", label="Third"))
    other = services.create_sync(
        object_a=world.sync.pair.stream_b.object, object_b=third.objects_offered.get(name="contacts"), actor="test"
    )
    services.save_settings(other, replace(world.sync.settings, pass_on=True), actor="test")
    services.start(other, actor="test")
    return world, world.beside(other)


@STRATEGIES
def test_rule_10_2_a_stream_is_read_once_for_all_its_syncs(make_world: MakeWorld, habits: dict[str, Any]) -> None:
    world, here = sharing(make_world, **habits)
    fill(world.b, 3)
    world.rest()
    here.now = world.now
    here.rest()
    for _ in range(3):
        world.now = max(world.now, here.now) + timedelta(minutes=1)
        asked = world.right.calls["read"]
        world.slice()
        assert world.right.calls["read"] == asked + 1
        here.now = world.now
        assert here.slice().quiet and world.right.calls["read"] == asked + 1, "who comes second reads no more"
    edited = next(iter(world.b.rows))
    world.b.edit(edited, job="Cook")
    world.wait(minutes=1)
    assert here.sync.pk in world.slice().others, "and is told of what there is for it"
    here.now = world.now
    here.slice()
    assert here.writes == 0 or here.link(a=edited).is_whole
    for one in (world, here):
        one.rest()
    third = next(app for app in world.connectors["memory"].apps.values() if app.identity.id == "third")
    assert [v["job"] for v in third["contacts"].all_values().values() if v.get("job")] == ["Cook"]


def test_rule_10_2_those_who_are_told_are_due_at_once(make_world: MakeWorld) -> None:
    world, here = sharing(make_world, **DELTA)
    tasks.run_sync(world.sync.pk)
    tasks.run_sync(here.sync.pk)
    fill(world.b, 1)
    Due.objects.update(claimed_until=None)
    tasks.run_sync(world.sync.pk)
    item = Due.objects.get(kind=services.DUE_KIND, target=here.sync.pk)
    assert item.at <= world.sync.created_at + timedelta(minutes=1)
    tasks.run_sync(here.sync.pk)
    assert here.link(a="1").is_whole


# --- What is named by its id ---------------------------------------------------------------------------------


@STRATEGIES
def test_rule_10_1_a_record_that_is_named_is_read_alone_and_at_once(
    make_world: MakeWorld, habits: dict[str, Any]
) -> None:
    world = make_world(contacts(**habits), contacts(**habits))
    a, *_ = fill(world.a, 5)
    world.rest()
    world.rest()
    world.a.edit(a, job="Cook")
    reads, gets = world.left.calls["read"] + world.right.calls["read"], world.left.calls["get"]
    for _ in range(10):
        services.mark_dirty(world.sync.pair.stream_a, [a, a])
    DirtyRecord.objects.update(not_before=world.now)
    item = Due.objects.get(kind=services.DUE_KIND, target=world.sync.pk)
    assert item.at <= world.sync.created_at + timedelta(minutes=1)
    before = world.writes
    found = world.slice()
    assert world.writes == before + 1 and world.b.values(world.link(a=a).b_id or "")["job"] == "Cook"
    assert world.left.calls["get"] == gets + 1, "ten notices of one edit are one look"
    assert world.left.calls["read"] + world.right.calls["read"] == reads
    assert found.at is not None and found.at <= world.now + timedelta(seconds=60), "the next pass is no later for it"
    world.rests()


def test_rule_10_1_notices_that_are_lost_late_twice_or_of_nothing_do_no_harm(make_world: MakeWorld) -> None:
    dice = random.Random(5)
    world = make_world(contacts(**DELTA), contacts(**DELTA))
    ids = fill(world.a, 8)
    world.rest()
    late: list[str] = ["no such record"]
    for n in range(40):
        id_ = dice.choice(ids)
        world.a.edit(id_, job=f"Job {n}")
        late += [id_] * dice.choice([0, 1, 1, 2])
        dice.shuffle(late)
        if late:
            services.mark_dirty(world.sync.pair.stream_a, [late.pop() for _ in range(min(3, len(late)))])
            DirtyRecord.objects.update(not_before=world.now)
            world.slice()
    world.wait(minutes=1)
    world.rest()
    for id_ in ids:
        assert world.b.values(world.link(a=id_).b_id or "").get("job") == world.a.values(id_).get("job")
    assert world.states() == {"in_sync": 8}
    world.rests()


def test_rule_10_1_a_notice_that_comes_while_the_record_is_read_is_not_lost(make_world: MakeWorld) -> None:
    world = make_world(contacts(**DELTA), contacts(**DELTA))
    (a,) = fill(world.a, 1)
    world.rest()
    get, done = world.a.get, []

    def meanwhile(ids: Any) -> Any:
        answer = get(ids)
        if not done:
            done.append(True)
            world.a.edit(a, job="Cook")
            services.mark_dirty(world.sync.pair.stream_a, [a])
        return answer

    world.a.get = meanwhile  # type: ignore[method-assign]
    services.mark_dirty(world.sync.pair.stream_a, [a])
    DirtyRecord.objects.update(not_before=world.now)
    world.slice()
    DirtyRecord.objects.update(not_before=world.now)
    world.slice()
    assert done and world.b.values(world.link(a=a).b_id or "")["job"] == "Cook"


# --- Checkpoints ---------------------------------------------------------------------------------------------


@STRATEGIES
def test_rule_10_3_any_number_of_records_share_one_time(make_world: MakeWorld, habits: dict[str, Any]) -> None:
    """A clock that shows the same second for all, pages much shorter, and more of that second between the pages."""
    world = make_world(contacts(page_size=7, **habits))
    fill(world.a, 60)
    page, pages = world.a.page, iter(range(1000))

    def more_meanwhile(cursor: Any) -> Any:
        found = page(cursor)
        if next(pages) < 12:
            fill(world.a, 2)
        return found

    world.a.page = more_meanwhile  # type: ignore[method-assign]
    world.rest()
    world.wait(minutes=1)
    world.rest()
    assert len(world.a.rows) == len(world.b.rows) == 84
    calls = world.left.calls["read"]
    assert calls <= 60 / 7 + 84 / 7 + 15


@STRATEGIES
def test_rule_10_3_an_edit_made_during_a_long_read_comes_with_the_next(
    make_world: MakeWorld, habits: dict[str, Any]
) -> None:
    world = make_world(contacts(page_size=3, **habits))
    ids = fill(world.a, 12)
    page, pages, clock = world.a.page, iter(range(1000)), world.left.clock
    assert isinstance(clock, Ticks)

    def edited_meanwhile(cursor: Any) -> Any:
        found = page(cursor)
        if (n := next(pages)) < 4:
            clock.go_on(5)
            world.a.edit(ids[0], job=f"Job {n}")
        return found

    world.a.page = edited_meanwhile  # type: ignore[method-assign]
    world.slice(slice=timedelta(0))
    world.rest()
    world.wait(minutes=1)
    world.rest()
    assert world.b.values(world.link(a=ids[0]).b_id or "")["job"] == "Job 3"
    world.rests()


def test_rule_10_3_pages_that_drift_are_made_good(make_world: MakeWorld) -> None:
    """Pages by offset: what is deleted between two of them hides a record, and what is added shows one twice."""
    world = make_world(contacts(page_size=4))
    ids = fill(world.a, 20)
    world.rest()
    victims = ids[:2]

    def by_offset(cursor: str | None) -> Page:
        start = int(cursor) if cursor and cursor.isdigit() else 0
        rows = list(world.a.rows)
        found = world.a.get(rows[start : start + 4])
        if start in (4, 8) and victims:
            world.a.remove(victims.pop())
            world.a.add(ANN, mail=f"new{start}@example.com")
        more = start + 4 < len(rows)
        return Page(tuple(found), str(start + 4) if more else "", more=more, listing=True)

    world.a.page = by_offset  # type: ignore[method-assign]
    for _ in range(3):
        world.wait(minutes=11)
        world.rest()
    assert world.states() == {"in_sync": 20, "failing": 2, "failing:deleted_in_a": 2}
    gone = RemoteRecord.objects.filter(stream=world.sync.pair.stream_a, gone=True)
    assert set(gone.values_list("remote_id", flat=True)) == set(ids[:2])


@pytest.mark.parametrize("circle", ["cursor", "pair", "content"])
def test_rule_10_2_an_app_that_goes_round_in_circles_is_stopped(make_world: MakeWorld, circle: str) -> None:
    world = make_world(contacts(page_size=2, **DELTA))
    fill(world.a, 6)
    page, number = world.a.page, iter(range(10_000))

    def round_and_round(cursor: Any) -> Any:
        n = next(number)
        found = page(None)
        token = {"cursor": "same", "pair": f"{n % 2}", "content": f"{n}"}[circle]
        records = () if circle == "pair" else found.records
        return replace(found, cursor=token, more=True, records=records)

    world.a.page = round_and_round  # type: ignore[method-assign]
    found = world.slice()
    world.sync.refresh_from_db()
    assert next(number) <= 5 and world.sync.attention == "broken" and "over and over" in world.sync.attention_reason
    assert found.at is not None and found.at >= world.now + timedelta(minutes=5)
    world.a.page = page  # type: ignore[method-assign]
    world.sync.pair.stream_a.refresh_from_db()
    services.forget_records(world.sync.pair.stream_a)
    world.rest()
    assert world.states() == {"in_sync": 6}


def test_rule_8_4_an_expired_checkpoint_begins_a_complete_listing_and_nothing_is_gone_before_its_end(
    make_world: MakeWorld,
) -> None:
    world = make_world(contacts(page_size=2, **DELTA))
    ids = fill(world.a, 10)
    world.rest()
    for id_ in ids[:9]:
        world.a.edit(id_, job="Cook")
    world.a.remove(ids[9])
    world.wait(minutes=1)
    page, number = world.a.page, iter(range(1000))

    def expires(cursor: Any) -> Any:
        if next(number) == 2:
            world.a.expire_cursors()
        return page(cursor)

    world.a.page = expires  # type: ignore[method-assign]
    for _ in range(6):
        world.slice(slice=timedelta(0))
        stream = world.streams()[0]
        gone = RemoteRecord.objects.filter(stream=stream, gone=True)
        assert not (stream.passing and gone.exists())
    world.rest()
    assert world.states() == {"in_sync": 9, "failing": 1, "failing:deleted_in_a": 1}
    assert all(v["job"] == "Cook" for v in world.b.all_values().values() if v["mail"] != "p9@example.com")


def test_rule_9_4_an_app_that_forgets_each_checkpoint_at_once_is_told_of(make_world: MakeWorld) -> None:
    world = make_world(contacts(page_size=2, **DELTA))
    fill(world.a, 6)
    page, calls = world.a.page, []

    def forgets(cursor: Any) -> Any:
        calls.append(cursor)
        if cursor:
            raise CursorExpired("Too old.")
        return page(None)

    world.a.page = forgets  # type: ignore[method-assign]
    world.slice()
    world.sync.refresh_from_db()
    assert world.sync.attention == "broken" and len(calls) < 10


# --- Apps that show changes late -----------------------------------------------------------------------------


def lagging(world: World, one: MemoryObject, shows: dict[str, Any]) -> None:
    """Pages show what was changed only when its time has come (`shows`: id → when); `get` shows it at once."""
    visible = one._visible

    def late() -> Any:
        rows, removals = visible()
        return {id_: row for id_, row in rows.items() if shows.get(id_, world.now) <= world.now}, removals

    one._visible = late  # type: ignore[method-assign]

    def at_once(ids: Any) -> Any:
        return [one._record(one.rows[id_]) for id_ in ids if id_ in one.rows]

    one.get = at_once  # type: ignore[method-assign]


def by_the_clock(world: World) -> Callable[[], str]:
    return lambda: world.now.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("habits", [DELTA, {**SINCE, "tombstones": True}], ids=["delta", "since"])
def test_rule_10_3_what_shows_late_is_found_by_the_settled_checkpoint(
    make_world: MakeWorld, habits: dict[str, Any]
) -> None:
    """Most changes show at once, some half an hour late and out of order. Nothing is missing once the lag is over."""
    lag = 3600
    world = make_world(contacts(lag=lag, **habits), contacts(**DELTA), direction=Direction.A_TO_B)
    world.a.clock = world.left.clock = by_the_clock(world)
    shows: dict[str, Any] = {}
    lagging(world, world.a, shows)
    dice = random.Random(3)
    fill(world.a, 30)
    for n in range(4):
        (late,) = fill(world.a, 1)
        shows[late] = world.now + timedelta(minutes=10 + 15 * n)
    world.rest()
    assert len(world.b.rows) == 30
    fresh: list[float] = []
    for _ in range(60):
        ids = fill(world.a, 2)
        if dice.random() < 0.2:
            shows[ids[0]] = world.now + timedelta(minutes=dice.uniform(1, 55))
        world.wait(minutes=1)
        world.rest()
        fresh.append(
            sum(world.link(a=id_).is_whole for id_ in ids if id_ not in shows) / sum(i not in shows for i in ids)
        )
    assert min(fresh) == 1, "what shows at once is not held up"
    for _ in range(16):
        world.wait(minutes=6)
        world.rest()
    assert len(world.b.rows) == len(world.a.rows) == 154
    assert len(world.streams()[0].trail) <= 4
    reads = world.left.calls["read"]
    for _ in range(60):
        world.wait(minutes=1)
        world.rest()
    assert world.left.calls["read"] - reads <= 60 + 3, "twice a lag, a second look"
    world.rests()


def test_rule_10_3_the_settled_checkpoint_goes_on_after_a_break(make_world: MakeWorld) -> None:
    world = make_world(contacts(lag=600, page_size=3, **DELTA), contacts(**DELTA), direction=Direction.A_TO_B)
    world.a.clock = world.left.clock = by_the_clock(world)
    shows: dict[str, Any] = {}
    lagging(world, world.a, shows)
    fill(world.a, 5)
    world.rest()
    world.wait(minutes=5)
    late = fill(world.a, 10)
    shows.update(dict.fromkeys(late, world.now + timedelta(minutes=2)))
    fill(world.a, 1)
    world.rest()
    world.wait(minutes=6)
    for _ in range(12):
        world.slice(slice=timedelta(0))
        world.wait(seconds=61)
    world.rest()
    assert len(world.b.rows) == 16


def test_rule_10_3_a_settled_checkpoint_that_expires_begins_anew(make_world: MakeWorld) -> None:
    world = make_world(contacts(lag=600, **DELTA), contacts(**DELTA))
    world.a.clock = world.left.clock = by_the_clock(world)
    fill(world.a, 5)
    world.rest()
    page, number = world.a.page, iter(range(100))
    world.wait(minutes=11)

    def expires(cursor: Any) -> Any:
        if next(number) == 1:
            raise CursorExpired("Too old.")
        return page(cursor)

    world.a.page = expires  # type: ignore[method-assign]
    world.rest()
    stream = world.streams()[0]
    assert next(number) == 3 and len(stream.trail) == 1 and stream.settled_at is None and not stream.passing
    world.rests()


# --- Clocks --------------------------------------------------------------------------------------------------


@STRATEGIES
@pytest.mark.parametrize("ours", [-26, 26])
def test_rule_10_3_clocks_that_are_set_lose_nothing(make_world: MakeWorld, habits: dict[str, Any], ours: int) -> None:
    """Ours by a day, theirs by five minutes; a checkpoint holds the app's own clock only."""
    world = make_world(contacts(**habits), contacts(**habits))
    ids = fill(world.a, 5)
    world.rest()
    world.a.edit(ids[0], job="Cook")
    world.rest()
    world.wait(hours=ours)
    clock = world.left.clock
    assert isinstance(clock, Ticks)
    clock.go_on(-300)
    for n, id_ in enumerate(ids):
        world.a.edit(id_, job=f"Job {n}")
        world.b.edit(world.link(a=id_).b_id or "", phone=f"+49 30 {n}")
    new = fill(world.a, 1)
    for _ in range(3):
        world.wait(minutes=11)
        world.rest()
    assert world.link(a=new[0]).is_whole
    for n, id_ in enumerate(ids):
        assert world.b.values(world.link(a=id_).b_id or "")["job"] == f"Job {n}"
        assert world.a.values(id_)["phone"] == f"+49 30 {n}"
    world.rests()
