"""Many rows at once: one statement with arrays instead of one CASE for each row and column."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import Field, JSONField, Model

AT_ONCE = 2000


def update_rows(rows: Sequence[Model], fields: Sequence[str]) -> None:
    """Write these fields of these rows, by their primary keys. What `bulk_update` does, many times as fast."""
    for start in range(0, len(rows), AT_ONCE):
        _update(rows[start : start + AT_ONCE], fields)


def _update(rows: Sequence[Model], names: Sequence[str]) -> None:
    meta = rows[0]._meta
    fields: list[Field[Any, Any]] = [meta.get_field(name) for name in names]  # type: ignore[misc]
    columns = [f'"{field.column}"' for field in fields]
    arrays = ["%s::bigint[]", *(f"%s::{_array_of(field)}" for field in fields)]
    params: list[Any] = [[row.pk for row in rows], *([_prepared(field, row) for row in rows] for field in fields)]
    sql = (
        f'UPDATE "{meta.db_table}" AS old SET {", ".join(f"{c} = new.{c}" for c in columns)} '
        f"FROM unnest({', '.join(arrays)}) AS new (pk, {', '.join(columns)}) "
        f'WHERE old."{meta.pk.column}" = new.pk'
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, params)


def _array_of(field: Field[Any, Any]) -> str:
    """Without a length: a cast to varchar(255) would cut silently, an assignment complains."""
    kind = field.db_type(connection) or "text"
    return f"{kind.partition('(')[0]}[]"


def _prepared(field: Field[Any, Any], row: Model) -> Any:
    value = getattr(row, field.attname)
    if isinstance(field, JSONField):
        return json.dumps(value, cls=field.encoder)
    return field.get_db_prep_save(value, connection)
