"""Does a value have the wire form that its field promises? (The table in `contract.fields`.)"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from connectors.contract import ADDRESS_PARTS, Field, FieldType, Value

DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def misfit(field: Field, value: Value) -> str | None:
    """What is wrong with `value` as a value of `field`, or None."""
    if value is None:
        return None
    try:
        json.dumps(value).encode()
    except (TypeError, ValueError) as error:
        return f"{field.name}: not plain JSON: {error}"
    if not field.multi_valued:
        return _misfit_of_one(field, value)
    if not isinstance(value, list):
        return f"{field.name}: several values are a list, not {value!r}"
    if not value:
        return f"{field.name}: an empty list; blank is None"
    return next((wrong for one in value if (wrong := _misfit_of_one(field, one))), None)


def same_value(field: Field, one: Value, other: Value) -> bool:
    """Equal but for the order of several values behind the first one, which is the primary."""
    if field.multi_valued and isinstance(one, list) and isinstance(other, list):
        return one[:1] == other[:1] and sorted(map(_sortable, one)) == sorted(map(_sortable, other))
    if field.type is FieldType.MULTI_CHOICE and isinstance(one, list) and isinstance(other, list):
        return sorted(one) == sorted(other)
    if field.type is FieldType.NUMBER and isinstance(one, str) and isinstance(other, str):
        return Decimal(one) == Decimal(other)
    return bool(one == other)


def _sortable(value: Value) -> str:
    return json.dumps(value, sort_keys=True)


def _misfit_of_one(field: Field, value: Value) -> str | None:
    if not _FITS[field.type](value):
        return f"{field.name}: {value!r} is not the wire form of {field.type}"
    if field.max_length is not None and isinstance(value, str) and len(value) > field.max_length:
        return f"{field.name}: longer than the {field.max_length} characters that it declares"
    return None


def _text(value: Value) -> bool:
    return isinstance(value, str) and value != "" and "\x00" not in value and _is_unicode(value)


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _integer(value: Value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: Value) -> bool:
    try:
        return isinstance(value, str) and Decimal(value).is_finite()
    except InvalidOperation:
        return False


def _date(value: Value) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _datetime(value: Value) -> bool:
    if not isinstance(value, str) or not DATETIME.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value[:19])
    except ValueError:
        return False
    return True


def _parts(required: str, *optional: str) -> Callable[[Value], bool]:
    def fits(value: Value) -> bool:
        return (
            isinstance(value, Mapping)
            and set(value) == {required, *optional}
            and isinstance(value[required], str)
            and all(value[name] is None or isinstance(value[name], str) for name in optional)
        )

    return fits


def _address(value: Value) -> bool:
    return (
        isinstance(value, Mapping)
        and set(value) == set(ADDRESS_PARTS)
        and all(part is None or _text(part) for part in value.values())
    )


def _money(value: Value) -> bool:
    return _parts("amount", "currency")(value) and _number(value["amount"])


def _reference(value: Value) -> bool:
    if not isinstance(value, Mapping):
        return False
    marked = value.get("primary", True) is True
    return marked and _parts("id", "label")({name: part for name, part in value.items() if name != "primary"})


_FITS: dict[FieldType, Callable[[Value], bool]] = {
    FieldType.TEXT: _text,
    FieldType.LONG_TEXT: _text,
    FieldType.EMAIL: _text,
    FieldType.PHONE: _text,
    FieldType.URL: _text,
    FieldType.CHOICE: _text,
    FieldType.INTEGER: _integer,
    FieldType.NUMBER: _number,
    FieldType.MONEY: _money,
    FieldType.BOOLEAN: lambda value: isinstance(value, bool),
    FieldType.DATE: _date,
    FieldType.DATETIME: _datetime,
    FieldType.MULTI_CHOICE: lambda value: isinstance(value, list) and all(map(_text, value)),
    FieldType.REFERENCE: _reference,
    FieldType.ADDRESS: _address,
    FieldType.OWNER: _parts("id", "email"),
}
