"""Looks that find nothing leave no trace but the next due time, and miss nothing that would have to be done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from connectors.contract import ReadStrategy, Retry
from connectors.models import AccountObject
from connectors.testing.memory import contacts
from syncengine import queries, services
from syncengine.models import DirtyRecord, Lease, RecordLink, RunKind, RunState, Stream, Sync, SyncRun, Wish
from syncengine.run.ahead import Ahead
from syncengine.run.clock import Clock
from syncengine.run.context import Next
from syncengine.run.glance import SAFETY_NET, glance
from syncengine.run.lease import lease_name
from tenants.context import current_workspace
from tenants.models import Due
from tests.bench.idle import measure

from .conftest import MakeWorld, World

DELTA = {"read": ReadStrategy.DELTA, "tombstones": True}
STRATEGIES = pytest.mark.parametrize(
    "habits", [DELTA, {"read": ReadStrategy.SINCE}, {}], ids=["delta", "since", "listing"]
)


def idle(make_world: MakeWorld, **habits: object) -> World:
    """A sync of three pairs, at rest, with its next look due."""
    world = make_world(contacts(**(habits or DELTA)), contacts(**(habits or DELTA)))
    for n in range(3):
        for one in (world.a, world.b):
            one.add(first=f"P{n}", last="X", mail=f"p{n}@example.com")
    world.rest()
    world.wait(minutes=1)
    return world


def look(world: World) -> Next | Ahead | None:
    return glance(world.sync.pk, Clock(now=world.tick))


@STRATEGIES
def test_rule_10_2_an_idle_look_writes_nothing_but_when_it_is_due_again(
    make_world: MakeWorld, habits: dict[str, object]
) -> None:
    world = idle(make_world, **habits)
    asked = (world.left.calls["read"], world.right.calls["read"])
    with CaptureQueriesContext(connection) as made:
        found = world.slice()
    assert found.quiet and found.at is not None and found.looked_at is not None
    assert timedelta(seconds=20) < found.at - found.looked_at <= timedelta(seconds=30), "something has changed lately"
    assert (world.left.calls["read"], world.right.calls["read"]) == (asked[0] + 1, asked[1] + 1)
    statements = [query["sql"] for query in made]
    writes = [sql for sql in statements if not sql.lstrip().startswith("SELECT")]
    assert len(writes) == 1 and "UPDATE tenants_due" in writes[0], writes
    assert len(statements) <= 10, statements
    assert Due.objects.get(kind=services.DUE_KIND, target=world.sync.pk).looked_at == found.looked_at


@STRATEGIES
def test_rule_10_2_what_a_look_brings_is_not_asked_for_again(make_world: MakeWorld, habits: dict[str, object]) -> None:
    world = idle(make_world, **habits)
    first, *_others, last = world.a.rows
    world.a.edit(first, notes="edited in A")
    world.b.edit(last, notes="edited in B")
    asked = (world.left.calls["read"], world.right.calls["read"])
    world.rest()
    assert (world.left.calls["read"], world.right.calls["read"]) == (asked[0] + 1, asked[1] + 1)
    assert [len(app.sent) for app in (world.left, world.right)] == [1, 1]
    world.rests()


def test_rule_8_4_a_listing_that_lacks_a_record_is_news(make_world: MakeWorld) -> None:
    world = idle(make_world, read=ReadStrategy.LISTING)
    world.a.remove(next(iter(world.a.rows)))
    world.rest()
    assert world.states() == {"in_sync": 2, "failing": 1, "failing:deleted_in_a": 1}


def test_rule_9_4_an_error_that_a_look_meets_is_told(make_world: MakeWorld) -> None:
    world = idle(make_world)
    world.right.fail_next("read", Retry("not now"))
    asked = world.right.calls["read"]
    assert not world.slice().quiet
    assert world.right.calls["read"] == asked + 1, "it was asked once more"
    world.sync.refresh_from_db()
    assert (world.sync.attention_reason, world.sync.setbacks) == ("not now", 1)
    world.wait(minutes=1)
    assert look(world) is None, "the next look is under the leases"
    world.rests()


def links(world: World) -> QuerySet[RecordLink]:
    return RecordLink.objects.filter(pair=world.sync.pair)


CALLS: dict[str, Callable[[World], object]] = {
    "a link is to be planned": lambda w: links(w).update(replan=True),
    "a retry is due": lambda w: links(w).update(next_try_at=w.now),
    "somebody wishes something": lambda w: links(w).update(wish=Wish.RESYNC),
    "a record was named": lambda w: DirtyRecord.objects.create(
        stream=w.sync.pair.stream_a, remote_id="1", not_before=w.now + timedelta(days=1)
    ),
    "a person wants a run": lambda w: SyncRun.objects.create(
        sync=w.sync, version=w.sync.active, kind=RunKind.FULL, state=RunState.RUNNING, started_at=w.now
    ),
    "an undo is under way": lambda w: SyncRun.objects.create(
        sync=w.sync, version=w.sync.active, kind=RunKind.UNDO, state=RunState.RUNNING, started_at=w.now
    ),
    "settings were changed": lambda w: w.settings(),
    "an object means something else": lambda w: AccountObject.objects.update(meaning={"kind": "lead"}),
    "the plan allows more": lambda w: current_workspace().plan.entitlements.update(features=["custom_mappings"]),
    "records are not planned yet": lambda w: Sync.objects.filter(pk=w.sync.pk).update(planned_a=0),
    "it stumbled": lambda w: Sync.objects.filter(pk=w.sync.pk).update(setbacks=1),
    "its worker died": lambda w: Lease.objects.filter(name=lease_name(w.sync.pk)).update(holder="somebody"),
    "its worker was replaced": lambda w: Lease.objects.filter(name=lease_name(w.sync.pk)).update(deaths=1),
    "a look killed its worker": lambda w: Due.objects.filter(kind=services.DUE_KIND).update(claims=2),
    "a pass is under way": lambda w: Stream.objects.update(passing=True),
    "records are suspect": lambda w: Stream.objects.update(missing=1),
    "it is long ago": lambda w: w.wait(seconds=SAFETY_NET.total_seconds()),
}


@pytest.mark.parametrize("what", CALLS)
def test_rule_10_4_a_glance_sees_all_that_calls_for_work(make_world: MakeWorld, what: str) -> None:
    world = idle(make_world)
    assert isinstance(look(world), Next)
    world.sync.refresh_from_db()
    CALLS[what](world)
    assert look(world) is None


def test_rule_10_5_a_glance_that_was_overtaken_stores_nothing(make_world: MakeWorld) -> None:
    """Another worker reads on between the look and the leases: what was asked from the older checkpoint is dropped."""
    world = idle(make_world)
    world.a.edit(next(iter(world.a.rows)), notes="first")
    found = look(world)
    assert isinstance(found, Ahead)
    answer = next(iter(found.answers.values()))
    with found:
        world.a.edit(next(iter(world.a.rows)), notes="second")
        world.rest()
    stream = world.sync.pair.stream_a
    stream.refresh_from_db()
    assert not answer.to(stream.cursor, answer.resource)
    assert [row.values["notes"] for row in world.b.rows.values() if row.values.get("notes")] == ["second"]


def test_rule_10_2_looks_count_for_other_syncs_and_for_what_is_named(make_world: MakeWorld) -> None:
    """A look that left no trace in the stream is known all the same: a record that is named costs no pass."""
    world = idle(make_world)
    assert world.slice().quiet
    world.wait(seconds=10)
    edited = next(iter(world.a.rows))
    world.a.edit(edited, notes="named")
    asked = world.left.calls["read"]
    services.mark_dirty(world.sync.pair.stream_a, [edited])
    DirtyRecord.objects.update(not_before=world.now)
    world.rest()
    assert world.left.calls["read"] == asked and len(world.right.sent) == 1


def test_rule_10_2_a_side_is_not_read_anew_while_the_other_takes_several_slices(make_world: MakeWorld) -> None:
    world = make_world(contacts(page_size=2), contacts(page_size=2))
    for n in range(20):
        for one in (world.a, world.b):
            one.add(first=f"P{n}", last="X", mail=f"p{n}@example.com")
    world.rest()
    world.wait(minutes=1)
    asked = (world.left.calls["read"], world.right.calls["read"])
    slices = 1
    while not world.slice(slice=timedelta(milliseconds=60)).quiet:
        slices += 1
    assert slices > 2
    assert (world.left.calls["read"], world.right.calls["read"]) == (asked[0] + 10, asked[1] + 10)


def test_rule_9_2_people_see_looks_that_left_no_trace(make_world: MakeWorld) -> None:
    world = idle(make_world)
    found = world.slice()
    world.sync.refresh_from_db()
    assert world.sync.last_run_at < found.looked_at  # type: ignore[operator]
    assert services.status_of(world.sync).last_run_at == found.looked_at
    assert queries.overview(world.sync).status.last_run_at == found.looked_at


def test_idle_syncs_cost_little_in_each_of_several_workspaces(committed: None) -> None:
    """The benchmark of idle syncs (`./run bench idle`), in short."""
    figures = measure(workspaces=2, syncs=2, rounds=2)
    assert (figures["polls"], figures["requests"]) == (8, 2.0)
    assert figures["rows_written"] == {"tenants_due": 1.0}
