"""The one thread that has the database. Others hand it what they want of it, and wait until it comes round to that.

Whoever has calls of an app made in threads of their own attends the desk of its own thread meanwhile: so the budget
of an account is asked where the connection and the workspace are, and no thread opens a connection.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, TypeVar

Found = TypeVar("Found")
Wish = tuple[Callable[[], Any], "Future[Any]"]

_own = threading.local()


class Unattended(RuntimeError):
    """Nobody is there to look anything up."""


class Desk:
    """Of the thread that makes it."""

    def __init__(self) -> None:
        self._home = threading.get_ident()
        self._wishes: SimpleQueue[Wish | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._attended = 0

    def ask(self, work: Callable[[], Found]) -> Found:
        """What `work` answers, done in the desk's own thread. Raises Unattended in another one if nobody is there."""
        if threading.get_ident() == self._home:
            return work()
        answer: Future[Found] = Future()
        with self._lock:
            if not self._attended:
                raise Unattended("Another thread than the one that opened the client asks for its budget.")
            self._wishes.put((work, answer))
        return answer.result()

    @contextmanager
    def attended(self) -> Iterator[None]:
        """In this block somebody comes round, by `first_of`. Whoever still waits at its end is sent away."""
        with self._lock:
            self._attended += 1
        try:
            yield
        finally:
            with self._lock:
                self._attended -= 1
                last = not self._attended
            while last and not self._wishes.empty():
                wish = self._wishes.get()
                if wish is not None:
                    wish[1].set_exception(Unattended("The work that this belongs to is over."))

    def knock(self) -> None:
        """There is something to look at: called from any thread."""
        self._wishes.put(None)

    def first_of(self, futures: Collection[Future[Any]]) -> Future[Any]:
        """One of these that is done; what others want is looked up until then. Each of them has to `knock`."""
        while True:
            for future in futures:
                if future.done():
                    return future
            wish = self._wishes.get()
            if wish is not None:
                _fulfil(*wish)


def _fulfil(work: Callable[[], Any], answer: Future[Any]) -> None:
    try:
        found = work()
    except Exception as error:
        answer.set_exception(error)
    else:
        answer.set_result(found)


def desk_here() -> Desk:
    """The desk of this thread."""
    desk: Desk | None = getattr(_own, "desk", None)
    if desk is None:
        desk = _own.desk = Desk()
    return desk
