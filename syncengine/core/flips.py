"""A field that two sides write by turns, as two automatic rules do that undo each other (rule 4.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .mapping import Side

WINDOW = timedelta(minutes=10)
MOST = 3
"""Turns within the window; one more, and the field is left alone."""


@dataclass(frozen=True, slots=True)
class Wrote:
    """A write of ours to one side."""

    at: datetime
    to: Side


def turns_after(known: Sequence[Wrote], last: Wrote | None, new: Wrote, planned_at: datetime) -> tuple[Wrote, ...]:
    """The writes by turns within the window, the oldest first, once `new` was made; empty where there are none.

    `last` is the write before it. Two that were planned together (a list merged on both sides) are no turn.
    """
    recent = tuple(w for w in known if new.at - w.at <= WINDOW)
    if not recent and last is not None and new.at - last.at <= WINDOW:
        recent = (last,)
    if not recent or recent[-1].to is new.to or planned_at <= recent[-1].at:
        return recent if len(recent) > 1 else ()
    return (*recent, new)


def frozen_side(known: Sequence[Wrote], now: datetime) -> Side | None:
    """The side to which one more write would be a turn too many."""
    recent = [w for w in known if now - w.at <= WINDOW]
    return recent[-1].to.other if len(recent) > MOST else None
