"""A process that is killed at any instant: before each statement that makes something durable, and before and after
each call of an app. What follows ends with the same records as if nothing had happened (rule 10.4).

One instant of each kind of app by default, many in `./test all`, and each single one with ALL_CRASHES=1.
"""

from __future__ import annotations

import copy
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pytest
from django.db import connection, transaction

from connectors.contract import Idempotency, Outcome, Page, ReadStrategy, Record, Resource, Write, WriteKind
from connectors.testing.memory import MemoryApp, MemoryClient, contacts
from syncengine.models import Lease, Operation, OperationState, RecordLink, Stream
from syncengine.run.clock import Clock
from syncengine.run.runner import run_slice

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee"}
BATCH = {WriteKind.CREATE: 3, WriteKind.UPDATE: 3}
STRIDE = 1 if os.environ.get("ALL_CRASHES") else 9
"""Of so many instants one is tried where many are."""


class Killed(BaseException):
    """The process is no more."""


@dataclass
class Fate:
    """Kills at one instant; from then on nothing gets through any more."""

    at: int | None = None
    instants: int = 0
    dead: bool = False
    where: list[str] = field(default_factory=list)

    def instant(self, what: str) -> None:
        if self.dead:
            raise Killed
        self.instants += 1
        self.where.append(what)
        if self.instants == self.at:
            self.dead = True
            raise Killed(what)

    def statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """Before a transaction begins, and before whatever is durable by itself. What it undoes is the database's."""
        undoing = sql.startswith(("ROLLBACK TO", "RELEASE"))
        if self.dead and not undoing:
            raise Killed
        durable = sql.lstrip().startswith(("SAVEPOINT", "UPDATE", "INSERT", "DELETE"))
        if durable and not undoing and len(connection.savepoint_ids) <= (1 if sql.startswith("SAVEPOINT") else 0):
            self.instant(sql.strip()[:60])
        return execute(sql, params, many, context)


class FatefulClient(MemoryClient):
    """Each call is two instants: before it has an effect, and after, when nobody hears the answer."""

    fate: Fate

    def _around(self, name: str, call: Callable[..., Any], *args: Any) -> Any:
        self.fate.instant(f"before {name}")
        answer = call(*args)
        self.fate.instant(f"after {name}")
        return answer

    def read(self, resource: Resource, cursor: str | None) -> Page:
        return self._around("read", super().read, resource, cursor)  # type: ignore[no-any-return]

    def get(self, resource: Resource, ids: Sequence[str]) -> Sequence[Record]:
        return self._around("get", super().get, resource, ids)  # type: ignore[no-any-return]

    def write(self, resource: Resource, writes: Sequence[Write]) -> Sequence[Outcome]:
        return self._around("write", super().write, resource, writes)  # type: ignore[no-any-return]


@contextmanager
def ruled_by(fate: Fate, world: World) -> Iterator[None]:
    """The world runs under this fate; a death leaves the database as a killed process leaves it."""
    connector = world.connectors["memory"]

    def connect(settings: Any, env: Any) -> MemoryClient:
        client = FatefulClient(connector.apps[settings["account"]], env, password=settings["password"])
        client.fate = fate
        return client

    with ExitStack() as stack:
        stack.enter_context(connection.execute_wrapper(fate.statement))
        before, connector.connect = connector.connect, connect  # type: ignore[method-assign]
        try:
            yield
        finally:
            connector.connect = before  # type: ignore[method-assign]
            if fate.dead:
                # What broke off is rolled back to its savepoint already.
                transaction.set_rollback(False)


def settle(world: World, fate: Fate) -> None:
    """First run, edits on both sides, next run; what is killed is taken up after its lease has ended."""
    with ruled_by(fate, world), suppress(Killed):
        work_until_rest(world)
    survive(world, fate)
    world.rest()
    for n, (one, id_) in enumerate([(world.a, "1"), (world.b, "2"), (world.b, "3"), (world.a, "5")]):
        one.edit(id_, job=f"Job {n}")
    world.a.add(ANN, mail="late@example.com")
    world.b.remove(next(id_ for id_, row in world.b.rows.items() if row.values["mail"] == "BOTH1@example.com"))
    world.wait(minutes=11)
    with ruled_by(fate, world), suppress(Killed):
        work_until_rest(world)
    survive(world, fate)
    world.rest()
    world.wait(minutes=11)
    world.rest()


