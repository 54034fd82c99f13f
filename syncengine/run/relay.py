"""Both sides written at once: while one app is busy with a batch, the other one is asked, too.

A side's work is a generator that hands out what is to be asked of its app, and gets the answer back. So everything
else it does, above all with the database, happens in the one thread that drives it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, TypeAlias, TypeVar

End = TypeVar("End")
Call: TypeAlias = Callable[[], Any]
"""One question to one app; no database is touched in it."""
Steps: TypeAlias = Generator[Call, Any, End]


def alone(steps: Steps[End]) -> End:
    """Do all of these steps, one after another."""
    try:
        call = next(steps)
        while True:
            try:
                answer = call()
            except Exception as error:
                call = steps.throw(error)
            else:
                call = steps.send(answer)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


def together(sides: Sequence[Steps[End]], *, halt: Callable[[], None]) -> list[End]:
    """Do the steps of all sides, with one call of each under way. Answers what each returned, in their order.

    Where one raises, `halt` is called, so that the others end as soon as what they have in hand is stored; then the
    first error is raised.
    """
    ends: dict[int, End] = {}
    errors: list[Exception] = []
    under_way: dict[Future[Any], int] = {}
    with ThreadPoolExecutor(max_workers=len(sides)) as pool:

        def go_on(side: int, advance: Callable[[], Call]) -> None:
            try:
                under_way[pool.submit(advance())] = side
            except StopIteration as end:
                ends[side] = end.value
            except Exception as error:
                errors.append(error)
                halt()

        for side, steps in enumerate(sides):
            go_on(side, lambda steps=steps: next(steps))
        while under_way:
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                side = under_way.pop(future)
                go_on(side, _answer(sides[side], future))
    if errors:
        raise errors[0]
    return [ends[side] for side in range(len(sides))]


def _answer(steps: Steps[End], future: Future[Any]) -> Callable[[], Call]:
    error = future.exception()
    if error is None:
        return lambda: steps.send(future.result())
    if not isinstance(error, Exception):
        raise error
    return lambda: steps.throw(error)
