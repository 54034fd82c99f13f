"""The type of a column, as SQLAlchemy reflects it → the form in which it is read and written."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import types
from sqlalchemy.dialects import mysql, postgresql

from .manifest import Database
from .shapes import Form

LONG = 1000
"""Characters from which on a column is taken to hold long texts."""


@dataclass(frozen=True, slots=True)
class Typed:
    form: Form
    cast: str = ""
    zoned: bool = False
    max_length: int | None = None
    options: tuple[str, ...] = ()


def typed(kind: types.TypeEngine[object], dialect: sa.Dialect, database: Database) -> Typed | None:
    """None for types that are not synced: binary, JSON, intervals, times of day, geometry, …"""
    if isinstance(kind, postgresql.DOMAIN):
        kind = kind.data_type
    if database is Database.POSTGRESQL:
        special = _of_postgresql(kind, dialect)
    elif database is Database.MYSQL:
        special = _of_mysql(kind)
    else:
        special = _of_sqlite(kind)
    return special or _of_all(kind)


def _of_postgresql(kind: types.TypeEngine[object], dialect: sa.Dialect) -> Typed | None:
    if isinstance(kind, postgresql.ENUM):
        quote = dialect.identifier_preparer.quote
        name = ".".join(quote(part) for part in (kind.schema, kind.name) if part)
        return Typed(Form.CHOICE, cast=name, options=tuple(map(str, kind.enums)))
    if isinstance(kind, postgresql.CITEXT):
        return Typed(Form.TEXT, cast="CITEXT")
    if isinstance(kind, postgresql.ARRAY) and isinstance(kind.item_type, (types.Text, types.VARCHAR)):
        return Typed(Form.TEXTS, cast="TEXT[]", max_length=kind.item_type.length)
    return None


def _of_mysql(kind: types.TypeEngine[object]) -> Typed | None:
    if isinstance(kind, mysql.TINYINT) and kind.display_width == 1:
        return Typed(Form.BOOLEAN)
    if isinstance(kind, mysql.BIT):
        return Typed(Form.BOOLEAN) if kind.length in (None, 1) else None
    if isinstance(kind, mysql.SET):
        return Typed(Form.CHOICES, options=tuple(kind.values))
    if isinstance(kind, mysql.ENUM):
        return Typed(Form.CHOICE, options=tuple(map(str, kind.enums)))
    if isinstance(kind, (mysql.TEXT, mysql.MEDIUMTEXT, mysql.LONGTEXT)):
        # Its limit is in bytes: what does not fit is refused by the database.
        return Typed(Form.LONG_TEXT)
    if isinstance(kind, mysql.TINYTEXT):
        return Typed(Form.TEXT)
    if isinstance(kind, mysql.YEAR):
        return Typed(Form.INTEGER)
    return None


def _of_sqlite(kind: types.TypeEngine[object]) -> Typed | None:
    if isinstance(kind, types.NullType):
        # No type at all: whatever somebody put there, and in no order that a key could go by.
        return Typed(Form.LONG_TEXT)
    if isinstance(kind, types.CHAR):
        # SQLite fills nothing up.
        return Typed(Form.TEXT, max_length=kind.length)
    return None


def _of_all(kind: types.TypeEngine[object]) -> Typed | None:
    match kind:
        case types.Boolean():
            return Typed(Form.BOOLEAN, cast="BOOLEAN")
        case types.Integer():
            return Typed(Form.INTEGER, cast="BIGINT")
        case types.Float():
            return Typed(Form.FLOAT, cast="FLOAT8")
        case types.Numeric():
            return Typed(Form.DECIMAL, cast="NUMERIC")
        case types.DateTime():
            zoned = bool(kind.timezone) or (isinstance(kind, types.TIMESTAMP) and kind.timezone)
            return Typed(Form.MOMENT, cast="TIMESTAMPTZ" if zoned else "TIMESTAMP", zoned=bool(zoned))
        case types.Date():
            return Typed(Form.DATE, cast="DATE")
        case types.Uuid():
            return Typed(Form.UUID, cast="UUID")
        case types.Enum():
            return Typed(Form.CHOICE, cast="TEXT", options=tuple(map(str, kind.enums)))
        case types.CHAR():
            return Typed(Form.PADDED, cast="BPCHAR", max_length=kind.length)
        case types.String():
            long = kind.length is not None and kind.length > LONG
            return Typed(Form.LONG_TEXT if long else Form.TEXT, cast="TEXT", max_length=kind.length)
        case _:
            return None


_LITERAL = re.compile(r"(?:N|_\w+\s*)?'((?:[^']|'')*)'")
_CAST = re.compile(r"::\s*[\w ]+(?:\(\d+\))?(?:\[\])?")
_ONE_OF = re.compile(
    r"""[\s(]* (?: ["`\[](?P<quoted>[^"`\[\]]+)["`\]] | (?P<bare>[\w$]+) ) [\s)]*
        (?: \bIN\b \s* \( [\s,()]* \) | = \s* ANY \s* \(+ \s* ARRAY \s* \[ [\s,()]* \] [\s)]* )
        [\s)]*""",
    re.IGNORECASE | re.VERBOSE,
)


def options_of_check(condition: str) -> tuple[str, tuple[str, ...]] | None:
    """(column, options) of a check that does nothing but name them: `status IN ('new', 'won')`."""
    options = tuple(found.replace("''", "'") for found in _LITERAL.findall(condition))
    rest = _CAST.sub("", _LITERAL.sub("", condition))
    found = _ONE_OF.fullmatch(rest)
    if found is None or not options or "\\" in condition:
        return None
    return found["quoted"] or found["bare"], tuple(dict.fromkeys(options))
