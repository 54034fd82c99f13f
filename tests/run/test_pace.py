"""Streams are looked at as often as they change (rule 10.1), and the page says when again, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors.models import RateBudget
from connectors.testing.memory import contacts
from syncengine import services
from syncengine.core.pace import SPREAD
from syncengine.looking import LookReason, next_look
from syncengine.models import Stream
from syncengine.run.pace import keep_pace
from tenants import due

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee", "mail": "ann@example.com"}
FEED: dict[str, Any] = {"read": "delta", "tombstones": True}


@pytest.fixture(autouse=True)
def bounds(settings: Any) -> None:
    settings.POLL_SHORTEST, settings.POLL_LONGEST = 30, 300


def after(world: World) -> timedelta:
    """How long after the last look the next one is."""
    found = world.slice()
    while not found.quiet:
        found = world.slice()
    assert found.at is not None
    reads = [stream.read_at for stream in world.streams() if stream.read_at is not None]
    return found.at - min(reads)


def within(found: timedelta, seconds: float) -> bool:
    return timedelta(seconds=seconds * (1 - SPREAD) - 1) <= found <= timedelta(seconds=seconds)


def paces(world: World) -> list[str]:
    return [stream.pace["reason"] for stream in sorted(world.streams(), key=lambda stream: stream.pk)]


def test_rule_10_1_what_changes_is_looked_at_more_often_than_what_is_quiet(make_world: MakeWorld) -> None:
    world = make_world(contacts(**FEED), contacts(**FEED))
    id_ = world.a.add(ANN)
    assert within(after(world), 30) and paces(world) == ["changing", "quiet"], "what we write is no change"
    world.wait(minutes=25)
    assert within(after(world), 120) and paces(world) == ["quiet", "quiet"]
    world.wait(days=1)
    assert within(after(world), 300)
    world.a.edit(id_, job="Cook")
    world.wait(minutes=5)
    assert within(after(world), 30) and "changing" in paces(world)


def test_our_own_writes_are_no_changes(make_world: MakeWorld) -> None:
    world = make_world(contacts(**FEED), contacts(**FEED))
    id_ = world.a.add(ANN)
    world.rest()
    before = Stream.objects.get(pk=world.sync.pair.stream_b_id).changed_at
    world.wait(minutes=30)
    world.a.edit(id_, job="Cook")
    world.rest()
    world.wait(minutes=2)
    world.rest()
    assert world.b.values("1")["job"] == "Cook"
    assert Stream.objects.get(pk=world.sync.pair.stream_b_id).changed_at == before


def test_rule_10_1_within_the_bounds_of_the_plan(make_world: MakeWorld, workspace: Any) -> None:
    workspace.plan.entitlements["limits"] |= {"poll_shortest": 100, "poll_longest": 200}
    world = make_world(contacts(**FEED), contacts(**FEED))
    assert within(after(world), 200), "empty: nobody knows of a change"
    world.a.add(ANN)
    world.wait(minutes=4)
    assert within(after(world), 100)


def test_an_app_that_asks_for_less_is_left_alone(make_world: MakeWorld) -> None:
    world = make_world(contacts(poll=900, **FEED), contacts(poll=900, **FEED))
    world.a.add(ANN)
    assert within(after(world), 900) and paces(world) == ["app", "app"]


def test_rule_10_1_looks_mind_what_is_left_of_the_day_s_quota(make_world: MakeWorld) -> None:
    """1,000 requests are left for ten hours: half of them for looks, which take one each."""
    world = make_world(contacts(**FEED), contacts(**FEED))
    world.a.add(ANN)
    world.rest()
    connector = world.connectors["memory"]
    connector.manifest = replace(connector.manifest, requests_per_day=10_000)
    stream = Stream.objects.select_related("object__account").get(pk=world.sync.pair.stream_a_id)
    budget = {"used_until": world.now, "day_left": 1000, "day_ends": world.now + timedelta(hours=10)}
    RateBudget.objects.update_or_create(account=stream.object.account, defaults=budget)
    keep_pace(stream, world.a.resource, now=world.now)
    assert stream.pace == {"seconds": 72, "reason": "quota"}
    Stream.objects.update(pass_pages=10)
    keep_pace(stream, world.a.resource, now=world.now)
    assert stream.pace == {"seconds": 720, "reason": "quota"}
    RateBudget.objects.update(day_left=0)
    keep_pace(stream, world.a.resource, now=world.now)
    assert stream.pace == {"seconds": 36_000, "reason": "quota"}


def test_rule_10_1_where_the_app_tells_looks_are_a_safety_net(make_world: MakeWorld, set_clock: Any) -> None:
    """It tells: looked at rarely. It has forgotten to tell: looked at as any other, until it tells again."""
    world = make_world(contacts(notices=True, **FEED), contacts(notices=True, **FEED))
    ids = [world.a.add(ANN, mail=f"p{n}@example.com") for n in range(3)]
    assert within(after(world), 30), "it never told of anything"
    for stream in world.streams():
        set_clock(world.now)
        services.mark_dirty(stream, ids)
    assert within(after(world), 300) and paces(world) == ["notices", "notices"]
    world.wait(minutes=20)
    world.a.edit(ids[0], job="Cook")
    assert within(after(world), 30) and paces(world)[0] == "changing"
    set_clock(world.now)
    services.mark_dirty(world.sync.pair.stream_a, ids)
    after(world)
    assert paces(world)[0] == "notices"


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    def set_to(now: datetime) -> None:
        monkeypatch.setattr("django.utils.timezone.now", lambda: now)

    return set_to


def test_what_is_quiet_is_not_read_with_what_changes(make_world: MakeWorld) -> None:
    world = make_world(contacts(**FEED), contacts(**FEED))
    id_ = world.a.add(ANN)
    world.rest()
    world.wait(minutes=30)
    world.a.edit(id_, job="Cook")
    world.rest()
    before = dict(world.left.calls), dict(world.right.calls)
    for n in range(3):
        world.a.edit(id_, job=f"Cook {n}")
        world.wait(seconds=30)
        world.rest()
    assert world.b.values("1")["job"] == "Cook 2"
    assert world.left.calls["read"] - before[0]["read"] == 3
    assert world.right.calls["read"] - before[1]["read"] <= 1


def test_a_row_is_written_only_where_the_pace_changes(
    make_world: MakeWorld, django_assert_max_num_queries: Any
) -> None:
    world = make_world(contacts(**FEED), contacts(**FEED))
    world.rest()
    world.wait(minutes=2)
    with django_assert_max_num_queries(100) as found:
        world.rest()
    assert not [q for q in found.captured_queries if '"pace" =' in q["sql"]]


def test_the_next_look_is_told_with_its_reason(make_world: MakeWorld, set_clock: Any) -> None:
    world = make_world(contacts(**FEED), contacts(**FEED))
    world.a.add(ANN)
    world.rest()
    found = world.slice()
    assert found.at is not None
    due.schedule(services.DUE_KIND, world.sync.pk, found.at, later=True)
    sync = load(world)
    told = next_look(sync)
    assert told is not None and (told.reason, told.every, told.at) == ("changing", 30, found.at)
    assert str(told.because) == "something has changed lately"
    due.schedule(services.DUE_KIND, sync.pk, world.now)
    told = next_look(sync)
    assert told is not None and told.reason == LookReason.UNFINISHED
    due.claim(world.now, 10, timedelta(seconds=75))
    set_clock(world.now)
    told = next_look(load(world))
    assert told is not None and told.reason == LookReason.AT_WORK
    sync.interval = 3600
    due.done(services.DUE_KIND, sync.pk, world.now + timedelta(hours=2))
    told = next_look(sync)
    assert told is not None and (told.reason, told.every) == ("fixed", 3600)
    services.pause(sync, actor="test")
    assert next_look(load(world)) is None


def load(world: World) -> Any:
    from syncengine.queries import live_syncs

    return live_syncs().get(pk=world.sync.pk)
