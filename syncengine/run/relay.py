"""Several pieces of work at once: while one waits for its app, others are gone on with.

A piece of work is a generator that hands out what is to be asked of its app, and gets the answer back. So everything
else it does, above all with the database, happens in the one thread that drives it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from connectors.contract import RateLimited

from .lanes import Begun, Call, Lanes

End = TypeVar("End")
Steps: TypeAlias = Generator[Call | Begun, Any, End]
"""Hands out calls, or what was begun already."""


@dataclass(slots=True)
class Line:
    """Pieces of work on one account, each begun when there is room for it."""

    pieces: Iterator[Steps[None]]
    width: Callable[[], int] = lambda: 1
    """Pieces that may be under way now."""
    expect: Callable[[], None] = lambda: None
    """A call is about to be begun."""
    under_way: int = 0
    ended: bool = False


def alone(steps: Steps[End], lanes: Lanes | None = None) -> End:
    """Do all of these steps, one after another. `lanes`: where what was begun is waited for."""
    try:
        asked = next(steps)
        while True:
            try:
                if isinstance(asked, Future):
                    assert lanes is not None
                    answer = lanes.first_of([asked]).result()
                else:
                    answer = asked()
            except Exception as error:
                asked = steps.throw(error)
            else:
                asked = steps.send(answer)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def together(lines: Sequence[Line], lanes: Lanes, *, halt: Callable[[], None]) -> None:
    """Do the pieces of all lines, of each as many at a time as it has room for, with one call of each under way.

    Where one raises, `halt` is called, no other is begun, and calls that are not being made yet are told RateLimited,
    so that the rest ends as soon as what they have in hand is stored; then the first error is raised.
    """
    errors: list[Exception] = []
    under_way: dict[Begun, tuple[Line, Steps[None]]] = {}

    def go_on(line: Line, steps: Steps[None], advance: Callable[[], Call | Begun]) -> None:
        try:
            asked = advance()
        except StopIteration:
            line.under_way -= 1
        except Exception as error:
            line.under_way -= 1
            errors.append(error)
            halt()
        else:
            if not isinstance(asked, Future):
                line.expect()
                asked = lanes.begin(asked)
            under_way[asked] = (line, steps)

    def fill(line: Line) -> None:
        while not line.ended and not errors and line.under_way < line.width():
            try:
                steps = next(line.pieces)
            except StopIteration:
                line.ended = True
                return
            except Exception as error:
                errors.append(error)
                halt()
                return
            line.under_way += 1
            go_on(line, steps, lambda steps=steps: next(steps))  # type: ignore[misc]

    def withdraw() -> None:
        for begun in list(under_way):
            if lanes.withdraw(begun):
                line, steps = under_way.pop(begun)
                go_on(line, steps, lambda steps=steps: steps.throw(RateLimited("It was not begun.")))  # type: ignore[misc]

    for line in lines:
        fill(line)
    while under_way:
        if errors:
            withdraw()
            if not under_way:
                break
        done = lanes.first_of(under_way.keys())
        line, steps = under_way.pop(done)
        go_on(line, steps, _answer(steps, done))
        for one in lines:
            fill(one)
    if errors:
        raise errors[0]


def _answer(steps: Steps[None], begun: Begun) -> Callable[[], Call | Begun]:
    error = begun.exception()
    if error is None:
        return lambda: steps.send(begun.result())
    if not isinstance(error, Exception):
        raise error
    return lambda: steps.throw(error)
