"""A field as a pair of functions on a card: `get` reads it, `put` writes it.

For each lens: putting what was got changes no byte, and getting after putting answers what was put (of
several values the first one first, the rest in any order).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol

from connectors.contract import Value

from .elements import Element, blank_to_none
from .vcard import Card, Line, escape, make_line, unescape


class ValueRefused(ValueError):
    """A card cannot hold this value."""


class Lens(Protocol):
    def get(self, card: Card) -> Value: ...

    def put(self, card: Card, value: Value) -> None:
        """Raises ValueRefused."""


def _text_or_none(value: Value) -> str | None:
    if not isinstance(value, str | None):
        raise ValueRefused("a text is expected")
    return blank_to_none(value or "")


@dataclass(frozen=True, slots=True)
class TextLens:
    """A property that is one text. Of several lines the preferred one counts; clearing takes all away."""

    name: str

    def get(self, card: Card) -> Value:
        return card.first(self.name)

    def put(self, card: Card, value: Value) -> None:
        text = _text_or_none(value)
        card.put(self.name, None if text is None else escape(text))


@dataclass(frozen=True, slots=True)
class PartLens:
    """One part of a structured property (N, ORG); the others, and further lines, stay as they are."""

    name: str
    place: int
    width: int = 1
    """How many parts a new line has at least."""

    def get(self, card: Card) -> Value:
        lines = card.ranked(self.name)
        parts = lines[0].parts() if lines else []
        if self.place >= len(parts):
            return None
        # Several values of one part (N:Doe;Anne,Marie) read as one text; their commas stay where they are.
        return blank_to_none(unescape(parts[self.place]))

    def put(self, card: Card, value: Value) -> None:
        text = _text_or_none(value)
        lines = card.ranked(self.name)
        parts = lines[0].parts() if lines else []
        parts += [""] * (max(self.width, self.place + 1) - len(parts))
        parts[self.place] = escape(text or "")
        if any(parts) or len(lines) > 1 or self.name == "N":
            card.put(self.name, ";".join(parts))
        else:
            card.put(self.name, None)


@dataclass(frozen=True, slots=True)
class ListLens:
    """A property that stands in a card once for each element.

    An element that goes while another comes is taken to have changed: its line keeps type and label.
    """

    element: Element

    def get(self, card: Card) -> Value:
        return [value for _, value in self._held(card)] or None

    def put(self, card: Card, value: Value) -> None:
        wanted = self._tidy(value)
        held = self._held(card)
        free = [line for line, old in held if old not in wanted]
        values = [old for _, old in held]
        fresh = [new for new in wanted if new not in values]
        for old in [old for old in values if old not in wanted]:
            # The same element on further lines goes, or stays, with it.
            for line in self._lines(card):
                if line not in free and self.element.read(line) == old:
                    card.remove(line)
        for line, new in zip(free, fresh, strict=False):
            card.replace(line, self.element.write(line, new))
        for line in free[len(fresh) :]:
            card.remove(line)
        for new in fresh[len(free) :]:
            card.add(self.element.make(new, v4=card.is_v4))
        if wanted:
            self._prefer(card, wanted[0])

    def _lines(self, card: Card) -> list[Line]:
        return [line for line in card.ranked(self.element.name) if self.element.belongs(line)]

    def _held(self, card: Card) -> list[tuple[Line, Value]]:
        """The lines with an element, the preferred one first; an element that stands twice counts once."""
        held: list[tuple[Line, Value]] = []
        for line in self._lines(card):
            value = self.element.read(line)
            if value is not None and all(value != other for _, other in held):
                held.append((line, value))
        return held

    def _tidy(self, value: Value) -> list[Value]:
        if not isinstance(value, list | None):
            raise ValueRefused("several values are a list")
        wanted: list[Value] = []
        for one in value or []:
            try:
                tidy = self.element.tidy(one)
            except TypeError as error:
                raise ValueRefused(str(error)) from error
            if tidy is not None and tidy not in wanted:
                wanted.append(tidy)
        return wanted

    def _prefer(self, card: Card, value: Value) -> None:
        held = self._held(card)
        if held[0][1] == value:
            return
        for line in self._lines(card):
            if line.rank <= 1 and self.element.read(line) != value:
                card.replace(line, line.with_params(_demoted(line)))
        line = next(line for line, other in self._held(card) if other == value)
        card.replace(line, line.with_params(_preferred(line, v4=card.is_v4)))


def _demoted(line: Line) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The parameters without a first preference."""
    params = []
    for name, values in line.params:
        if name == "TYPE":
            left = tuple(value for value in values if value.lower() != "pref")
            if left:
                params.append((name, left))
        elif name == "PREF":
            if values:
                params.append((name, ("2",)))
        else:
            params.append((name, values))
    return tuple(params)


