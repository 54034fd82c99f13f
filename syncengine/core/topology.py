"""How syncs stand to each other: those of one kind form no ring of accounts (rule 2.4), and parents go first (7.5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from connectors.contract import Kind

PARENTS_FIRST = (
    (Kind.COMPANY,),
    (Kind.CONTACT, Kind.LEAD),
    (Kind.PRODUCT,),
    (Kind.DEAL,),
    (Kind.LINE_ITEM,),
    (Kind.INVOICE,),
    (Kind.ACTIVITY,),
)
"""In this order the syncs of an account pair run (rule 7.5)."""


def rank(kind: Kind | None) -> int:
    """The place of an object in that order; what has none there comes last, since it may refer to any of them."""
    return next((place for place, kinds in enumerate(PARENTS_FIRST) if kind in kinds), len(PARENTS_FIRST))


def path_between(start: int, end: int, edges: Iterable[tuple[int, int]]) -> list[int] | None:
    """Accounts along which `start` and `end` are connected already; None if they are not.

    A sync between the two would close that ring.
    """
    neighbours: dict[int, list[int]] = defaultdict(list)
    for x, y in edges:
        neighbours[x].append(y)
        neighbours[y].append(x)
    came_from: dict[int, int] = {start: start}
    waiting = [start]
    while waiting:
        here = waiting.pop(0)
        if here == end:
            return _path(came_from, start, end)
        for next_ in neighbours[here]:
            if next_ not in came_from:
                came_from[next_] = here
                waiting.append(next_)
    return None


def _path(came_from: dict[int, int], start: int, end: int) -> list[int]:
    path = [end]
    while path[-1] != start:
        path.append(came_from[path[-1]])
    return path[::-1]
