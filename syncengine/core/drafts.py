"""What planning is given of a link, and what comes out of it: values without behaviour of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.contract import Refusal, Value, WriteKind

from .baselines import Baseline, Planned
from .mapping import Side
from .merge import Base, Reason
from .references import Pending
from .states import FailureClass
from .values import Key


@dataclass(frozen=True, slots=True)
class Parked:
    """A strand whose value the other side refused: left alone until either key changes (rule 4.5)."""

    reason: Refusal | FailureClass
    """Ours, or the class of what the app answered."""
    message: str
    a: Key
    b: Key
    definition: str = ""
    """Of the mapping's fields, when it was refused: once they take something else, it is tried again."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that an operation writes."""

    field: str
    before: Value
    after: Value
    mapping: str
    rule: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class Draft:
    """One record to write on one side: an operation before it has a row."""

    side: Side
    kind: WriteKind
    changes: tuple[FieldChange, ...]
    strands: Mapping[str, Planned]

    @property
    def values(self) -> dict[str, Value]:
        return {c.field: c.after for c in self.changes}


@dataclass(frozen=True, slots=True)
class LinkPlan:
    """Everything that follows from looking at one link."""

    drafts: tuple[Draft, ...] = ()
    baselines: Mapping[Side, Mapping[str, Key]] = field(default_factory=dict)
    """Keys that baselines take at once, because nothing has to be written for them."""
    notes: Mapping[str, Reason] = field(default_factory=dict)
    """Strands that differ and stay so, with the reason (rule 3.8)."""
    settled: frozenset[str] = frozenset()
    """Strands whose two sides are equal: an older note on them is over. One that is to be written keeps its note
    until it is (`note_after`)."""
    parked: Mapping[str, Parked] = field(default_factory=dict)
    pending: tuple[Pending, ...] = ()
    """Associations that are not carried for now: nothing is remembered of them but that (rule 7.2)."""


@dataclass(frozen=True, slots=True)
class CreationRefused:
    """A creation that cannot be sent (rule 4.7)."""

    reason: Refusal
    message: str
    field: str | None = None
    pending: tuple[Pending, ...] = ()
    waits: bool = False
    """What is missing is an association that follows by itself (rule 7.2)."""


@dataclass(frozen=True, slots=True)
class LinkMemory:
    """What a link remembers."""

    a: Baseline = field(default_factory=dict)
    b: Baseline = field(default_factory=dict)
    parked: Mapping[str, Parked] = field(default_factory=dict)
    pins: Mapping[Side, frozenset[str]] = field(default_factory=dict)
    """Fields of each side to which nothing is written now (rule 9.5)."""
    provenance: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Mapping id → where its present value came from, where we wrote it: {side, …}."""
    frozen: Mapping[str, Side] = field(default_factory=dict)
    """Mapping id → the side to which one more write would be a turn too many (rule 4.5)."""

    def origin(self, mapping: str) -> Side | None:
        """The side that the mapping's present value came from."""
        told = self.provenance.get(mapping)
        return Side(told["side"]) if told else None

    made_at: datetime | None = None
    """When the link was made; None where that does not matter."""

    def is_older_than(self, moment: str) -> bool:
        """Was the link there at this time (ISO form, blank for ever)?"""
        return not moment or self.made_at is None or self.made_at < datetime.fromisoformat(moment)

    @property
    def is_new(self) -> bool:
        """Nothing of the two was ever compared."""
        return not self.a or not self.b

    def base(self, strand: str) -> Base | None:
        """None unless both sides were compared before: then it is a first comparison."""
        if strand not in self.a or strand not in self.b:
            return None
        return Base(self.a[strand], self.b[strand])

    def is_pinned(self, side: Side, fields: Iterable[str]) -> bool:
        """Would writing these fields touch a pinned one?"""
        return not self.pins.get(side, frozenset()).isdisjoint(fields)
