"""What a link remembers of its two records, and what it remembers once one of them was written (rule 3.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from .mapping import Side
from .merge import Base, Reason
from .values import Key

Baseline = Mapping[str, Key]
"""Strand → key: what one side of a link looked like when it was last in step."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What a written strand looked like on both sides when it was planned; what it will carry once written."""

    a: Key
    b: Key
    carries: Key
    base: Base | None = None
    """Only for a list (and its primary element) that is written on both sides at once: the baselines when it was
    planned."""

    def of(self, side: Side) -> Key:
        return self.a if side is Side.A else self.b


def is_former(strand: str, present: str) -> bool:
    """Is `strand` the same part of the same mapping as `present`, in an earlier form of it (rule 4.6)?"""
    (mapping, _, rest), (same, _, now) = strand.rpartition("#"), present.rpartition("#")
    (print_, _, element), (current, _, part) = rest.partition("."), now.partition(".")
    return mapping == same and element == part and print_ != current


def list_key(keys: Iterable[str]) -> Key:
    """The key of a whole list: its elements' keys in order; None for none."""
    return sorted(keys) or None


def as_list(key: Key) -> list[str]:
    """The elements' keys of a list's key."""
    return key if isinstance(key, list) else []


def baselines_after(planned: Planned, side: Side, answered: Key, now: Base | None) -> tuple[Key, Key]:
    """Both baselines of a strand after it was written on `side` and the app answered (rule 3.7).

    The written side takes what the app answered or reads back, however it reformatted it; the other takes what
    was planned against, so that an edit made there meanwhile still counts as one.
    A list that is written on both sides moves element by element: what this write carried is settled, what the
    other write still has to carry is not, in whichever order they end, or if one never does.
    """
    if planned.base is None:
        other = planned.of(side.other)
        return (answered, other) if side is Side.A else (other, answered)
    if isinstance(planned.carries, str):
        return _primary_after(planned, side, answered, now)
    held = {s: set(as_list(now.of(s))) if now else set() for s in Side}
    seen = {s: set(as_list(planned.of(s))) for s in Side}
    old = {s: set(as_list(planned.base.of(s))) for s in Side}
    both, got, other_side = seen[Side.A] & seen[Side.B], set(as_list(answered)), side.other
    held[side] = (held[side] | both | (got - seen[side])) - (seen[side] - got)
    added, removed = seen[other_side] - old[other_side], old[other_side] - seen[other_side]
    held[other_side] = (held[other_side] | both | added) - removed
    return sorted(held[Side.A]) or None, sorted(held[Side.B]) or None


def is_ignored(planned: Planned, side: Side, answered: Key) -> bool:
    """The app said yes, and holds what it held before. A value that it only writes in its own way does not count:
    in another case, with other signs, cut or rounded."""
    if planned.base is not None or planned.carries is None:
        return False
    return answered == planned.of(side) and answered != planned.carries and not _alike(planned.carries, answered)


def is_rewritten(planned: Planned, answered: Key) -> bool:
    """The app holds what was written in a form of its own."""
    return planned.base is None and planned.carries not in (None, answered) and _alike(planned.carries, answered)


def _alike(wanted: Key, held: Key) -> bool:
    if not isinstance(wanted, str) or not isinstance(held, str):
        return False
    a, b = ("".join(c for c in text.casefold() if c.isalnum()) for text in (wanted, held))
    if a.startswith(b) and b:
        return True
    try:
        return abs(Decimal(wanted) - Decimal(held)) < 1
    except ArithmeticError:
        return False


def note_after(planned: Planned, side: Side, answered: Key, known: Reason | None) -> Reason | None:
    """Why the two sides of a strand differ once it was written on `side` (rule 3.8); None if they do not.

    `known` is the reason that stands with the link: of a default, or of a list that was only merged in part.
    """
    if answered == planned.of(side.other):
        return None
    return known if answered == planned.carries else Reason.REWRITTEN


def _primary_after(planned: Planned, side: Side, answered: Key, now: Base | None) -> tuple[Key, Key]:
    """The primary element of a list that is written on both sides: settled by the write that brings it over."""
    held: dict[Side, Key] = {s: now.of(s) if now else None for s in Side}
    if planned.of(side.other) == planned.carries:
        held = {side: answered, side.other: planned.of(side.other)}
    elif answered != planned.of(side):
        held[side] = answered
    return held[Side.A], held[Side.B]
