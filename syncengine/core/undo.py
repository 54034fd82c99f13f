"""What an undo writes, and what it leaves alone (rule 11.2).

A value goes back only where it is still the one that we wrote, compared in the mapping's normal form. Pure: rows of
the journal, both records as they were last seen and the link's memory in; the changes that take the writes back out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from connectors.contract import Resource, Value, Values, WriteKind

from .baselines import Baseline, Planned
from .mapping import Side
from .merge import Reason
from .rules import Rules
from .values import blank

RULE = "11.2"


class Left(StrEnum):
    """Why something cannot be undone. Shown to people in their language."""

    EDITED = "edited"
    """The field does not hold any more what we wrote."""
    TOUCHED = "touched"
    """Somebody has changed the record since we made it."""
    DIRECTION = "direction"
    """Nothing may be written to this side (rule 2.1)."""
    REQUIRED = "required"
    """The field must not be blank, and was before."""
    GONE = "gone"
    """The record is not there any more."""
    NO_WAY = "no_way"
    """The app takes no such write."""
    UNLINKED = "unlinked"
    """The two records are not linked any more."""
    DELETION = "deletion"
    """A deletion is not taken back: resync the record instead (rule 8.2)."""
    HELD_STILL = "held_still"
    """A person paused the record, or pinned the field (rule 9.5)."""
    BUSY = "busy"
    """It is being written at this moment."""


@dataclass(frozen=True, slots=True)
class Wrote:
    """One write of ours, as the journal has it."""

    id: int
    run: int
    kind: str
    remote_id: str
    changes: Sequence[Mapping[str, Any]]
    strands: Mapping[str, Planned]

    @property
    def open_changes(self) -> list[Mapping[str, Any]]:
        """Without what was undone before."""
        return [change for change in self.changes if not change.get("undone")]


@dataclass(frozen=True, slots=True)
class Ends:
    """Both records of a link as last seen, and what the link remembers."""

    values: Mapping[Side, Values]
    baselines: Mapping[Side, Baseline]
    notes: Mapping[str, str]
    provenance: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Undoing:
    """What takes some writes of one record back."""

    changes: tuple[Mapping[str, Any], ...]
    strands: Mapping[str, Planned]
    left: tuple[tuple[Left, Mapping[str, Any]], ...]
    """What cannot be undone: why, and the change."""


def undo_changes(rules: Rules, side: Side, wrote: Sequence[Wrote], ends: Ends, mapping: str = "") -> Undoing:
    """Take these writes to one record back, the newest first; only those of `mapping`, if one is named."""
    now = ends.values[side]
    looks = {s: rules.looks(s, ends.values[s]) for s in Side}
    last: dict[str, tuple[Wrote, Mapping[str, Any]]] = {}
    first: dict[str, Mapping[str, Any]] = {}
    for one in wrote:
        for change in one.open_changes:
            if not mapping or change["mapping"] == mapping:
                last.setdefault(change["field"], (one, change))
                first[change["field"]] = change
    changes: list[Mapping[str, Any]] = []
    left: list[tuple[Left, Mapping[str, Any]]] = []
    for name, (one, change) in last.items():
        before = first[name]["before"]
        if now.get(name) == before:
            continue  # It is back already.
        restored = {
            "field": name,
            "before": now.get(name),
            "after": before,
            "mapping": change["mapping"],
            "rule": RULE,
            "reason": Reason.UNDONE.value,
        }
        why = _why_not(rules, side, name, before, one, change, ends, looks[side])
        if why is None:
            changes.append(restored)
        else:
            left.append((why, restored))
    after = rules.looks(side, {**now, **{c["field"]: c["after"] for c in changes}})
    strands = {
        strand: Planned(looks[Side.A].get(strand), looks[Side.B].get(strand), after.get(strand))
        for strand in _strands(rules, side, (c["field"] for c in changes))
    }
    return Undoing(tuple(changes), strands, tuple(left))


def _why_not(
    rules: Rules,
    side: Side,
    name: str,
    before: Value,
    one: Wrote,
    change: Mapping[str, Any],
    ends: Ends,
    looks: Mapping[str, Any],
) -> Left | None:
    if not may_write(rules, side, change["mapping"]):
        return Left.DIRECTION
    resource = rules.resources[side]
    known = resource.field(name)
    if known is None or known.read_only or WriteKind.UPDATE not in resource.writes:
        return Left.NO_WAY
    if blank(before) and known.required:
        return Left.REQUIRED
    return None if _is_ours(rules, side, name, one, change, ends, looks) else Left.EDITED


def may_write(rules: Rules, side: Side, mapping: str) -> bool:
    """Does the direction, of the mapping where there is one, allow writing to this side?"""
    lens = rules.lenses_by_mapping.get(mapping)
    return (lens.direction if lens is not None else rules.settings.direction).allows(side)


def _is_ours(
    rules: Rules,
    side: Side,
    name: str,
    one: Wrote,
    change: Mapping[str, Any],
    ends: Ends,
    looks: Mapping[str, Any],
) -> bool:
    """Does the field still carry what we wrote, or what the app made of it?"""
    if ends.values[side].get(name) == change["after"]:
        return True
    strands = [s for s in rules.strands_of_field(side, name) if s in one.strands and s in looks]
    latest = ends.provenance.get(change["mapping"], {}).get("run") == one.run

    def as_answered(strand: str) -> bool:
        """The app keeps it in a form of its own, and nobody has changed that since."""
        rewritten = ends.notes.get(strand) == Reason.REWRITTEN
        return latest and rewritten and looks[strand] == ends.baselines[side].get(strand)

    return bool(strands) and all(looks[s] == one.strands[s].carries or as_answered(s) for s in strands)


def _strands(rules: Rules, side: Side, fields: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(strand for name in fields for strand in rules.strands_of_field(side, name)))


def way_to_remove(rules: Rules, resource: Resource, side: Side) -> WriteKind | Left:
    """How a record that we made is taken away again: archived where the app can, else deleted."""
    if not rules.settings.direction.allows(side):
        return Left.DIRECTION
    for kind in (WriteKind.ARCHIVE, WriteKind.DELETE):
        if kind in resource.writes:
            return kind
    return Left.NO_WAY


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is left of an undo just before it is sent. A field that was edited meanwhile is left alone."""

    todo: list[Mapping[str, Any]]
    back: list[Mapping[str, Any]]
    """Changes whose effect is there already."""
    strands: Mapping[str, Planned]
    """Of both."""


def still_to_undo(
    changes: Sequence[Mapping[str, Any]], strands: Mapping[str, Planned], rules: Rules, side: Side, now: Values
) -> Remaining:
    looks = rules.looks(side, now)
    todo: list[Mapping[str, Any]] = []
    back: list[Mapping[str, Any]] = []
    for change in changes:
        name = change["field"]
        own = [s for s in rules.strands_of_field(side, name) if s in strands and s in looks]
        if now.get(name) == change["after"]:
            back.append(change)
        elif now.get(name) == change["before"] or (own and all(looks[s] == strands[s].of(side) for s in own)):
            todo.append(change)
        elif own and all(looks[s] == strands[s].carries for s in own):
            back.append(change)
    kept = _strands(rules, side, (change["field"] for change in (*todo, *back)))
    return Remaining(todo, back, {s: strands[s] for s in kept if s in strands})
