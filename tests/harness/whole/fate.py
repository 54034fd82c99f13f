"""What may befall the worker at any instant: it is killed, or frozen until somebody else has taken over.

An instant is a statement that makes something durable, or a call of an app: before it has an effect, and after, when
nobody hears the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from connectors.contract import ConnectorError, Outcome, Page, Record, Resource, Write
from connectors.testing.memory import MemoryApp, MemoryClient


class Killed(BaseException):
    """The process is no more."""


class Fate:
    """Kills at one instant; from then on nothing gets through any more."""

    def __init__(self, at: int | None = None, *, called: Callable[[str, MemoryApp], None]) -> None:
        """`at`: which instant from now. `called` is told of each call, before ("read") and after ("read!")."""
        self.at, self.called = at, called
        self.instants, self.dead = 0, False
        self.violations: list[str] = []
        """What the engine asked of an app although no app takes it, and defects of the app itself."""
        self.depth = len(connection.savepoint_ids)

    def instant(self, what: str) -> None:
        if self.dead:
            raise Killed
        self.instants += 1
        if self.instants == self.at:
            self.dead = True
            raise Killed(what)

    def call(self, name: str, app: MemoryApp) -> None:
        self.instant(name)
        self.called(name, app)

    def statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """Before a transaction begins, and before whatever is durable by itself. What it undoes is the database's."""
        undoing = sql.startswith(("ROLLBACK TO", "RELEASE"))
        if self.dead and not undoing:
            raise Killed
        durable = sql.lstrip().startswith(("SAVEPOINT", "UPDATE", "INSERT", "DELETE"))
        depth = len(connection.savepoint_ids) - self.depth
        if durable and not undoing and depth <= (1 if sql.startswith("SAVEPOINT") else 0):
            self.instant(sql.strip()[:60])
        return execute(sql, params, many, context)

    @contextmanager
    def rules(self) -> Iterator[None]:
        """The process lives in this block; a death leaves the database as a killed process leaves it."""
        try:
            with connection.execute_wrapper(self.statement):
                yield
        except Killed:
            # What broke off is rolled back to its savepoint already.
            transaction.set_rollback(False)


class FatefulClient(MemoryClient):
    """A client whose calls are instants of the worker's fate."""

    fate: Callable[[], Fate | None]

    def _around(self, name: str, call: Callable[..., Any], *args: Any) -> Any:
        fate = self.fate()
        if fate is None:
            return call(*args)
        fate.call(name, self.app)
        try:
            answer = call(*args)
        except ConnectorError:
            raise
        except Exception as error:
            fate.violations.append(f"{name}: {error!r}")
            raise
        fate.call(f"{name}!", self.app)
        return answer

    def read(self, resource: Resource, cursor: str | None) -> Page:
        return self._around("read", super().read, resource, cursor)  # type: ignore[no-any-return]

    def get(self, resource: Resource, ids: Sequence[str]) -> Sequence[Record]:
        return self._around("get", super().get, resource, ids)  # type: ignore[no-any-return]

    def write(self, resource: Resource, writes: Sequence[Write]) -> Sequence[Outcome]:
        return self._around("write", super().write, resource, writes)  # type: ignore[no-any-return]