def _preferred(line: Line, *, v4: bool) -> tuple[tuple[str, tuple[str, ...]], ...]:
    params = tuple((name, values) for name, values in line.params if name != "PREF")
    return (*params, ("PREF", ("1",))) if v4 else (*params, ("TYPE", ("PREF",)))


@dataclass(frozen=True, slots=True)
class WordsLens:
    """Words separated by commas (CATEGORIES). Several lines are read as one, and become one when changed."""

    name: str

    def get(self, card: Card) -> Value:
        parts = [part for line in card.ranked(self.name) for part in line.parts(",")]
        words = [word.strip() for part in parts if (word := blank_to_none(unescape(part)))]
        return list(dict.fromkeys(words)) or None

    def put(self, card: Card, value: Value) -> None:
        if not isinstance(value, list | None) or any(not isinstance(word, str) for word in value or []):
            raise ValueRefused("several texts are a list")
        words = [word.strip() for one in value or [] if (word := blank_to_none(one))]
        for line in card.ranked(self.name)[1:]:
            card.remove(line)
        card.put(self.name, ",".join(map(escape, dict.fromkeys(words))) if words else None)


_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ].*)?", re.ASCII)
_NO_YEAR = "X-APPLE-OMIT-YEAR"


@dataclass(frozen=True, slots=True)
class DateLens:
    """A whole date (BDAY). One without a year, or in words, reads as blank and stays as it is."""

    name: str

    def get(self, card: Card) -> Value:
        line = next(iter(card.ranked(self.name)), None)
        found = _DATE.fullmatch(unescape(line.value).strip()) if line else None
        if line is None or found is None or line.param(_NO_YEAR) == found[1]:
            return None
        try:
            return date(int(found[1]), int(found[2]), int(found[3])).isoformat()
        except ValueError:
            return None

    def put(self, card: Card, value: Value) -> None:
        if value is None:
            card.put(self.name, None)
            return
        try:
            day = date.fromisoformat(value)
        except (TypeError, ValueError) as error:
            raise ValueRefused("a date is expected") from error
        # 4.0 forbids the dashes, and clients of 3.0 expect them.
        written = day.isoformat().replace("-", "") if card.is_v4 else day.isoformat()
        lines = card.ranked(self.name)
        if lines:
            card.replace(lines[0], lines[0].with_value(written, without={_NO_YEAR, "VALUE"}))
        else:
            card.add(make_line(self.name, written))


@dataclass(frozen=True, slots=True)
class RevisionLens:
    """When the card was last changed, as its last writer says (REV)."""

    def get(self, card: Card) -> Value:
        text = (card.first("REV") or "").strip()
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        try:
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except OverflowError:
            return None
        return moment.isoformat().replace("+00:00", "Z")

    def put(self, card: Card, value: Value) -> None:
        raise ValueRefused("the address book keeps this by itself")


def stamp(card: Card, now: datetime) -> None:
    """Say that the card was changed `now`."""
    card.put("REV", now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ"))


NAME_PLACES = {"last_name": 0, "first_name": 1, "middle_name": 2, "prefix": 3, "suffix": 4}
_FORMS: Sequence[Sequence[str]] = (
    ("prefix", "first_name", "middle_name", "last_name", "suffix"),
    ("first_name", "middle_name", "last_name"),
    ("first_name", "last_name"),
    ("last_name", "first_name"),
)


def composed_names(names: dict[str, str | None]) -> list[str]:
    """The full names that programs make of the parts of a name, the most complete one first."""
    plain = [" ".join(names[part] or "" for part in form) for form in _FORMS]
    with_comma = f"{names['last_name'] or ''}, {names['first_name'] or ''}"
    return [" ".join(name.split()) for name in (*plain, with_comma)]
