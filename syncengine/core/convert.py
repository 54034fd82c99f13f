"""A single value on its way between a field and the common form of a mapping (rule 4.1).

`into` never fails: what cannot be understood stays as it is and is compared as text. `out_of` raises `Unfit`,
which parks the field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from connectors.contract import Field, FieldType, Option, Refusal, Value

from .mapping import FieldMapping, Side
from .values import (
    Locale,
    blank,
    date_of,
    datetime_of,
    decimal_of,
    iso,
    plain,
    spaced,
    valid_email,
    valid_phone,
    valid_url,
    whole,
)

T = FieldType
TEXT_TYPES = frozenset({T.TEXT, T.LONG_TEXT, T.EMAIL, T.PHONE, T.URL})
TRUE_WORDS = frozenset({"true", "yes", "1", "on"})
FALSE_WORDS = frozenset({"false", "no", "0", "off"})

Convert = Callable[[Value], Value]
ConvertBack = Callable[[Value, Value], Value]
"""(value in common form, what the field holds now) → what to write."""


class Unfit(Exception):
    """A value that the other field cannot hold. The message is for people."""

    def __init__(self, message: str, refusal: Refusal = Refusal.INVALID_VALUE) -> None:
        super().__init__(message)
        self.refusal = refusal


def as_it_is(value: Value) -> Value:
    """The wire form is the common form."""
    return value


def into(field: Field, common: FieldType, locale: Locale) -> Convert:
    """From the wire form of `field` to the common form. Never called for blanks."""
    if field.type is T.REFERENCE:
        return lambda value: value.get("label")
    if field.type is T.MONEY and common is T.INTEGER:
        amount = into(Field("", "", T.NUMBER), common, locale)
        return lambda value: amount(value["amount"])
    if common is T.INTEGER:
        return _whole
    if common is T.DATE and field.type is T.DATETIME:
        return lambda value: _local_date(value, locale)
    if common is T.BOOLEAN and field.type in TEXT_TYPES:
        return lambda value: _truth(value)
    if common in (T.TEXT, T.LONG_TEXT) and field.type not in TEXT_TYPES:
        return _as_text(field)
    return as_it_is


def out_of(field: Field, common: FieldType, locale: Locale) -> ConvertBack:
    """From the common form to the wire form of `field`. Never called for blanks."""
    if field.type is T.MONEY:
        return (lambda value, now: _with_currency(value, now)) if common is T.MONEY else _amount_into(field)
    if field.type is T.DATETIME and common is T.DATE:
        return lambda value, now: _midnight(value, locale)
    if field.type in TEXT_TYPES:
        return lambda value, now: fitting(field, _as_text(field)(value))
    if field.type in (T.INTEGER, T.NUMBER):
        return lambda value, now: _number(field, value)
    if field.type is T.BOOLEAN:
        return lambda value, now: _boolean(field, value)
    if field.type in (T.DATE, T.DATETIME):
        return lambda value, now: _moment(field, value)
    if field.type is T.CHOICE and field.options:
        return lambda value, now: _known_option(field, value)
    return lambda value, now: value


def _whole(value: Value) -> Value:
    number = decimal_of(value)
    return value if number is None else whole(number)


def _local_date(value: Value, locale: Locale) -> Value:
    moment = datetime_of(value)
    if moment is None:
        return value
    try:
        return moment.astimezone(ZoneInfo(locale.zone)).date().isoformat()
    except OverflowError:  # The first and the last day of the calendar, which apps use for "never".
        return moment.date().isoformat()


def _midnight(value: Value, locale: Locale) -> Value:
    day = date_of(str(value))
    if day is None:
        raise Unfit(f"“{value}” is no date.")
    try:
        return iso(datetime.combine(day, time(), ZoneInfo(locale.zone)).astimezone(UTC))
    except OverflowError:
        raise Unfit(f"“{value}” has no midnight that could be written.") from None


def _truth(value: Value) -> Value:
    word = str(value).strip().casefold()
    return True if word in TRUE_WORDS else False if word in FALSE_WORDS else value


def _as_text(field: Field) -> Convert:
    """In one form for each value, so that a change of form alone is none in the text either (rule 3.1)."""
    numeric = field.type in (T.INTEGER, T.NUMBER, T.MONEY)

    def text(value: Value) -> Value:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, dict):
            return spaced(f"{text(value.get('amount'))} {str(value.get('currency') or '').upper()}")
        number = decimal_of(value) if numeric else None
        if number is not None:
            return plain(number)
        moment = datetime_of(str(value)) if field.type is T.DATETIME else None
        return str(value) if moment is None else iso(moment)

    return text


def fitting(field: Field, text: Value) -> Value:
    """The text, if this field can hold it. Raises Unfit."""
    checks = {T.EMAIL: valid_email, T.PHONE: valid_phone, T.URL: valid_url}
    check = checks.get(field.type)
    if check is not None and not check(text):
        raise Unfit(f"“{text}” cannot be written to “{field.label}”: it is no {field.type.value}.")
    if field.max_length is not None and len(text) > field.max_length:
        raise Unfit(
            f"“{field.label}” takes {field.max_length} characters at most; this has {len(text)}.", Refusal.TOO_LONG
        )
    return text


def _number(field: Field, value: Value) -> Value:
    number = decimal_of(value)
    if number is None:
        raise Unfit(f"“{value}” is no number.")
    if field.type is T.NUMBER:
        return plain(number)
    return whole(number)


def _boolean(field: Field, value: Value) -> Value:
    truth = _truth(value)
    if not isinstance(truth, bool):
        raise Unfit(f"“{value}” is neither yes nor no.")
    return truth


def _moment(field: Field, value: Value) -> Value:
    """In wire form, whatever form a text had."""
    day = date_of(str(value)) if field.type is T.DATE else None
    moment = datetime_of(str(value)) if field.type is T.DATETIME else None
    if day is None and moment is None:
        raise Unfit(f"“{value}” is no {field.type.value}.")
    return day.isoformat() if day is not None else iso(moment) if moment is not None else None


def _known_option(field: Field, value: Value) -> Value:
    for option in field.options:
        if value == option.value or str(value).casefold() == option.label.casefold():
            return option.value
    raise Unfit(f"“{field.label}” has no option “{value}”.", Refusal.UNKNOWN_OPTION)


def _with_currency(value: Value, now: Value) -> Value:
    """Money keeps its currency: two that differ are not converted (rule 4.1)."""
    ours = now.get("currency") if isinstance(now, dict) else None
    theirs = value.get("currency")
    if decimal_of(value.get("amount")) is None:
        raise Unfit(f"“{value.get('amount')}” is no amount.")
    if ours and theirs and ours.upper() != theirs.upper():
        raise Unfit(f"The amounts are in different currencies: {theirs} and {ours}.")
    return {"amount": value["amount"], "currency": theirs or ours}


def _amount_into(field: Field) -> ConvertBack:
    def amount(value: Value, now: Value) -> Value:
        number = decimal_of(value)
        if number is None:
            raise Unfit(f"“{value}” is no amount.")
        return {"amount": plain(number), "currency": now.get("currency") if isinstance(now, dict) else None}

    return amount


class OptionClasses:
    """Options of two fields that stand for each other: an option map, and equal labels (rule 4.1).

    The common form is the class, so that two options of one side that are both paired with one of the other
    never write each other over.
    """

    def __init__(self, a: Field, b: Field, pairs: tuple[tuple[str, str], ...]) -> None:
        self._class: dict[tuple[Side, str], str] = {}
        self._members: dict[tuple[Side, str], list[str]] = {}
        self._offered = {option.value for field in (a, b) for option in options_of(field)}
        named_a = {x for x, _ in pairs}
        named_b = {y for _, y in pairs}
        for x, y in (*pairs, *_same_labels(a, b, named_a, named_b)):
            self._join(x, y)

    def _join(self, x: str, y: str) -> None:
        """Options x of side A and y of side B are one; so is all that was paired with either before."""
        known = self._class.get((Side.A, x)) or self._class.get((Side.B, y)) or f"={x}"
        given_up = self._class.get((Side.B, y), known)
        for side, value in ((Side.A, x), (Side.B, y)):
            moved = self._members.pop((side, given_up), []) if given_up != known else []
            members = self._members.setdefault((side, known), [])
            for member in (*moved, value):
                self._class[(side, member)] = known
                if member not in members:
                    members.append(member)

    def into(self, side: Side) -> Convert:
        def class_of(value: Value) -> Value:
            text = _option_value(value)
            # What neither side offers any more, and both still hold, is the same on both.
            unpaired = f"?{side.value}:{text}" if text in self._offered else f"?{text}"
            return self._class.get((side, text), unpaired)

        return class_of

    def out_of(self, side: Side, field: Field) -> ConvertBack:
        def option(value: Value, now: Value) -> Value:
            members = self._members.get((side, value))
            if not members:
                shown = str(value).lstrip("=?").removeprefix(f"{side.other.value}:")
                raise Unfit(f"No option of “{field.label}” is paired with “{shown}”.", Refusal.UNKNOWN_OPTION)
            kept = _option_value(now) if not blank(now) and not isinstance(now, list) else None
            chosen = kept if kept in members else members[0]
            return chosen == "true" if field.type is T.BOOLEAN else chosen

        return option


def _option_value(value: Value) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def options_of(field: Field) -> tuple[Option, ...]:
    """A boolean is a choice of yes and no."""
    if field.type is T.BOOLEAN:
        return (Option("true", "Yes"), Option("false", "No"))
    return field.options


def label_of(field: Field) -> Convert:
    """What a text shows of a choice: its label. A text that names an option, by label or value, is that label."""
    by_value = {option.value: option.label for option in field.options}
    by_word = {option.label.strip().casefold(): option.label for option in field.options}
    by_word |= {option.value.casefold(): option.label for option in reversed(field.options)}

    def label(value: Value) -> Value:
        text = str(value)
        return by_value.get(text) or by_word.get(text.strip().casefold(), text)

    return label


def _same_labels(a: Field, b: Field, named_a: set[str], named_b: set[str]) -> list[tuple[str, str]]:
    by_label = {o.label.strip().casefold(): o.value for o in options_of(b) if o.value not in named_b}
    found = ((o.value, by_label.get(o.label.strip().casefold())) for o in options_of(a) if o.value not in named_a)
    return [(x, y) for x, y in found if y is not None]


class Owners:
    """Owners of two accounts that stand for each other: by e-mail address, then by the table of the mapping.

    The common form is the e-mail address, as far as it is known; for owners of side B that only the table pairs,
    the one of their counterpart on side A.
    """

    def __init__(self, a: Field, b: Field, mapping: FieldMapping) -> None:
        self._emails: Mapping[Side, Mapping[str, str]] = {
            side: {o.value: o.label.casefold() for o in field.options} for side, field in ((Side.A, a), (Side.B, b))
        }
        self._addresses = {side: set(emails.values()) for side, emails in self._emails.items()}
        self._a_of_b = {y: x for x, y in mapping.options}
        self._b_of = {self._form(Side.A, {"id": x}): y for x, y in mapping.options}
        self._fallback = mapping.fallback

    def _form(self, side: Side, value: Value) -> str:
        id_ = str(value.get("id"))
        email = str(value.get("email") or self._emails[side].get(id_) or "").casefold()
        if side is Side.B and id_ in self._a_of_b and email not in self._addresses[Side.A]:
            return self._form(Side.A, {"id": self._a_of_b[id_]})
        return email or f"{side.value}:{id_}"

    def into(self, side: Side) -> Convert:
        return lambda value: self._form(side, value)

    def out_of(self, side: Side, field: Field) -> ConvertBack:
        def owner(value: Value, now: Value) -> Value:
            forms = {o.value: self._form(side, {"id": o.value}) for o in field.options}
            same = [id_ for id_, form in forms.items() if form == value]
            same.sort(key=lambda id_: self._emails[side][id_] != value)
            chosen = _known_owner(now, same) or next(iter(same), None)
            if chosen is None and side is Side.B:
                chosen = self._b_of.get(value)
            chosen = chosen or self._fallback.get(side)
            if not chosen:
                raise Unfit(
                    f"Nobody among the owners of “{field.label}” corresponds to {value}.", Refusal.UNKNOWN_OPTION
                )
            return {"id": chosen, "email": next((o.label for o in field.options if o.value == chosen), None)}

        return owner


def _known_owner(now: Value, same: list[str]) -> str | None:
    """Two owners of one side that stand for one of the other never write each other over."""
    held = str(now.get("id")) if isinstance(now, dict) else None
    return held if held in same else None
