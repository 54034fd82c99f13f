"""Cells ↔ wire form: one function a column, made once, which works on all cells of a page.

PostgreSQL and MySQL are asked for numbers, dates and times as text (see `vendors`), which is exact and cheap:
most of it only needs its punctuation changed. SQLite keeps whatever somebody put into a column, whatever the
column's type says, and so its cells are looked at one by one.

A cell that does not fit its column's form (`NaN`, `infinity`, a word in SQLite's number column) is UNREAD: the
record is handed over without that field, since a blank one would look like an edit.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from connectors.contract import Refusal, Value

from .manifest import Database
from .shapes import TEXTS_OF_ALL_KINDS, Column, Form

Cells = Sequence[Any]
Read = Callable[[Cells], Sequence[Value]]
Bind = Callable[[Value], Any]


class Unread(Enum):
    UNREAD = "unread"


UNREAD = Unread.UNREAD

DOES_NOT_FIT = (ValueError, TypeError, ArithmeticError, KeyError, AttributeError)
"""What the converters of one cell raise."""


class Misfit(Exception):
    """A value that the column cannot take."""

    def __init__(self, message: str, reason: Refusal = Refusal.INVALID_VALUE) -> None:
        super().__init__(message)
        self.reason = reason


# reading


def reader(column: Column, database: Database) -> Read:
    """What turns the cells of a column, as the driver gives them, into wire form; None stays None."""
    if database is Database.SQLITE:
        return _each(_LENIENT[column.form])
    if column.form in (Form.TEXT, Form.LONG_TEXT, Form.CHOICE, Form.UUID):
        # PostgreSQL has no NUL in its texts.
        return _texts if database is Database.POSTGRESQL else _each(_text)
    if column.form is Form.INTEGER or (column.form is Form.BOOLEAN and database is Database.POSTGRESQL):
        return _as_they_are
    return _each(_EXACT[column.form])


def key_reader(column: Column, database: Database) -> Read:
    """The same for a column of the key, whose texts are ids: not a character of them is changed."""
    if column.form in TEXTS_OF_ALL_KINDS and column.form is not Form.PADDED:
        return _each(_only_text) if database is Database.SQLITE else _as_they_are
    return reader(column, database)


def moment_reader(cells: Cells) -> Sequence[Value]:
    """For moments in the form that all three databases print."""
    return _each(_moment)(cells)


def _each(convert: Callable[[Any], Value]) -> Read:
    def read(cells: Cells) -> Sequence[Value]:
        try:
            return [None if cell is None else convert(cell) for cell in cells]
        except DOES_NOT_FIT:
            return [None if cell is None else _or_unread(convert, cell) for cell in cells]

    return read


def _or_unread(convert: Callable[[Any], Value], cell: Any) -> Value:
    try:
        return convert(cell)
    except DOES_NOT_FIT:
        return UNREAD


def _as_they_are(cells: Cells) -> Sequence[Value]:
    return cells


def _texts(cells: Cells) -> Sequence[Value]:
    return [cell or None for cell in cells]


def _text(cell: str) -> Value:
    return cell.replace("\0", "") or None


def _only_text(cell: Any) -> str:
    if not isinstance(cell, str):
        raise TypeError("not a text")
    return cell


def _padded(cell: str) -> Value:
    return cell.replace("\0", "").rstrip(" ") or None


def _number(cell: str) -> str:
    """A decimal as PostgreSQL and MySQL print it: "12.50", "1e-05", "NaN"."""
    if cell[-1].isdigit() and "e" not in cell:
        return cell
    return plain(Decimal(cell))


def plain(number: Decimal) -> str:
    """Without an exponent. Raises ValueError for what is no finite number."""
    if not number.is_finite():
        raise ValueError("not a finite number")
    return format(number, "f")


_TRUTH = {
    "t": True, "true": True, "yes": True, "y": True, "on": True, "1": True,
    "f": False, "false": False, "no": False, "n": False, "off": False, "0": False,
}  # fmt: skip


def _boolean(cell: Any) -> bool:
    if isinstance(cell, (bytes, bytearray)):  # MySQL's BIT(1)
        return any(cell)
    return _TRUTH[cell.strip().lower()] if isinstance(cell, str) else bool(cell)


def _date(cell: str) -> Value:
    if len(cell) != 10:
        raise ValueError("a year that wire form cannot hold")
    if cell == "0000-00-00":  # MySQL's own way to say: none
        return None
    date.fromisoformat(cell)
    return cell


def _moment(cell: str) -> Value:
    """A moment as PostgreSQL and MySQL print it: "2026-01-31 09:30:00.12+00"."""
    head, tail = cell[:19], cell[19:]
    if head == "0000-00-00 00:00:00":
        return None
    if tail.endswith("+00"):
        tail = tail[:-3]
    if tail and not (tail[0] == "." and tail[1:].isdigit()):
        return wire_moment(datetime.fromisoformat(cell))
    datetime.fromisoformat(head)
    return f"{head[:10]}T{head[11:]}{tail.rstrip('0').rstrip('.')}Z" if tail else f"{head[:10]}T{head[11:]}Z"


def wire_moment(moment: datetime) -> str:
    """In UTC, which is also what a moment without a time zone is taken to be."""
    utc = moment.astimezone(UTC) if moment.tzinfo else moment
    text = utc.replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"


def _several(cell: list[Any]) -> Value:
    if any(isinstance(element, list) for element in cell):
        raise ValueError("an array of more than one dimension")
    return [element for element in cell if element] or None


_EXACT: dict[Form, Callable[[Any], Value]] = {
    Form.PADDED: _padded,
    Form.DECIMAL: _number,
    Form.FLOAT: _number,
    Form.BOOLEAN: _boolean,
    Form.DATE: _date,
    Form.MOMENT: _moment,
    Form.TEXTS: _several,
    Form.CHOICES: lambda cell: [option for option in cell.split(",") if option] or None,
}


def _lenient_text(cell: Any) -> Value:
    if isinstance(cell, bytes):
        raise TypeError("binary")
    return _text(cell if isinstance(cell, str) else str(cell))


def _lenient_integer(cell: Any) -> int:
    number = Decimal(cell.strip() if isinstance(cell, str) else cell)
    if number != number.to_integral_value():
        raise ValueError("not a whole number")
    return int(number)


def _lenient_number(cell: Any) -> str:
    return plain(Decimal(repr(cell) if isinstance(cell, float) else cell.strip() if isinstance(cell, str) else cell))


def _lenient_date(cell: str) -> str:
    moment = datetime.fromisoformat(cell.strip())
    if moment.time().replace(tzinfo=None) != datetime.min.time():
        raise ValueError("a date with a time of day")
    return moment.date().isoformat()


_LENIENT: dict[Form, Callable[[Any], Value]] = {
    **dict.fromkeys(TEXTS_OF_ALL_KINDS, _lenient_text),
    Form.INTEGER: _lenient_integer,
    Form.DECIMAL: _lenient_number,
    Form.FLOAT: _lenient_number,
    Form.BOOLEAN: _boolean,
    Form.DATE: _lenient_date,
    Form.MOMENT: lambda cell: wire_moment(datetime.fromisoformat(cell.strip())),
}


# writing


def binder(column: Column, database: Database, options: frozenset[str] = frozenset()) -> Bind:
    """What turns a value in wire form into a parameter for the driver. It raises Misfit.

    `options`: what the column takes, where that is known.
    """
    bind = _BINDERS.get(column.form, _bind_text)

    def bound(value: Value) -> Any:
        if value is None or value == "" or value == []:
            return "" if column.blank_is_empty else None
        return bind(value, column, database, options)

    return bound


def _bind_text(value: Value, column: Column, database: Database, options: frozenset[str]) -> str:
    if not isinstance(value, str):
        raise Misfit("This is not a text.")
    if "\0" in value:
        raise Misfit("This text contains a NUL character, which a database cannot keep in a text.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Misfit("This text contains half of a character.") from None
    if column.max_length is not None and len(value) > column.max_length:
        raise Misfit(f"This is longer than the {column.max_length} characters of the column.", Refusal.TOO_LONG)
    if options and value not in options:
        raise Misfit(f"“{value[:100]}” is not one of the column's options.", Refusal.UNKNOWN_OPTION)
    return value


def _bind_uuid(value: Value, column: Column, database: Database, options: frozenset[str]) -> str:
    try:
        return str(uuid.UUID(value))
    except (ValueError, AttributeError, TypeError):
        raise Misfit("This is not a UUID.") from None


def _bind_integer(value: Value, column: Column, database: Database, options: frozenset[str]) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Misfit("This is not a whole number.")
    if not -(2**63) <= value < (2**64 if database is Database.MYSQL else 2**63):
        raise Misfit("This number is too big for the column.")
    return value


def _decimal(value: Value) -> Decimal:
    try:
        number = Decimal(value) if isinstance(value, str) or type(value) is int else Decimal("NaN")
    except ArithmeticError:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > 100_000:
        raise Misfit("This is not a number that the column can hold.")
    return number


def _bind_decimal(value: Value, column: Column, database: Database, options: frozenset[str]) -> Any:
    number = _decimal(value)
    # SQLite has no decimals: a column of that kind makes of the text what it can.
    return plain(number) if database is Database.SQLITE else number


def _bind_float(value: Value, column: Column, database: Database, options: frozenset[str]) -> float:
    try:
        number = float(_decimal(value))
    except OverflowError:
        number = math.inf
    if math.isinf(number):
        raise Misfit("This number is too big for the column.")
    return number


def _bind_boolean(value: Value, column: Column, database: Database, options: frozenset[str]) -> Any:
    if not isinstance(value, bool):
        raise Misfit("This is neither true nor false.")
    return value if database is Database.POSTGRESQL else int(value)


def _bind_date(value: Value, column: Column, database: Database, options: frozenset[str]) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except (ValueError, TypeError):
        raise Misfit("This is not a date.") from None


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?\d*(Z|[+-]\d\d:\d\d)?", re.ASCII)


def _bind_moment(value: Value, column: Column, database: Database, options: frozenset[str]) -> str:
    try:
        if not _MOMENT.fullmatch(value):
            raise ValueError("another notation")
        utc = wire_moment(datetime.fromisoformat(value)).removesuffix("Z").replace("T", " ")
    except (ValueError, TypeError, OverflowError):
        raise Misfit("This is not a date with a time.") from None
    return f"{utc}+00" if column.zoned and database is Database.POSTGRESQL else utc


def _bind_several(value: Value, column: Column, database: Database, options: frozenset[str]) -> list[str]:
    if not isinstance(value, list):
        raise Misfit("These are not several texts.")
    return [_bind_text(one, column, database, options) for one in value if one]


def _bind_choices(value: Value, column: Column, database: Database, options: frozenset[str]) -> str:
    return ",".join(_bind_several(value, column, database, options))


_BINDERS: dict[Form, Callable[[Value, Column, Database, frozenset[str]], Any]] = {
    Form.UUID: _bind_uuid,
    Form.INTEGER: _bind_integer,
    Form.DECIMAL: _bind_decimal,
    Form.FLOAT: _bind_float,
    Form.BOOLEAN: _bind_boolean,
    Form.DATE: _bind_date,
    Form.MOMENT: _bind_moment,
    Form.TEXTS: _bind_several,
    Form.CHOICES: _bind_choices,
}
