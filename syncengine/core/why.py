"""Where each value of a record came from (rule 11.3), from what the link itself remembers.

`tell` makes the entry that a write leaves with its link; `explain` reads a link's entries, baselines and notes
against what both sides hold now. Pure: the journal is not asked, so it may be gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from .baselines import Baseline, Planned, as_list
from .lens import Lens
from .mapping import Direction, Side
from .merge import Reason
from .values import Key

Entry = dict[str, Any]
"""{side, at, run, rule, reason, before} of a mapping's last write: `side` is where the value came from, `before` what
it replaced. With `fields` (field → what it replaced) where several were written, and `elements` (key → {side, at,
run}) of a list."""


class Origin(StrEnum):
    """How a value came to where it is."""

    CARRIED = "carried"
    """We brought it from the other side."""
    ENTERED = "entered"
    """It was entered here, and went from here to the other side."""
    EDITED = "edited"
    """It was edited here since the two were last in step, or last compared."""
    RESTORED = "restored"
    """A person had our write undone, and this value was put back."""
    SUPPLIED = "supplied"
    """A default or constant of the mapping."""
    FOUND = "found"
    """It was there when the two sides were compared for the first time."""


@dataclass(frozen=True, slots=True)
class Told:
    """Where the value of one mapping on one side came from."""

    origin: Origin
    entry: Mapping[str, Any] = field(default_factory=dict)
    """Of the write that it tells of; empty where nothing was written."""


def tell(
    changes: Sequence[Mapping[str, Any]],
    strands: Mapping[str, Planned],
    lenses: Mapping[str, Lens],
    known: Mapping[str, Entry],
    *,
    side: Side,
    at: str,
    run: int,
) -> dict[str, Entry]:
    """All entries of a link after these changes were written to `side`. `lenses`: by mapping."""
    entries = dict(known)
    written: dict[str, list[Mapping[str, Any]]] = {}
    for change in changes:
        written.setdefault(change["mapping"], []).append(change)
    for mapping, some in written.items():
        entry: Entry = {
            "side": side.other.value,
            "at": at,
            "run": run,
            "rule": some[0]["rule"],
            "reason": some[0]["reason"],
            "before": some[0]["before"],
        }
        if len(some) > 1:
            entry["fields"] = {change["field"]: change["before"] for change in some}
        lens = lenses.get(mapping)
        planned = strands.get(lens.strand("")) if lens is not None and lens.is_set else None
        if planned is not None:
            entry["elements"] = _elements(planned, known.get(mapping, {}), entry, side)
        entries[mapping] = entry
    return entries


def _elements(planned: Planned, known: Mapping[str, Any], entry: Entry, side: Side) -> dict[str, Any]:
    """Of each element that was brought over: from where, when and by which run."""
    before = set(as_list(planned.of(side)))
    older = known.get("elements", {})
    here = {name: entry[name] for name in ("side", "at", "run")}
    return {
        key: older[key] if key in before else here
        for key in as_list(planned.carries)
        if key not in before or key in older
    }


def explain(
    lens: Lens | None,
    entry: Mapping[str, Any],
    looks: Mapping[Side, Mapping[str, Key]],
    bases: Mapping[Side, Baseline],
    notes: Mapping[str, str],
) -> dict[Side, Told]:
    """Of each side that was read: where what one mapping carries came from. `looks`: strand → key as it is now.

    A mapping that carries nothing now (`lens` is None) tells only of what was written.
    """
    found: dict[Side, Told] = {}
    for side in Side:
        if lens is None:
            if entry and entry.get("side") == side.other.value:
                found[side] = Told(_of_write(entry), entry)
            continue
        strands = [lens.strand(element) for element in lens.elements]
        now = looks.get(side, {})
        if not any(strand in now for strand in strands):
            continue
        compared = [strand for strand in strands if strand in bases[side]]
        if _was_edited(side, lens, compared, now, bases[side], notes):
            found[side] = Told(Origin.EDITED)
        elif entry and entry.get("side") == side.other.value:
            found[side] = Told(_of_write(entry), entry)
        elif entry and entry.get("reason") != Reason.UNDONE:
            found[side] = Told(Origin.ENTERED, entry)
        elif compared:
            found[side] = Told(Origin.FOUND)
    return found


def _of_write(entry: Mapping[str, Any]) -> Origin:
    special = {Reason.UNDONE.value: Origin.RESTORED, Reason.DEFAULT.value: Origin.SUPPLIED}
    return special.get(str(entry.get("reason")), Origin.CARRIED)


def _was_edited(
    side: Side, lens: Lens, compared: Sequence[str], now: Mapping[str, Key], base: Baseline, notes: Mapping[str, str]
) -> bool:
    """It differs from the baseline; or the note says that what differs was done on this side."""
    if any(now.get(strand) != base[strand] for strand in compared):
        return True
    said = {notes[strand] for strand in compared if strand in notes}
    if Reason.RECEIVER_EDIT in said:
        return lens.direction is (Direction.A_TO_B if side is Side.B else Direction.B_TO_A)
    return Reason.CLEAR_KEPT in said and any(
        notes.get(strand) == Reason.CLEAR_KEPT and now.get(strand) is None for strand in compared
    )
