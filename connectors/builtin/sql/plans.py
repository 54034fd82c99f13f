"""The statements and conversions of one resource, made once for all its pages and batches.

Names of tables and columns come from the database and are quoted by SQLAlchemy; values travel as parameters.
Columns have keys of our own (`c0`, `c1`, …), so that no name, however odd, becomes the name of a parameter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from connectors.contract import Field, FieldType, Record, Resource, Value

from .kept import Kept
from .keys import Key, ids_of
from .shapes import TYPES, Column, Form, KeyMaker, Reference, Table
from .values import UNREAD, Cells, Read, key_reader, reader
from .vendors import MARK, Vendor


@dataclass(frozen=True, slots=True)
class Own:
    """One column of the table that a statement reads."""

    shape: Column
    sql: sa.Column[Any]
    read: Read
    field: str | None
    """The field that it is; None for a column that is only part of the key."""


@dataclass(frozen=True, slots=True)
class Joined:
    """One reference of the table, with where its labels stand in a row."""

    position: int
    """Of the referring column."""
    labels: tuple[int, ...]
    read: Read


class Plan:
    """Of one resource, as the table is now. A field whose column has gone, or has become of another kind than
    the resource says, is left out: it is *not read*."""

    def __init__(self, table: Table, resource: Resource, vendor: Vendor, schema: str | None) -> None:
        self.table = table
        self.resource = resource
        self.vendor = vendor
        fields = {field.name: field for field in resource.fields if _readable(field, table)}
        shapes = [column for column in table.columns if column.name in fields or column.name in table.key]
        self.sql = sa.Table(
            table.name,
            sa.MetaData(),
            *(_sql_column(shape, f"c{i}", table, vendor) for i, shape in enumerate(shapes)),
            *((sa.Column(sa.quoted_name(MARK, True), Kept("xid"), key="mark", system=True),) if table.marked else ()),
            schema=schema,
            quote=True,
            quote_schema=True if schema else None,
        )
        self.own = tuple(
            Own(
                shape=shape,
                sql=self.sql.c[f"c{i}"],
                read=reader(shape, vendor.database),
                field=shape.name if shape.name in fields else None,
            )
            for i, shape in enumerate(shapes)
        )
        self.by_name = {own.shape.name: own for own in self.own}
        self.key = tuple(self.by_name[name] for name in table.key)
        self._key_positions = tuple(self.own.index(own) for own in self.key)
        self._key_readers = tuple(key_reader(own.shape, vendor.database) for own in self.key)
        self._names = tuple(own.field for own in self.own if own.field is not None)
        self._shown = tuple(i for i, own in enumerate(self.own) if own.field is not None)
        self._created = self._moment("created_at")
        self.modified = self._moment("modified_at")
        references = {n: r for n, r in table.references.items() if n in fields and fields[n].target == r.table}
        self._from, labels, self._joined = self._join(references, schema)
        mark = (self.sql.c.mark,) if table.marked else ()
        self._columns: tuple[Any, ...] = (*(own.sql for own in self.own), *labels, *mark)
        self._mark = len(self._columns) - 1 if mark else None

    # statements

    def select(self, *more: sa.ColumnElement[Any]) -> sa.Select[Any]:
        """Whole rows with the labels of their references, and `more` behind them."""
        conditions = (self.vendor.readable_key(own.sql, own.shape) for own in self.key)
        return (
            sa.select(*self._columns, *more)
            .select_from(self._from)
            .where(*(condition for condition in conditions if condition is not None))
        )

    def select_versions(self, *more: sa.ColumnElement[Any]) -> sa.Select[Any]:
        """Rows of the table alone, as `versions` wants them, and `more` behind them."""
        told = (*(own.sql for own in self.key), self.sql.c.mark) if self.table.marked else (o.sql for o in self.own)
        return sa.select(*told, *more)

    def among(self, keys: Sequence[Key]) -> sa.ColumnElement[bool]:
        if len(self.key) == 1:
            (own,) = self.key
            return self.vendor.among(own.sql, own.shape.cast, [key[0] for key in keys])
        alternatives = (
            sa.and_(*(own.sql == sa.literal(part, own.sql.type) for own, part in zip(self.key, key, strict=True)))
            for key in keys
        )
        return sa.or_(*alternatives)

    def order(self) -> tuple[sa.ColumnElement[Any], ...]:
        return tuple(own.sql for own in self.key)

    def after(self, key: Key) -> sa.ColumnElement[bool]:
        """Rows that follow this key in `order`."""
        (own, *others), (part, *rest) = self.key, key
        bound = sa.literal(part, own.sql.type)
        condition = own.sql > bound
        if not others:
            return condition
        alternatives = [condition]
        equal = [own.sql == bound]
        for other, value in zip(others, rest, strict=True):
            parameter = sa.literal(value, other.sql.type)
            alternatives.append(sa.and_(*equal, other.sql > parameter))
            equal.append(other.sql == parameter)
        return sa.and_(own.sql >= bound, sa.or_(*alternatives))

    # rows

    def records(self, rows: Sequence[Sequence[Any]]) -> list[Record]:
        """The records of rows of `select`. A row without a readable key is none."""
        if not rows:
            return []
        cells = list(zip(*rows, strict=True))
        own = [column.read(cells[i]) for i, column in enumerate(self.own)]
        ids = self._ids(cells)
        versions = _versions(own) if self._mark is None else _marks(cells[self._mark])
        created = own[self._created] if self._created is not None else [None] * len(rows)
        modified = own[self.modified] if self.modified is not None else [None] * len(rows)
        shown = list(own)
        for joined in self._joined:
            shown[joined.position] = self._references(own[joined.position], cells, joined)
        columns = [shown[i] for i in self._shown]
        names = self._names
        values = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        if any(UNREAD in column for column in own):
            values = [{n: v for n, v in row.items() if v is not UNREAD} for row in values]
        return [
            Record(id, row, version, _known(born), _known(changed))
            for id, row, version, born, changed in zip(ids, values, versions, created, modified, strict=True)
            if id is not None
        ]

    def versions(self, rows: Sequence[Sequence[Any]]) -> list[tuple[str, str]]:
        """(id, version) of rows of `select_versions`; without those that have no readable key."""
        if not rows:
            return []
        cells = list(zip(*rows, strict=True))
        if self.table.marked:
            ids = ids_of([read(cell) for read, cell in zip(self._key_readers, cells, strict=False)])
            versions = _marks(cells[len(self.key)])
        else:
            ids = self._ids(cells)
            versions = _versions([column.read(cells[i]) for i, column in enumerate(self.own)])
        return [(id, version) for id, version in zip(ids, versions, strict=True) if id is not None]

    def ids(self, keys: Sequence[Sequence[Any]]) -> list[str | None]:
        """The ids of rows that hold the key's columns only, in the key's order."""
        if not keys:
            return []
        return ids_of([read(column) for read, column in zip(self._key_readers, zip(*keys, strict=True), strict=True)])

    def _ids(self, cells: Sequence[Cells]) -> list[str | None]:
        return ids_of([read(cells[i]) for i, read in zip(self._key_positions, self._key_readers, strict=True)])

    def _references(self, keys: Sequence[Value], cells: Sequence[Cells], joined: Joined) -> list[Value]:
        parts = [joined.read(cells[i]) for i in joined.labels]
        labels: list[str | None] = [None] * len(keys)
        if len(parts) == 1:
            labels = [_known(name) for name in parts[0]]
        elif parts:
            labels = [_label(names) for names in zip(*parts, strict=True)]
        return [
            key if key is None or key is UNREAD else {"id": str(key), "label": label}
            for key, label in zip(keys, labels, strict=True)
        ]

    def _join(
        self, references: Mapping[str, Reference], schema: str | None
    ) -> tuple[sa.FromClause, list[sa.ColumnElement[Any]], tuple[Joined, ...]]:
        source: sa.FromClause = self.sql
        labels: list[sa.ColumnElement[Any]] = []
        joined: list[Joined] = []
        for number, (name, reference) in enumerate(references.items()):
            own = self.by_name[name]
            label_names = [label for label in reference.labels if label != reference.key.name]
            target = sa.Table(
                reference.table,
                sa.MetaData(),
                sa.Column(sa.quoted_name(reference.key.name, True), Kept(reference.key.cast), key="key"),
                *(sa.Column(sa.quoted_name(n, True), Kept("TEXT"), key=f"l{i}") for i, n in enumerate(label_names)),
                schema=schema,
                quote=True,
                quote_schema=True if schema else None,
            ).alias(f"r{number}")
            if label_names:
                source = source.outerjoin(target, own.sql == target.c.key)
            first = len(self.own) + len(labels)
            labels += [target.c[f"l{i}"] for i in range(len(label_names))]
            joined.append(
                Joined(
                    position=self.own.index(own),
                    labels=tuple(range(first, first + len(label_names))),
                    read=reader(_TEXT, self.vendor.database),
                )
            )
        return source, labels, tuple(joined)

    def _moment(self, canonical: str) -> int | None:
        field = self.resource.canonical(canonical)
        own = self.by_name.get(field.name) if field is not None else None
        return self.own.index(own) if own is not None and own.shape.form is Form.MOMENT else None


_TEXT = Column(name="label", form=Form.TEXT)


def _readable(field: Field, table: Table) -> bool:
    column = table.column(field.name)
    if column is None:
        return False
    if field.type is FieldType.REFERENCE:
        reference = table.references.get(field.name)
        return reference is not None and reference.table == field.target
    return field.type in TYPES[column.form] and field.multi_valued == (column.form is Form.TEXTS)


def _sql_column(shape: Column, key: str, table: Table, vendor: Vendor) -> sa.Column[Any]:
    counted = table.maker is KeyMaker.DATABASE and shape.name in table.key and shape.counted
    # Only a type of its own tells SQLAlchemy which column the database counts up.
    kind = sa.BigInteger() if counted else Kept(shape.cast)
    return sa.Column(
        sa.quoted_name(shape.name, True),
        kind,
        key=key,
        primary_key=shape.name in table.key,
        autoincrement=counted,
        server_default=sa.FetchedValue() if shape.has_default and not counted else None,
    )


def _versions(own: Iterable[Sequence[Value]]) -> list[str]:
    """One mark for each row: the same as long as not one of its values is another one."""
    digest: Callable[..., Any] = hashlib.blake2b
    return [
        digest(repr(row).encode("utf-8", "surrogatepass"), digest_size=12).hexdigest() for row in zip(*own, strict=True)
    ]


def _marks(cells: Cells) -> list[str]:
    return [f"x{cell}" for cell in cells]


def _label(names: Sequence[Value]) -> str | None:
    return " ".join(name for name in names if isinstance(name, str)) or None


def _known(value: Value) -> str | None:
    return value if isinstance(value, str) else None
