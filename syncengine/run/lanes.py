"""Where calls of apps are made while the worker's own thread does everything else: above all, with the database.

`Threads` makes several at a time; `OneByOne` makes each when its answer is waited for, in the order in which they were
begun, so that a run can be repeated exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

from connectors.desk import desk_here

Call: TypeAlias = Callable[[], Any]
"""One question to one app; no database is touched in it."""
Begun: TypeAlias = Future[Any]

MOST = 32
"""Threads of a slice, whatever connectors call safe."""


class Lanes(Protocol):
    def width(self, wanted: int) -> int:
        """Calls of one account that may be under way at a time, where so many are worth it."""

    def begin(self, call: Call) -> Begun:
        """Have it made."""

    def first_of(self, begun: Collection[Begun]) -> Begun:
        """One of these that has its answer, or its error."""

    def withdraw(self, begun: Begun) -> bool:
        """False where it is being made already, or was; else it never is."""


class OneByOne:
    """Nothing goes on beside anything else."""

    def __init__(self) -> None:
        self._waiting: dict[Begun, Call] = {}

    def width(self, wanted: int) -> int:
        return 1

    def begin(self, call: Call) -> Begun:
        begun: Begun = Future()
        self._waiting[begun] = call
        return begun

    def first_of(self, begun: Collection[Begun]) -> Begun:
        found = next((one for one in begun if one.done()), None) or next(one for one in self._waiting if one in begun)
        if not found.done():
            self._make(found)
        return found

    def withdraw(self, begun: Begun) -> bool:
        return self._waiting.pop(begun, None) is not None

    def _make(self, begun: Begun) -> None:
        try:
            answer = self._waiting.pop(begun)()
        except Exception as error:
            begun.set_exception(error)
        else:
            begun.set_result(answer)


class Threads:
    """Several at a time. Used from the thread that made it."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._desk = desk_here()

    def width(self, wanted: int) -> int:
        return max(1, min(wanted, MOST // 2))

    def begin(self, call: Call) -> Begun:
        begun = self._pool.submit(call)
        begun.add_done_callback(lambda _: self._desk.knock())
        return begun

    def first_of(self, begun: Collection[Begun]) -> Begun:
        return self._desk.first_of(begun)

    def withdraw(self, begun: Begun) -> bool:
        return begun.cancel()


@contextmanager
def one_by_one() -> Iterator[Lanes]:
    yield OneByOne()


@contextmanager
def threads() -> Iterator[Lanes]:
    """What is under way when the block ends is waited for; what was not begun yet never is."""
    with ThreadPoolExecutor(max_workers=MOST, thread_name_prefix="lane") as pool:
        try:
            with desk_here().attended():
                yield Threads(pool)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
