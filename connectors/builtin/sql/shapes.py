"""What a table is made of, as far as syncing needs it. Found by `reflection`; holds no data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto

from connectors.contract import FieldType, WriteKind


class Form(StrEnum):
    """How a column keeps its values: what decides how cells are read and written."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DATE = "date"
    MOMENT = "moment"
    """Date and time, with or without a time zone; without, it is taken as UTC."""
    TEXT = "text"
    PADDED = "padded"
    """Text of a fixed length, filled up with spaces."""
    LONG_TEXT = "long_text"
    CHOICE = "choice"
    UUID = "uuid"
    TEXTS = "texts"
    """PostgreSQL's array of text."""
    CHOICES = "choices"
    """MySQL's SET."""


TEXTS_OF_ALL_KINDS = frozenset({Form.TEXT, Form.PADDED, Form.LONG_TEXT, Form.CHOICE, Form.UUID})

_TEXT_TYPES = frozenset(
    {
        FieldType.TEXT,
        FieldType.LONG_TEXT,
        FieldType.EMAIL,
        FieldType.PHONE,
        FieldType.URL,
        FieldType.CHOICE,
    }
)

TYPES: Mapping[Form, frozenset[FieldType]] = {
    Form.INTEGER: frozenset({FieldType.INTEGER}),
    Form.DECIMAL: frozenset({FieldType.NUMBER}),
    Form.FLOAT: frozenset({FieldType.NUMBER}),
    Form.BOOLEAN: frozenset({FieldType.BOOLEAN}),
    Form.DATE: frozenset({FieldType.DATE}),
    Form.MOMENT: frozenset({FieldType.DATETIME}),
    Form.TEXT: _TEXT_TYPES,
    Form.PADDED: _TEXT_TYPES,
    Form.LONG_TEXT: _TEXT_TYPES,
    Form.CHOICE: _TEXT_TYPES,
    Form.UUID: _TEXT_TYPES,
    Form.TEXTS: _TEXT_TYPES,
    Form.CHOICES: frozenset({FieldType.MULTI_CHOICE}),
}
"""The field types whose wire form a column can give."""


class KeyMaker(Enum):
    """Where the key of a new row comes from."""

    DATABASE = auto()
    """A counter or a default of the database."""
    US = auto()
    """`Write.key`: the column takes a UUID."""
    VALUES = auto()
    """The record itself: a SKU, a country code, a pair of references."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    form: Form
    cast: str = ""
    """The type to which PostgreSQL is told to take a parameter of this column."""
    zoned: bool = False
    """Of a moment: it carries a time zone."""
    nullable: bool = True
    has_default: bool = False
    blank_is_empty: bool = False
    """Text that is never NULL and whose default is "": a blank is kept as an empty text."""
    generated: bool = False
    """The database computes it; nobody can write it."""
    counted: bool = False
    """The database counts it up for new rows."""
    max_length: int | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key of one column to the key of another table."""

    table: str
    key: Column
    """The key column that it points to."""
    labels: tuple[str, ...] = ()
    """Columns of the other table that together name its record; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Unique:
    name: str | None
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    columns: tuple[Column, ...]
    """Those that can be synced, in the table's order."""
    key: tuple[str, ...]
    """The columns that make up a record's id; never empty."""
    maker: KeyMaker
    view: bool = False
    marked: bool = False
    """Its rows carry a mark that is another one after each change."""
    writes: frozenset[WriteKind] = frozenset()
    references: Mapping[str, Reference] = field(default_factory=dict)
    """Column name → what it points to."""
    uniques: tuple[Unique, ...] = ()
    """The primary key among them."""
    checked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Constraint name → the columns that it concerns (checks and foreign keys)."""

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)

    @property
    def key_columns(self) -> tuple[Column, ...]:
        return tuple(column for name in self.key for column in self.columns if column.name == name)
