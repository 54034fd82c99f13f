"""What a mapping carries of a record, in a form that both sides share.

A lens looks at one mapping from both sides. It divides what it carries into *strands*, each compared and kept in
the baselines on its own: most mappings have one, an address has one for each of its parts. `look` reads the
strands of a record; `put` turns one strand's value back into fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from nameparser import HumanName

from connectors.contract import ADDRESS_PARTS, Field, FieldType, Resource, Value, Values

from .compat import CHOICES, NoWay, Pairing, Unpaired
from .convert import OptionClasses, Owners, fitting, into, label_of, options_of, out_of
from .halves import BLANK, Carried, Half, ManyFields, OneField, first_of, listed
from .mapping import Direction, FieldMapping, Side, Transform, Which, fingerprint
from .references import ManyReferences, OneReference, Table, Targets
from .transforms import SHAPES, pairing_of, shaped_halves
from .values import Key, Locale, blank, key_of, spaced, text_of

T = FieldType


class WholeAddress:
    """An address, or the first of several, by its parts."""

    def __init__(self, field: Field, parts: Sequence[str]) -> None:
        self.field, self.parts = field, tuple(parts)

    def look(self, values: Values) -> dict[str, Carried] | None:
        if self.field.name not in values:
            return None
        address = self._address(values) or {}
        return {part: carried_part(address.get(part)) for part in self.parts}

    def _address(self, values: Values) -> dict[str, Value] | None:
        value: dict[str, Value] | None = first_of(values[self.field.name])
        return value

    def put(self, element: str, value: Value, now: Values, base: Key) -> dict[str, Value]:
        address = {**dict.fromkeys(ADDRESS_PARTS), **(self._address({self.field.name: now.get(self.field.name)}) or {})}
        address[element] = value
        written = None if blank(address) else address
        if not self.field.multi_valued:
            return {self.field.name: written}
        elements = [v for v in listed(now.get(self.field.name)) if not blank(v)]
        keys = [key_of(v, T.ADDRESS, Locale()) for v in elements]
        rest = [v for v, key in zip(elements, keys, strict=True) if key != keys[0]]
        return {self.field.name: ([written] if written else []) + rest or None}


class AddressFields:
    """Street, city and so on as fields of their own."""

    def __init__(self, fields: Mapping[str, Field]) -> None:
        self.fields = fields

    def look(self, values: Values) -> dict[str, Carried] | None:
        if any(field.name not in values for field in self.fields.values()):
            return None
        return {part: carried_part(values[field.name]) for part, field in self.fields.items()}

    def put(self, element: str, value: Value, now: Values, base: Key) -> dict[str, Value]:
        field = self.fields[element]
        return {field.name: None if value is None else fitting(field, value)}


class NameParts:
    """First and last name, carried as one full name (rule 4.4)."""

    def __init__(self, first: Field, last: Field, locale: Locale) -> None:
        self.first, self.last, self.locale = first, last, locale

    def look(self, values: Values) -> dict[str, Carried] | None:
        if self.first.name not in values or self.last.name not in values:
            return None
        full = spaced(f"{text_of(values[self.first.name] or '')} {text_of(values[self.last.name] or '')}")
        return {"": Carried(key_of(full, T.TEXT, self.locale), full) if full else BLANK}

    def put(self, element: str, value: Value, now: Values, base: Key) -> dict[str, Value]:
        """Only the part that changed is written, as far as the old parts still show in the new name."""
        if value is None:
            return {self.first.name: None, self.last.name: None}
        full = spaced(text_of(value))
        first, last = self._part(now, self.first), self._part(now, self.last)
        new_first, new_last = _divided(full, first, last)
        changed = {self.first.name: new_first or None, self.last.name: new_last or None}
        for part, old, new in ((self.first, first, new_first), (self.last, last, new_last)):
            if new == old:
                del changed[part.name]
            elif new:
                changed[part.name] = fitting(part, new)
        return changed

    @staticmethod
    def _part(now: Values, field: Field) -> str:
        return spaced(text_of(now.get(field.name) or ""))


def _divided(full: str, first: str, last: str) -> tuple[str, str]:
    """The new name in two, by the old parts where they still show: what stands between them is a given name."""
    if last and full.endswith(f" {last}"):
        return full[: -len(last) - 1], last
    if first and full.startswith(f"{first} "):
        return first, full[len(first) + 1 :]
    if full in (first, last):
        return (first, "") if full == first else ("", last)
    return split_name(full)


class WholeName(OneField):
    """One full name, compared without regard to the white space between its parts."""

    def carried(self, value: Value) -> Carried:
        if blank(value):
            return BLANK
        full = spaced(text_of(value))
        return Carried(key_of(full, T.TEXT, self.locale), full)


def split_name(full: str) -> tuple[str, str]:
    """(given names, family name); a single word is a given name. Nothing of the name is lost."""
    if " " not in full:
        return full, ""
    name = HumanName(full)
    first = spaced(f"{name.title} {name.first} {name.middle}")
    last = spaced(f"{name.last} {name.suffix}")
    if spaced(f"{first} {last}") == full or "," in full:
        return (first, last) if first or last else (full, "")
    given, _, family = full.rpartition(" ")  # A nickname in quotes, an emoji: what the parser leaves out.
    return (given, family) if given else (full, "")


NOWHERE = Locale()
"""Where a value alone tells what it is."""


def carried_part(value: Value) -> Carried:
    """One part of an address: text, compared with single spaces."""
    if blank(value):
        return BLANK
    text = text_of(value)
    return Carried(key_of(spaced(text), T.TEXT, NOWHERE), text)


KeyAt = Callable[[Value], Key]


class Plain(NamedTuple):
    """One mapping of one single value each, as far as it takes to see that nothing has changed."""

    lens: Lens
    strand: str
    a: str
    """The field of side A."""
    key_a: KeyAt
    b: str
    key_b: KeyAt
    keeps_text: bool
    """A text that equals its key in the baseline has no other key (`OneField.keeps_text`)."""


@dataclass(frozen=True, slots=True)
class Lens:
    """One mapping, ready to look through from both sides."""

    mapping: FieldMapping
    direction: Direction
    """Of the mapping within its sync, as far as the fields allow."""
    halves: Mapping[Side, Half]
    elements: tuple[str, ...]
    is_set: bool
    tells_blank: Mapping[Side, bool]
    fingerprint: str
    """Changes with everything that gives keys another meaning: types, option map, transform, fields."""
    definition: str = ""
    """Changes with what its fields take: options, length, whether they are required (rule 4.5)."""
    targets: Targets | None = None
    """Of an association: what its references point to. It carries nothing until it knows of them (`knowing`)."""

    _strands: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def knowing(self, table: Table) -> Lens:
        """An association that knows what its targets are across both accounts."""
        known = {
            side: h.knowing(table) for side, h in self.halves.items() if isinstance(h, OneReference | ManyReferences)
        }
        return replace(self, halves=known)

    def strand(self, element: str) -> str:
        """The name under which this element stands in a baseline."""
        known = self._strands.get(element)
        if known is None:
            head = f"{self.mapping.id}#{self.fingerprint}"
            known = self._strands[element] = f"{head}.{element}" if element else head
        return known

    def plain(self) -> Plain | None:
        """The same for a mapping of one single value each; None for all others."""
        a, b = self.halves[Side.A], self.halves[Side.B]
        if self.is_set or not isinstance(a, OneField) or not isinstance(b, OneField) or a.many or b.many:
            return None
        standing = a.keeps_text and b.keeps_text
        return Plain(self, self.strand(""), a.field.name, a.key_at, b.field.name, b.key_at, standing)

    def look(self, side: Side, values: Values) -> dict[str, Carried] | None:
        seen = self.halves[side].look(values)
        return None if seen is None else {e: seen[e] for e in self.elements}

    def field_names(self, side: Side) -> tuple[str, ...]:
        return self.mapping.fields(side)


def grind(mapping: FieldMapping, direction: Direction, a: Resource, b: Resource, locale: Locale) -> Lens | Unpaired:
    """The lens of a mapping within a sync of this direction, or why there can be none."""
    fields: dict[Side, list[Field]] = {Side.A: [], Side.B: []}
    for side, resource in ((Side.A, a), (Side.B, b)):
        for name in mapping.fields(side):
            field = resource.field(name)
            if field is None:
                return Unpaired(f"{resource.label} has no field “{name}” any more.")
            fields[side].append(field)
    if not fields[Side.A] or not fields[Side.B]:
        return Unpaired("A constant is written on creation only; nothing is compared.")
    made = _halves(mapping, fields[Side.A], fields[Side.B], locale)
    if isinstance(made, Unpaired):
        return made
    halves, elements, is_set, widest, common = made
    narrowed = direction.narrowed(mapping.direction)
    allowed = narrowed.narrowed(widest) if narrowed else None
    if allowed is None:
        return NoWay("The direction of this mapping, of its sync and of its fields exclude each other.")
    print_ = fingerprint(
        mapping.a,
        mapping.b,
        mapping.transform,
        mapping.argument,
        mapping.shaped if mapping.transform in SHAPES else "",
        mapping.options,
        common,
        locale.zone if common is T.DATE else "",
        is_set,
    )[:6]
    tells = {side: all(f.tells_blank for f in fields[side]) for side in Side}
    targets = _targets(fields[Side.A][0], fields[Side.B][0]) if common is T.REFERENCE else None
    taken = [
        (f.name, f.type, f.max_length, f.required, f.multi_valued, f.options) for fs in fields.values() for f in fs
    ]
    return Lens(mapping, allowed, halves, elements, is_set, tells, print_, fingerprint(taken), targets)


def _targets(a: Field, b: Field) -> Targets:
    return Targets(a.target or "", b.target or "")


_Made = tuple[dict[Side, Half], tuple[str, ...], bool, Direction, FieldType]


def _halves(mapping: FieldMapping, a: list[Field], b: list[Field], locale: Locale) -> _Made | Unpaired:
    if mapping.transform is Transform.NAME:
        return _name_halves(a, b, locale)
    addresses = a[0].type is b[0].type is T.ADDRESS
    if mapping.transform is Transform.ADDRESS or (addresses and not (a[0].multi_valued and b[0].multi_valued)):
        return _address_halves(a, b)
    if len(a) != 1 or len(b) != 1:
        return Unpaired("Several fields are paired with one by a transform that joins and splits them.")
    return _single_halves(mapping, a[0], b[0], locale)


def _single_halves(mapping: FieldMapping, a: Field, b: Field, locale: Locale) -> _Made | Unpaired:
    found = pairing_of(a, b, mapping)
    if isinstance(found, Unpaired):
        return found
    if found.common is T.REFERENCE:
        return _reference_halves(mapping, a, b, found)
    convert = shaped_halves if mapping.transform in SHAPES else _converted
    ones = convert(mapping, a, b, found, locale)
    is_set = all(one.many for one in ones.values())
    if is_set:
        lists: dict[Side, Half] = {side: ManyFields(one) for side, one in ones.items()}
        return lists, ("", ManyFields.PRIMARY), True, found.direction, found.common
    return dict(ones), ("",), False, found.direction, found.common


def _reference_halves(mapping: FieldMapping, a: Field, b: Field, found: Pairing) -> _Made:
    """All of several where both sides can hold them and the mapping says so, else the primary one (rule 7.3)."""
    ones = {side: OneReference(field, side) for side, field in ((Side.A, a), (Side.B, b))}
    if mapping.which is Which.ALL and all(one.many for one in ones.values()):
        lists: dict[Side, Half] = {side: ManyReferences(one) for side, one in ones.items()}
        return lists, ("", ManyFields.PRIMARY), True, found.direction, found.common
    return dict(ones), ("",), False, found.direction, found.common


def _converted(mapping: FieldMapping, a: Field, b: Field, found: Pairing, locale: Locale) -> dict[Side, OneField]:
    sides = ((Side.A, a), (Side.B, b))
    if found.common is T.OWNER:
        owners = Owners(a, b, mapping)
        return {s: OneField(f, T.TEXT, owners.into(s), owners.out_of(s, f), locale) for s, f in sides}
    by_map = mapping.options and T.CHOICE in (a.type, b.type)
    if by_map or (found.common in CHOICES and options_of(a) and options_of(b)):
        classes = OptionClasses(a, b, mapping.options)
        return {s: OneField(f, T.TEXT, classes.into(s), classes.out_of(s, f), locale) for s, f in sides}
    if found.common is T.TEXT and T.CHOICE in (a.type, b.type):
        label = label_of(a if a.type is T.CHOICE else b)
        return {s: OneField(f, T.TEXT, label, out_of(f, T.TEXT, locale), locale) for s, f in sides}
    return {
        s: OneField(f, found.common, into(f, found.common, locale), out_of(f, found.common, locale), locale)
        for s, f in sides
    }


def _name_halves(a: list[Field], b: list[Field], locale: Locale) -> _Made | Unpaired:
    if {len(a), len(b)} != {1, 2}:
        return Unpaired("A name is split into two fields: first name and last name.")
    halves: dict[Side, Half] = {}
    for side, fields in ((Side.A, a), (Side.B, b)):
        if not all(_one_text(f) for f in fields):
            return Unpaired("A name is joined from text fields, and split into them.")
        if len(fields) == 2:
            halves[side] = NameParts(fields[0], fields[1], locale)
        else:
            f = fields[0]
            halves[side] = WholeName(f, T.TEXT, into(f, T.TEXT, locale), out_of(f, T.TEXT, locale), locale)
    widest = _writable(a, b)
    return widest if isinstance(widest, Unpaired) else (halves, ("",), False, widest, T.TEXT)


def _address_halves(a: list[Field], b: list[Field]) -> _Made | Unpaired:
    parts: dict[Side, tuple[str, ...]] = {}
    for side, fields in ((Side.A, a), (Side.B, b)):
        if len(fields) == 1 and fields[0].type is T.ADDRESS:
            parts[side] = ADDRESS_PARTS
        elif all(f.canonical in ADDRESS_PARTS and _one_text(f) for f in fields):
            parts[side] = tuple(str(f.canonical) for f in fields)
        else:
            return Unpaired("An address is paired with an address, or with text fields that stand for its parts.")
    shared = tuple(p for p in ADDRESS_PARTS if p in parts[Side.A] and p in parts[Side.B])
    if not shared:
        return Unpaired("The two sides have no part of an address in common.")
    halves: dict[Side, Half] = {}
    for side, fields in ((Side.A, a), (Side.B, b)):
        if fields[0].type is T.ADDRESS:
            halves[side] = WholeAddress(fields[0], shared)
        else:
            halves[side] = AddressFields({str(f.canonical): f for f in fields if f.canonical in shared})
    widest = _writable(a, b)
    return widest if isinstance(widest, Unpaired) else (halves, shared, False, widest, T.ADDRESS)


def _one_text(field: Field) -> bool:
    return field.type in (T.TEXT, T.LONG_TEXT) and not field.multi_valued


def _writable(a: list[Field], b: list[Field]) -> Direction | Unpaired:
    to_a, to_b = not any(f.read_only for f in a), not any(f.read_only for f in b)
    return Direction.of(to_a=to_a, to_b=to_b) or Unpaired("Both sides are read-only.")
