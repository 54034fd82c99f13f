"""What one answer to many ambiguous records means (rule 5.8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .mapping import Side

Place = tuple[Side, str]
"""(side, id) of a record."""


@dataclass(frozen=True, slots=True, order=True)
class Age:
    """Sorts records by when they were made: by the app's own time, else in the order in which they were first seen."""

    created: str
    seen: int
    id: str

    @classmethod
    def of(cls, created: str | None, seen: int, id_: str) -> Age:
        """One whose app tells no time comes after those whose does."""
        return cls(created or "~", seen, id_)


def first_created(
    ambiguous: Mapping[Place, Sequence[str]], ages: Mapping[Place, Age], linked: Iterable[Place] = ()
) -> list[tuple[str, str]]:
    """(a, b) of those that are linked when the first created wins.

    Each record takes the oldest of its candidates, linked ones too; two that take each other are linked. What
    remains is a later double: it is for the caller to leave it out.
    """
    taken = set(linked)
    takes = {
        (side, id_): min((ages[(side.other, c)] for c in candidates if (side.other, c) in ages), default=None)
        for (side, id_), candidates in ambiguous.items()
    }
    found = []
    for (side, id_), choice in takes.items():
        if side is not Side.A or choice is None or (Side.B, choice.id) in taken:
            continue
        back = takes.get((Side.B, choice.id))
        if back is not None and back.id == id_:
            found.append((id_, choice.id))
    return sorted(found)
