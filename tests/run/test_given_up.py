"""Transactions that PostgreSQL gives up for another's sake: they are made again, and nobody hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection

from connectors.contract import Idempotency, WriteKind
from connectors.testing.memory import contacts
from syncengine.models import Operation, OperationState
from tenants.again import TIMES, again, is_passing
from tenants.models import Workspace

from .conftest import MakeWorld, World

ANN = {"first": "Ann", "last": "Lee"}
ERRORS = [psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable]
STRIDE = 23
"""Of so many statements one is given up."""


class Database:
    """Gives up every so-many-th statement that locks or writes."""

    def __init__(self, first: int, error: type[psycopg.errors.Error]) -> None:
        self.statements, self.first, self.error, self.given_up = 0, first, error, 0

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        locks = sql.lstrip().startswith(("UPDATE", "INSERT", "DELETE")) or "FOR UPDATE" in sql
        # Within a transaction of the engine's: the one around the test cannot be rolled back.
        if locks and connection.savepoint_ids:
            self.statements += 1
            if self.statements % STRIDE == self.first:
                self.given_up += 1
                raise given_up(self.error)
        return execute(sql, params, many, context)


def given_up(error: type[psycopg.errors.Error]) -> OperationalError:
    found = OperationalError("given up")
    found.__cause__ = error("given up")
    return found


@contextmanager
def disturbed(database: Database) -> Iterator[None]:
    with connection.execute_wrapper(database):
        yield


def people(world: World) -> None:
    for n in range(4):
        world.a.add(ANN, mail=f"left{n}@example.com", job="Cook")
        world.b.add(ANN, mail=f"right{n}@example.com", job="Clerk")
        world.a.add(ANN, mail=f"both{n}@example.com", job="Baker")
        world.b.add(ANN, mail=f"both{n}@example.com", phone=f"+49 30 {n}")


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("first", range(1, STRIDE, 7))
def test_rule_10_4_what_the_database_gives_up_is_done_again(
    make_world: MakeWorld, error: type[psycopg.errors.Error], first: int
) -> None:
    batch = {WriteKind.CREATE: 3, WriteKind.UPDATE: 3}
    world = make_world(contacts(batch=batch, idempotency=Idempotency.NONE), contacts(batch=batch))
    people(world)
    database = Database(first, error)
    with disturbed(database):
        world.rest()
    world.wait(minutes=2)
    world.rest()
    world.sync.refresh_from_db()
    assert database.given_up and world.sync.attention == ""
    assert world.a.created_by_write == world.b.created_by_write == 4
    assert world.states() == {"in_sync": 12}
    assert not Operation.objects.filter(state__in=[OperationState.PLANNED, OperationState.SENDING]).exists()
    world.rests()


def test_rule_10_4_an_answer_that_could_not_be_stored_at_once_is_not_lost(make_world: MakeWorld) -> None:
    """The app has no key, and the answer comes once only."""
    world = make_world(None, contacts(batch={WriteKind.CREATE: 10}))
    for n in range(5):
        world.a.add(ANN, mail=f"p{n}@example.com")
    write, answered = world.b.write, []

    def answers(writes: Any) -> Any:
        answered.append(True)
        return write(writes)

    def gives_up(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if answered == [True] and sql.startswith('UPDATE "syncengine_operation"'):
            answered.append(False)
            raise given_up(psycopg.errors.DeadlockDetected)
        return execute(sql, params, many, context)

    world.b.write = answers  # type: ignore[method-assign]
    with connection.execute_wrapper(gives_up):
        assert world.slice().quiet
    assert answered == [True, False] and world.states() == {"in_sync": 5} and len(world.b.rows) == 5
    assert Operation.objects.filter(state=OperationState.DONE).count() == 5


def test_only_what_passes_is_tried_again(in_workspace: Workspace) -> None:
    tries: list[int] = []

    def unit(error: type[psycopg.errors.Error], times: int) -> int:
        tries.append(1)
        if len(tries) <= times:
            raise given_up(error)
        return len(tries)

    assert again(lambda: unit(psycopg.errors.DeadlockDetected, 2)) == 3
    tries.clear()
    with pytest.raises(OperationalError):
        again(lambda: unit(psycopg.errors.DeadlockDetected, 99))
    assert len(tries) == TIMES
    tries.clear()
    with pytest.raises(OperationalError):
        again(lambda: unit(psycopg.errors.AdminShutdown, 1))
    assert len(tries) == 1 and not is_passing(ValueError())
