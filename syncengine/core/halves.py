"""One side of a mapping: a single field, and a list of values, turned into what both sides share and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from connectors.contract import Field, FieldType, Value, Values

from .convert import Convert, ConvertBack, as_it_is
from .values import Key, Locale, blank, key_of, keying

T = FieldType


@dataclass(frozen=True, slots=True)
class Carried:
    """One strand of one record: what is compared, and what would be written."""

    key: Key
    value: Value


BLANK = Carried(None, None)


class Half(Protocol):
    """One side of a lens."""

    def look(self, values: Values) -> dict[str, Carried] | None:
        """Element → what it carries; None if a field was not read."""

    def put(self, element: str, value: Value, now: Values, base: Key) -> dict[str, Value]:
        """Field → what to write so that the element carries `value` (None clears it).

        `now` is the record as last read, with what was already decided; `base` is the baseline's key.
        Raises Unfit.
        """


class OneField:
    """One field, single or the first element of several (rule 4.4)."""

    def __init__(
        self,
        field: Field,
        common: FieldType,
        to: Convert,
        back: ConvertBack,
        locale: Locale,
        fold: Convert | None = None,
    ) -> None:
        self.field, self.common, self.to, self.back, self.locale = field, common, to, back, locale
        self.fold = fold
        """From the common form to the one that is compared, where a transform has one of its own."""
        self.many = field.multi_valued or field.type is T.MULTI_CHOICE
        plainly = to is as_it_is and fold is None and type(self).carried is OneField.carried
        self.key_at: Callable[[Value], Key] = keying(common, locale) if plainly else self._key_at
        """The key of a value in wire form; the short way to `carried` where only that is asked."""
        self.keeps_text = plainly and common in (T.TEXT, T.LONG_TEXT)
        """A key of a text is its own key: it is the text without white space around it, or a hash of it."""

    def _key_at(self, value: Value) -> Key:
        return self.carried(value).key

    def carried(self, value: Value) -> Carried:
        if blank(value):
            return BLANK
        common = self.to(value)
        key = self.key(common)
        return BLANK if key is None else Carried(key, common)

    def key(self, common: Value) -> str | None:
        """The key of a value in common form."""
        return key_of(common if self.fold is None else self.fold(common), self.common, self.locale)

    def look(self, values: Values) -> dict[str, Carried] | None:
        if self.field.name not in values:
            return None
        value = values[self.field.name]
        return {"": self.carried(first_of(value) if self.many else value)}

    def put(self, element: str, value: Value, now: Values, base: Key) -> dict[str, Value]:
        present = now.get(self.field.name)
        if not self.many:
            return {self.field.name: None if value is None else self.back(value, present)}
        return {self.field.name: self._replaced(listed(present), value, base)}

    def _replaced(self, elements: list[Value], value: Value, base: Key) -> list[Value] | None:
        """The element that the baseline holds (and every copy of it) gives way to `value`; the rest stays."""
        keyed = [(self.carried(e).key, e) for e in elements if not blank(e)]
        old = next((e for key, e in keyed if key == base), None)
        if value is None:
            gone = base if old is not None or not keyed else keyed[0][0]
            return [e for key, e in keyed if key != gone] or None
        new = self.back(value, old)
        new_key = self.carried(new).key
        return [new, *(e for key, e in keyed if key not in (base, new_key))]


class ManyFields:
    """A list against a list, merged element by element (rule 3.11)."""

    PRIMARY = "primary"

    def __init__(self, one: OneField) -> None:
        self.one = one
        self.field = one.field

    def look(self, values: Values) -> dict[str, Carried] | None:
        if self.field.name not in values:
            return None
        elements = self.elements(values)
        keys = sorted(elements)
        primary = next(iter(elements), None)
        return {
            "": Carried(keys or None, list(elements.values())),
            self.PRIMARY: Carried(primary, elements[primary]) if primary else BLANK,
        }

    def elements(self, values: Values) -> dict[str, Value]:
        """Key → value in common form, in the order of the field."""
        found: dict[str, Value] = {}
        for value in listed(values.get(self.field.name)):
            carried = self.one.carried(value)
            if isinstance(carried.key, str):
                found.setdefault(carried.key, carried.value)
        return found

    def put(self, element: str, value: Value, now: Values, base: Key) -> dict[str, Value]:
        """`value` is the whole list in common form; elements that are there already keep their own form."""
        own = {self.one.carried(v).key: v for v in reversed(listed(now.get(self.field.name)))}
        elements = []
        for v in value or ():
            key = self.one.key(v)
            elements.append(own[key] if key in own else self.one.back(v, None))
        return {self.field.name: elements or None}


def listed(value: Value) -> list[Value]:
    """The elements of a list; a value that came single stands for itself."""
    if isinstance(value, list):
        return value
    return [] if blank(value) else [value]


def first_of(value: Value) -> Value:
    """The primary element: the one that the app marks, else the first that is not blank."""
    return next(iter(primary_first(value)), None)


def primary_first(value: Value) -> list[Value]:
    """What is not blank of a list, the element that the app marks as the primary one at its head."""
    elements = [v for v in listed(value) if not blank(v)]
    return sorted(elements, key=lambda v: not is_marked(v)) if any(map(is_marked, elements)) else elements


def is_marked(element: Value) -> bool:
    return isinstance(element, dict) and element.get("primary") is True
