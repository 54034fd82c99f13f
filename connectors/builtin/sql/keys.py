"""The id of a record ↔ the cells of its key.

A key of one column is its value as text. A key of several is all of them, joined by commas; a comma or a per
cent sign within a part is written as "%2C" or "%25", so that an id always leads back to its parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.contract import Value

from .manifest import Database
from .shapes import Column, Form
from .values import UNREAD, Misfit, binder

Key = tuple[Any, ...]
"""The cells of a key, as parameters for the driver."""


def ids_of(columns: Sequence[Sequence[Value]]) -> list[str | None]:
    """The ids of rows, given the cells of their key columns in wire form. None where a part cannot be read
    (SQLite lets parts of a primary key be NULL)."""
    if len(columns) == 1:
        return [None if cell is None or cell is UNREAD else str(cell) for cell in columns[0]]
    return [
        None if any(cell is None or cell is UNREAD for cell in cells) else ",".join(map(_escaped, cells))
        for cells in zip(*columns, strict=True)
    ]


def key_of(id: str, columns: Sequence[Column], database: Database) -> Key | None:
    """The parameters that find a record; None where no row can have such an id."""
    parts = [id] if len(columns) == 1 else [_plain(part) for part in id.split(",")]
    if len(parts) != len(columns):
        return None
    try:
        return tuple(bound_part(part, column, database) for part, column in zip(parts, columns, strict=True))
    except (Misfit, ValueError):
        return None


def id_of(key: Key) -> str:
    """The id of a row, from the parameters that find it."""
    return str(key[0]) if len(key) == 1 else ",".join(map(_escaped, key))


def bound_part(part: str, column: Column, database: Database) -> Any:
    """One part of an id as a parameter. Raises Misfit or ValueError where the column cannot hold it."""
    value: Value = part
    if column.form is Form.INTEGER:
        value = int(part)
        if str(value) != part:
            raise ValueError("not how an id is written")
    if value == "":
        return ""
    return binder(column, database)(value)


def _escaped(cell: Value) -> str:
    return str(cell).replace("%", "%25").replace(",", "%2C")


def _plain(part: str) -> str:
    return part.replace("%2C", ",").replace("%25", "%")
