"""Killed at any instant of a resync, of a deletion that is passed on and of a merge: the same records in the end, none
twice, none deleted that nobody deleted (rules 8.2, 8.3, 8.5 and 10.4)."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from connectors.contract import Idempotency, ReadStrategy, WriteKind
from connectors.testing.memory import MemoryObject, contacts
from syncengine import deleting
from syncengine.core.mapping import Side
from syncengine.models import RunKind, RunState, SyncRun

from .conftest import MakeWorld, World
from .test_crashes import STRIDE, Fate, Killed, Start, assert_clean, holdings, ruled_by, survive, work_until_rest

ANN = {"first": "Ann", "last": "Lee"}


def an_app(idempotency: Idempotency) -> MemoryObject:
    batch = {WriteKind.CREATE: 2, WriteKind.DELETE: 2}
    return contacts(
        idempotency=idempotency, read=ReadStrategy.DELTA, tombstones=True, batch=batch, page_size=5, settle=2
    )


def settle(world: World, fate: Fate) -> None:
    deleting.resync_deleted(world.sync, side=Side.B, actor="test")
    world.a.remove("4")
    world.a.merge("5", into="7")
    world.wait(minutes=11)
    with ruled_by(fate, world), suppress(Killed):
        work_until_rest(world)
    survive(world, fate)
    world.wait(minutes=11)
    world.rest()
    world.wait(minutes=11)
    world.rest()
    assert SyncRun.objects.get(kind=RunKind.RESYNC).state == RunState.DONE


@pytest.mark.parametrize("idempotency", Idempotency)
def test_rule_8_2_8_3_and_8_5_killed_at_any_instant(make_world: MakeWorld, idempotency: Idempotency) -> None:
    world = make_world(an_app(idempotency), an_app(idempotency))
    for n in range(6):
        world.a.add(ANN, mail=f"p{n}@example.com", job=f"Job {n}")
    world.a.add(first="Kim")
    world.rest()
    for id_ in "123":
        world.b.remove(id_)
    world.wait(minutes=11)
    world.rest()
    world.settings(deletions={Side.B: WriteKind.DELETE})
    world.rest()
    start = Start(world, {"left": world.a, "right": world.b})
    with start.anew() as undisturbed:
        quiet = Fate()
        settle(undisturbed, quiet)
        expected = holdings(undisturbed)
        assert (sum(expected[0].values()), sum(expected[1].values())) == (5, 5) and expected[2] == {"in_sync": 5}
    chance = random.Random(idempotency.value)
    stride = 1 if STRIDE == 1 else 3 * STRIDE
    for at in range(1 + chance.randrange(stride), quiet.instants + 1, stride):
        with start.anew() as disturbed:
            settle(disturbed, Fate(at=at))
            assert holdings(disturbed) == expected, f"killed at {at}: {quiet.where[at - 1]}"
            assert_clean(disturbed, at)
