"""Associations: a reference of one side, looked at as the link that its target stands in (section 7 of the rules).

Two references are the same when their targets stand in one link of the sync of the two targets. What the targets
are across both accounts is told by a table, which is loaded by the set and handed to the rules (`Rules.knowing`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from connectors.contract import Field, FieldType, Value, Values

from .convert import Unfit
from .halves import BLANK, Carried, Half, ManyFields, OneField, is_marked, listed, primary_first
from .mapping import Side
from .values import Key, Locale, blank, key_of, text_of


class Obstacle(StrEnum):
    """Why an association is not carried across (rule 7.2). Shown to people in their language."""

    WAITING = "waiting"
    """The sync of the targets is on, and has not linked this one yet: it follows by itself."""
    NO_SYNC = "no_sync"
    """Nothing syncs the two objects that the references point to."""
    SYNC_OFF = "sync_off"
    LEFT_OUT = "left_out"
    """Its own sync leaves the record out."""
    GONE = "gone"
    """The record is deleted on one of the sides."""


class Targets(NamedTuple):
    """The resources that a mapping's references point to, one a side."""

    a: str
    b: str

    def of(self, side: Side) -> str:
        return self.a if side is Side.A else self.b


@dataclass(frozen=True, slots=True)
class Related:
    """What the target of a reference is across both accounts."""

    link: str = ""
    """Identity of its link; blank where it has no other end."""
    there: str | None = None
    """Its id on the other side; None where there is nothing that could be referred to."""
    obstacle: Obstacle | None = None
    """Why there is nothing."""


Table = Mapping[tuple[Side, str], Related]
"""(side, id of a target on it) → what it is."""
Tables = Mapping[Targets, Table]


@dataclass(frozen=True, slots=True)
class Pending:
    """An association that is not carried across for now; with the link, until that changes (rule 7.2)."""

    mapping: str
    side: Side
    """Where the reference stands."""
    target: str
    id: str
    label: str
    obstacle: Obstacle


@dataclass(frozen=True, slots=True)
class Association:
    """A reference in the form that both sides share."""

    side: Side
    id: str
    label: str | None
    link: str
    there: str | None
    obstacle: Obstacle

    @property
    def key(self) -> str:
        """Two keys are equal where the targets are linked; a target without a link is like nothing else."""
        return self.link or f"{self.side.value}:{key_of(self.id, FieldType.TEXT, Locale())}"

    def on(self, side: Side) -> str | None:
        """The id of the target on this side; None where it has none."""
        return self.id if side is self.side else self.there


class NotCarried(Unfit):
    """The other side has nothing that could be referred to (yet)."""

    def __init__(self, association: Association) -> None:
        super().__init__(association.obstacle.value)
        self.association = association


class OneReference(OneField):
    """A reference, or the first (the primary one) of several."""

    def __init__(self, field: Field, side: Side, table: Table | None = None) -> None:
        super().__init__(field, FieldType.REFERENCE, lambda value: value, self._written, Locale())
        self.side, self.table = side, table

    def knowing(self, table: Table) -> OneReference:
        return OneReference(self.field, self.side, table)

    def association(self, value: Value) -> Association:
        id_, label = text_of(value["id"]), value.get("label")
        found = (self.table or {}).get((self.side, id_)) or Related(obstacle=Obstacle.WAITING)
        return Association(self.side, id_, label, found.link, found.there, found.obstacle or Obstacle.WAITING)

    def carried(self, value: Value) -> Carried:
        if blank(value):
            return BLANK
        association = self.association(value)
        return Carried(association.key, association)

    def look(self, values: Values) -> dict[str, Carried] | None:
        """None too where nothing is known of the targets: what was not looked up is unread."""
        return None if self.table is None else super().look(values)

    def is_unmarked(self, values: Values) -> bool:
        """Several, of which the app marks none as the primary one: the first listed is taken (rule 7.3)."""
        elements = primary_first(values.get(self.field.name)) if self.many else []
        return len(elements) > 1 and not is_marked(elements[0])

    def _replaced(self, elements: list[Value], value: Value, base: Key) -> list[Value] | None:
        found = super()._replaced(elements, value, base)
        return found if value is None or found is None else marked_like(elements, found)

    def _written(self, value: Association, now: Value) -> Value:
        """Raises NotCarried where the target has no counterpart on this side."""
        id_ = value.on(self.side)
        if id_ is None:
            raise NotCarried(value)
        same = isinstance(now, dict) and now.get("id") == id_
        return now if same else {"id": id_, "label": value.label}


def unmarked_sides(halves: Mapping[Side, Half], records: Mapping[Side, Values]) -> list[Side]:
    """Sides on which the first listed of several was taken, since the app marks none as the primary one (rule 7.3)."""
    return [
        side
        for side, values in records.items()
        if isinstance(half := halves[side], OneReference) and half.is_unmarked(values)
    ]


class ManyReferences(ManyFields):
    """A list of references against another. Those whose targets are not linked stay as they are on their side."""

    def __init__(self, one: OneReference) -> None:
        super().__init__(one)
        self.reference = one

    def knowing(self, table: Table) -> ManyReferences:
        return ManyReferences(self.reference.knowing(table))

    def look(self, values: Values) -> dict[str, Carried] | None:
        return None if self.reference.table is None else super().look(values)

    def elements(self, values: Values) -> dict[str, Value]:
        return {a.key: a for a in self._associations(values) if a.link}

    def elements_against(self, values: Values, base: Key) -> dict[str, Value]:
        """Without those that nothing corresponds to on the other side, unless they were in step once."""
        held = base if isinstance(base, list) else []
        return {key: a for key, a in self.elements(values).items() if a.there is not None or key in held}

    def not_carried(self, values: Values) -> list[Association]:
        return [a for a in self._associations(values) if a.there is None]

    def _associations(self, values: Values) -> list[Association]:
        return [self.reference.association(v) for v in primary_first(values.get(self.field.name))]

    def put(self, element: str, value: Value, now: Values, base: Key) -> dict[str, Value]:
        present = [(self.reference.association(v), v) for v in listed(now.get(self.field.name)) if not blank(v)]
        own = {a.key: v for a, v in reversed(present) if a.link}
        wanted = {
            a.key: own.get(a.key) or {"id": id_, "label": a.label}
            for a in value or ()
            if (id_ := a.on(self.reference.side)) is not None
        }
        elements = list(wanted.values())
        for place, (a, v) in enumerate(present):
            if a.there is None and a.key not in wanted:
                elements.insert(min(place, len(elements)), v)
        return {self.field.name: marked_like(listed(now.get(self.field.name)), elements) or None}


def marked_like(before: list[Value], elements: list[Value]) -> list[Value]:
    """Where an app marks the primary reference of several, the first of these is the one."""
    if not any(map(is_marked, before)):
        return elements
    plain = [{name: part for name, part in e.items() if name != "primary"} for e in elements]
    return [{**e, "primary": True} if n == 0 else e for n, e in enumerate(plain)]
