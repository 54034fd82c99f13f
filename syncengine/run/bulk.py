"""Many rows at once: they travel as one JSON text, and one statement takes them apart.

That is many times as fast as `bulk_create` and `bulk_update`, which bind each value of each row by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection
from django.db.models import Field, Model, QuerySet

AT_ONCE = 2000


def update_rows(rows: Sequence[Model], names: Sequence[str]) -> None:
    """Write these fields of these rows, by their primary keys."""
    if not rows or not names:
        return
    meta = rows[0]._meta
    fields = [_field(rows[0], name) for name in names]
    columns = ", ".join(f'"{f.column}" = new."{f.column}"' for f in fields)
    sql = (
        f'UPDATE "{meta.db_table}" AS old SET {columns} FROM {_recordset([_field(rows[0], "pk"), *fields])} '
        f'WHERE old."{meta.pk.column}" = new."{meta.pk.column}"'
    )
    _in_portions(sql, rows, [_field(rows[0], "pk"), *fields])


def insert_rows(rows: Sequence[Model]) -> None:
    """New rows, which get their primary keys here. Defaults of the model hold; those of `save` (auto_now) do not."""
    if not rows:
        return
    meta = rows[0]._meta
    attname = meta.pk.attname
    for row, pk in zip(rows, _new_keys(rows[0], len(rows)), strict=True):
        setattr(row, attname, pk)
        row._state.adding = False
    # A column without a value in any of them is NULL unasked, unless it has a default in the database.
    fields = [
        f for f in meta.concrete_fields if f.has_db_default() or any(getattr(r, f.attname) is not None for r in rows)
    ]
    columns = ", ".join(f'"{f.column}"' for f in fields)
    _in_portions(f'INSERT INTO "{meta.db_table}" ({columns}) SELECT {columns} FROM {_recordset(fields)}', rows, fields)


def delete_rows(rows: QuerySet[Any]) -> None:
    """Delete these by one statement; nothing may hang on them.

    Django's own `delete` loads them first, to tell whoever listens: of a million records that is their ids at least.
    """
    rows._raw_delete(rows.db)


def as_json(values: Iterable[Mapping[str, Any] | Sequence[Any]]) -> str:
    """For `json_to_recordset`."""
    rows = list(values)
    try:
        return orjson.dumps(rows).decode()
    except TypeError:  # Numbers of more than 64 bits, texts that stand for something else.
        return json.dumps(rows, default=_plain, ensure_ascii=False)


def _field(row: Model, name: str) -> Field[Any, Any]:
    return row._meta.pk if name == "pk" else row._meta.get_field(name)  # type: ignore[return-value]


def _recordset(fields: Sequence[Field[Any, Any]]) -> str:
    described = ", ".join(f'"{f.column}" {_kind(f)}' for f in fields)
    return f"json_to_recordset(%s::json) AS new ({described})"


def _kind(field: Field[Any, Any]) -> str:
    """Without a length: a cast to varchar(255) would cut silently, an assignment complains."""
    return (field.rel_db_type(connection) or "text").partition("(")[0]


def _in_portions(sql: str, rows: Sequence[Model], fields: Sequence[Field[Any, Any]]) -> None:
    names = [(field.column, field.attname) for field in fields]
    with connection.cursor() as cursor:
        for start in range(0, len(rows), AT_ONCE):
            held = (row.__dict__ for row in rows[start : start + AT_ONCE])
            cursor.execute(sql, [as_json({column: values[name] for column, name in names} for values in held)])


def _new_keys(row: Model, count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
            [f'"{row._meta.db_table}"', row._meta.pk.column, count],
        )
        return [key for (key,) in cursor.fetchall()]


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} does not travel as JSON")
