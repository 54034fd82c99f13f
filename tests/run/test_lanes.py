"""Several requests of one account under way at once: killed, fenced off, slowed down, and used up for the day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from connectors.contract import Idempotency, RateLimited, WriteKind
from connectors.desk import desk_here
from connectors.models import RateBudget
from connectors.testing.memory import contacts
from syncengine.models import Lease, Operation, OperationState
from syncengine.run.lanes import threads

from .conftest import MakeWorld, World

PEOPLE, AT_ONCE = 200, 4


def crowded(make_world: MakeWorld, idempotency: Idempotency = Idempotency.KEY, **facts: Any) -> World:
    """Many people on the left, none on the right: so four batches of creations there."""
    world = make_world(
        contacts(), contacts(batch={WriteKind.CREATE: 50}, idempotency=idempotency), facts={"at_once": AT_ONCE, **facts}
    )
    for n in range(PEOPLE):
        world.a.add(first="Ann", last=f"Lee{n}", mail=f"p{n}@example.com")
    return world


@pytest.mark.parametrize("idempotency", [Idempotency.KEY, Idempotency.STAMP])
def test_rule_10_4_a_worker_dies_with_several_batches_under_way(
    make_world: MakeWorld, idempotency: Idempotency
) -> None:
    world = crowded(make_world, idempotency)
    write, calls = world.b.write, list[int]()

    def dies(writes: Any) -> Any:
        calls.append(len(writes))
        answer = write(writes)
        if len(calls) == 1:
            raise SystemExit  # The process is no more; what else is under way arrives all the same.
        return answer

    world.b.write = dies  # type: ignore[method-assign]
    with pytest.raises(SystemExit):
        world.slice(lanes=threads)
    assert Operation.objects.filter(state=OperationState.SENDING).count() > 50, "several batches are in doubt"
    world.wait(minutes=3)
    world.rest()
    assert len(world.b.rows) == world.b.created_by_write == PEOPLE
    assert not Operation.objects.filter(state=OperationState.SENDING).exists()
    world.rests()


def test_rule_10_5_a_stale_worker_sends_no_more_than_it_has_under_way(make_world: MakeWorld) -> None:
    world = crowded(make_world)
    world.b.resource.batch[WriteKind.CREATE] = 10  # type: ignore[index]
    write, sent, desk = world.b.write, list[int](), desk_here()

    def stolen(writes: Any) -> Any:
        if not sent:
            desk.ask(lambda: Lease.objects.update(epoch=99, holder="elsewhere/1/1"))
        sent.append(len(writes))
        return write(writes)

    world.b.write = stolen  # type: ignore[method-assign]
    world.slice(lanes=threads)
    assert 1 <= len(sent) <= AT_ONCE
    assert not Operation.objects.filter(state=OperationState.DONE).exists(), "nothing is stored"
    Lease.objects.update(holder="")
    world.wait(minutes=3)
    world.rest()
    assert len(world.b.rows) == PEOPLE
    world.rests()


def test_rule_10_5_too_fast_again_and_again_leaves_nothing_in_doubt(make_world: MakeWorld) -> None:
    world = crowded(make_world)
    world.b.resource.batch[WriteKind.CREATE] = 5  # type: ignore[index]
    world.right.fail_next("write", RateLimited("Too fast.", after=1), times=15)
    for _ in range(40):
        found = world.slice(lanes=threads)
        assert not Operation.objects.filter(state=OperationState.SENDING).exists()
        if found.quiet:
            break
        assert found.at is not None
        world.now = max(world.now, found.at)
    assert len(world.b.rows) == world.b.created_by_write == PEOPLE
    world.rests()


def test_rule_10_1_the_page_says_that_the_days_requests_are_used_up(make_world: MakeWorld) -> None:
    world = crowded(make_world, requests_per_day=4)
    found = world.slice()
    for _ in range(5):
        if found.at is not None and found.at - world.now > timedelta(minutes=30):
            break
        assert found.at is not None and not found.quiet
        world.now = max(world.now, found.at)
        found = world.slice()
    world.sync.refresh_from_db()
    assert "in a day" in world.sync.attention_reason and world.sync.attention == ""
    assert world.sync.setbacks == 0
    RateBudget.objects.update(day_left=1000, day_ends=timezone.now() + timedelta(hours=1))
    world.rest()
    world.sync.refresh_from_db()
    assert world.sync.attention_reason == "" and len(world.b.rows) == PEOPLE