def work_until_rest(world: World) -> None:
    while not (found := run_slice(world.sync.pk, Clock(now=world.tick))).quiet:
        world.now = max(world.now, found.at or world.now)


def survive(world: World, fate: Fate) -> None:
    if fate.dead:
        fate.dead, fate.at = False, None
        assert Lease.objects.exclude(holder="").count() in (0, 3), "a dead process frees nothing"
        world.wait(seconds=61)


Kind = tuple[Idempotency, ReadStrategy, bool, bool]
KINDS: list[Kind] = list(product(Idempotency, ReadStrategy, [True, False], [True, False]))


def an_app(kind: Kind) -> Any:
    idempotency, read, lock, atomic = kind
    return contacts(
        idempotency=idempotency,
        read=read,
        lock=lock,
        atomic=atomic,
        tombstones=read is ReadStrategy.DELTA,
        batch=BATCH,
        page_size=5,
        settle=2,
        answers=lock,
    )


def people(world: World) -> None:
    """Four of A alone, four of B alone, four of both that differ."""
    for n in range(4):
        world.a.add(ANN, mail=f"left{n}@example.com", job="Cook")
        world.b.add(ANN, mail=f"right{n}@example.com", job="Clerk")
        world.a.add(ANN, mail=f"both{n}@example.com", job="Baker")
        world.b.add(ANN, mail=f"BOTH{n}@example.com" if n % 2 else f"both{n}@example.com", phone=f"+49 30 {n}")


def holdings(world: World) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """What both apps hold, whatever the ids; and how the sync sees it."""
    sides = [Counter(str(sorted(v.items())) for v in one.all_values().values()) for one in (world.a, world.b)]
    return sides[0], sides[1], Counter(world.states())


@dataclass
class Start:
    """A world that can be begun again."""

    world: World
    objects: dict[str, Any]

    @contextmanager
    def anew(self) -> Iterator[World]:
        world = copy.copy(self.world)
        for name in ("left", "right"):
            before: MemoryApp = getattr(self.world, name)
            app = MemoryApp(copy.deepcopy(self.objects[name]), identity=name, label=before.identity.label)
            setattr(world, name, app)
            world.connectors["memory"].apps[name] = app
        point = transaction.savepoint()
        try:
            yield world
        finally:
            transaction.savepoint_rollback(point)


ALL_KINDS = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(str(part) for part in kind))


@ALL_KINDS
def test_rule_10_4_killed_at_some_instant(make_world: MakeWorld, kind: Kind) -> None:
    killed_at(make_world, kind, lambda instants, chance: [chance.choice(instants)])


@pytest.mark.slow
@ALL_KINDS
def test_rule_10_4_killed_at_any_instant(make_world: MakeWorld, kind: Kind) -> None:
    killed_at(make_world, kind, lambda instants, chance: instants[chance.randrange(STRIDE) :: STRIDE])


def killed_at(
    make_world: MakeWorld, kind: Kind, chosen: Callable[[Sequence[int], random.Random], Sequence[int]]
) -> None:
    world = make_world(an_app(kind), an_app(kind))
    people(world)
    start = Start(world, {"left": world.a, "right": world.b})
    with start.anew() as undisturbed:
        quiet = Fate()
        settle(undisturbed, quiet)
        expected = holdings(undisturbed)
        assert sum(expected[0].values()) == 13 and sum(expected[1].values()) == 12
        assert expected[2] == {"in_sync": 12, "failing": 1, "failing:deleted_in_b": 1}
    for at in chosen(range(1, quiet.instants + 1), random.Random(str(kind))):
        with start.anew() as disturbed:
            settle(disturbed, Fate(at=at))
            assert holdings(disturbed) == expected, f"killed at {at}: {quiet.where[at - 1]}"
            assert_clean(disturbed, at)


def assert_clean(world: World, at: int) -> None:
    assert not Operation.objects.filter(state__in=[OperationState.PLANNED, OperationState.SENDING]).exists(), at
    for side in ("a", "b"):
        ends = [getattr(link, f"{side}_id") for link in RecordLink.objects.filter(closed_at=None)]
        assert len(ends) == len(set(ends)), at
    assert all(stream.listed_at is not None for stream in Stream.objects.all())
    written = world.writes
    world.wait(minutes=1)
    world.rest()
    assert world.writes == written, at
