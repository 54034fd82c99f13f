"""Syncs of one kind of object form no ring of accounts: only a tree comes to rest (rule 2.4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable


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
