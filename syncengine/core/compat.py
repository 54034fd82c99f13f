"""Which fields may be paired, which way, and as what they are compared (the table of rule 4.1)."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.contract import Field, FieldType

from .mapping import Direction, Side, Transform
from .match import PERSONS

T = FieldType

NARROW_TEXTS = frozenset({T.EMAIL, T.PHONE, T.URL})
TEXTS = frozenset({T.TEXT, T.LONG_TEXT})
SCALARS = frozenset(
    {T.EMAIL, T.PHONE, T.URL, T.INTEGER, T.NUMBER, T.MONEY, T.BOOLEAN, T.DATE, T.DATETIME, T.CHOICE, T.REFERENCE}
)
"""What may be written out as text. A reference is written as the name of what it points to."""
PARSED = frozenset({T.INTEGER, T.NUMBER, T.DATE, T.DATETIME, T.BOOLEAN, T.CHOICE})
"""What text may be read as, where a mapping names that transform."""
CHOICES = frozenset({T.CHOICE, T.MULTI_CHOICE, T.BOOLEAN})


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two fields that may be mapped."""

    common: FieldType
    """As what both are compared and carried."""
    direction: Direction
    """The widest direction that the two allow."""
    reason: str = ""
    """Why it is not two-way, in plain words; empty if it is."""


@dataclass(frozen=True, slots=True)
class Unpaired:
    """Two fields that may not be mapped, and why, in plain words."""

    reason: str


class NoWay(Unpaired):
    """The two fit, but direction and access leave no way between them: the mapping carries nothing."""


def pairing(a: Field, b: Field, transform: Transform = Transform.NONE) -> Pairing | Unpaired:
    """May these two be mapped, and which way? Types first, then what each side lets us write."""
    by_type = _by_type(a, b, transform)
    if isinstance(by_type, Unpaired):
        return by_type
    return by_access(a, b, by_type)


def by_access(a: Field, b: Field, found: Pairing) -> Pairing | Unpaired:
    """Narrow a pairing by what can be written (rule 2.2)."""
    if a.read_only and b.read_only:
        return Unpaired(f"“{a.label}” and “{b.label}” are both read-only.")
    for side, field in ((Side.A, a), (Side.B, b)):
        if not field.read_only:
            continue
        direction = found.direction.narrowed(Direction.toward(side.other))
        if direction is None:
            return Unpaired(f"“{field.label}” is read-only, and {found.reason}")
        return Pairing(found.common, direction, f"“{field.label}” is read-only.")
    return found


def _by_type(a: Field, b: Field, transform: Transform) -> Pairing | Unpaired:
    if T.ADDRESS in (a.type, b.type) and a.type is not b.type:
        return Unpaired("An address is paired with an address, or with its parts.")
    if T.OWNER in (a.type, b.type) and a.type is not b.type:
        return Unpaired("An owner is paired with an owner only.")
    if a.type is b.type is T.REFERENCE and not _correspond(a, b):
        return Unpaired("The two refer to objects of different kinds.")
    if a.type is b.type:
        return Pairing(a.type, Direction.TWO_WAY)
    two_way = _two_way_type(a.type, b.type)
    if two_way is not None:
        return Pairing(two_way, Direction.TWO_WAY)
    for side, source, text in ((Side.B, a, b), (Side.A, b, a)):
        if text.type in TEXTS and source.type in SCALARS:
            return _toward_text(side, source, transform)
    return Unpaired(f"{_name(a.type)} and {_name(b.type)} do not fit each other.")


def _correspond(a: Field, b: Field) -> bool:
    """May what these two refer to be the same thing? Where a kind is not known, a common meaning says so."""
    kinds = {a.target_kind, b.target_kind}
    if None in kinds:
        return kinds == {None} or (a.canonical is not None and a.canonical == b.canonical)
    return len(kinds) == 1 or kinds <= PERSONS


def _two_way_type(a: FieldType, b: FieldType) -> FieldType | None:
    pair = {a, b}
    if pair == TEXTS:
        return T.TEXT
    if T.TEXT in pair and pair & NARROW_TEXTS:
        return next(iter(pair & NARROW_TEXTS))
    if T.INTEGER in pair and pair & {T.NUMBER, T.MONEY}:
        return T.INTEGER
    if pair == {T.DATE, T.DATETIME}:
        return T.DATE
    if pair <= CHOICES and T.CHOICE in pair:
        return T.CHOICE
    return None


def _toward_text(side: Side, source: Field, transform: Transform) -> Pairing:
    """A choice is compared by its label, which is what the text shows; an e-mail address as what it is."""
    if transform is Transform.PARSE and source.type in PARSED:
        return Pairing(T.TEXT if source.type is T.CHOICE else source.type, Direction.TWO_WAY)
    return Pairing(
        source.type if source.type in NARROW_TEXTS else T.TEXT,
        Direction.toward(side),
        f"{_name(source.type)} can be written as text, but not read back from it.",
    )


def _name(type_: FieldType) -> str:
    return type_.value.replace("_", "-").capitalize()
