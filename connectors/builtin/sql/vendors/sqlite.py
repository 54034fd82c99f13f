"""SQLite, through the standard library."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Mapping
from itertools import groupby
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from connectors.contract import WriteKind

from ..faults import Complaint, Fault, Unreachable
from ..manifest import Database
from ..shapes import TEXTS_OF_ALL_KINDS, Column, Form, Unique
from .base import LOCK_SECONDS, Vendor

_COMPLAINTS = {
    "SQLITE_CONSTRAINT_UNIQUE": Complaint.DUPLICATE,
    "SQLITE_CONSTRAINT_PRIMARYKEY": Complaint.DUPLICATE,
    "SQLITE_CONSTRAINT_ROWID": Complaint.DUPLICATE,
    "SQLITE_CONSTRAINT_NOTNULL": Complaint.MISSING,
    "SQLITE_CONSTRAINT_CHECK": Complaint.INVALID,
    "SQLITE_CONSTRAINT_DATATYPE": Complaint.INVALID,
    "SQLITE_CONSTRAINT_FOREIGNKEY": Complaint.NO_SUCH_PARENT,
    "SQLITE_CONSTRAINT_TRIGGER": Complaint.RULE,
    "SQLITE_MISMATCH": Complaint.INVALID,
    "SQLITE_TOOBIG": Complaint.TOO_LONG,
    "SQLITE_FULL": Complaint.PASSING,
    "SQLITE_NOMEM": Complaint.PASSING,
}
_FAMILIES = {
    "SQLITE_READONLY": Complaint.NOT_ALLOWED,
    "SQLITE_PERM": Complaint.NOT_ALLOWED,
    "SQLITE_AUTH": Complaint.NOT_ALLOWED,
    "SQLITE_BUSY": Complaint.PASSING,
    "SQLITE_LOCKED": Complaint.PASSING,
    "SQLITE_IOERR": Complaint.PASSING,
    "SQLITE_CANTOPEN": Complaint.PASSING,
}
"""By the name of the extended code or its beginning (https://www.sqlite.org/rescode.html)."""

_FAILED = re.compile(r"(?:UNIQUE|NOT NULL) constraint failed: (.*)", re.DOTALL)
_CHECK = re.compile(r"CHECK constraint failed: (.*)", re.DOTALL)

MOMENT = "%Y-%m-%d %H:%M:%f"


class SQLite(Vendor):
    database = Database.SQLITE
    driver = "sqlite+pysqlite"
    locks_rows = False

    def open(self) -> Any:
        path = self.target.path
        if not os.path.isfile(path):
            raise Unreachable("path", "There is no such file.")
        # Opened for writing where possible, and never made.
        address = f"file:{quote(path)}?mode={'rw' if os.access(path, os.W_OK) else 'ro'}"
        try:
            connection = sqlite3.connect(
                address, uri=True, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False
            )
            connection.text_factory = _decoded
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            connection.execute("PRAGMA foreign_keys = ON")
        except sqlite3.DatabaseError as error:
            name = getattr(error, "sqlite_errorname", "") or ""
            if name.startswith("SQLITE_BUSY"):
                raise Unreachable("path", "The file is locked by another program.") from None
            if name == "SQLITE_NOTADB":
                raise Unreachable("path", "This file is not a SQLite database.") from None
            raise Unreachable("path", f"The file could not be opened: {error}") from None
        return connection

    def begin(self, connection: sa.Connection, *, write: bool) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    def fault(self, error: sa.exc.DBAPIError) -> Fault:
        message = str(error.orig)
        name = getattr(error.orig, "sqlite_errorname", None) or ""
        complaint = _COMPLAINTS.get(name) or next((c for n, c in _FAMILIES.items() if name.startswith(n)), None)
        if message.startswith("no such table"):
            complaint = Complaint.TABLE_GONE
        elif message.startswith(("no such column", "table ")) and "column" in message:
            complaint = Complaint.COLUMN_GONE
        failed, check = _FAILED.search(message), _CHECK.search(message)
        return Fault(
            complaint=complaint or Complaint.OTHER,
            message=message,
            columns=tuple(part.rpartition(".")[2] for part in failed[1].split(", ")) if failed else (),
            constraint=check[1] if check else None,
        )

    def clock(self) -> sa.ColumnElement[Any]:
        return sa.func.strftime(sa.literal_column(f"'{MOMENT}'"), sa.literal_column("'now'"))

    def stamp(self, column: Column) -> sa.ColumnElement[Any]:
        return self.clock()

    def moment(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        # Moments are texts in whatever notation; as they are, "2026-01-31T…" sorts behind every "2026-01-31 …".
        return sa.func.strftime(sa.literal_column(f"'{MOMENT}'"), column)

    def moment_parameter(self, moment: str, column: Column) -> str:
        whole, _, fraction = moment.removesuffix("Z").replace("T", " ").partition(".")
        return f"{whole}.{fraction[:3]:0<3}"

    def moment_type(self, column: sa.Column[Any]) -> sa.types.TypeEngine[Any]:
        return sa.types.String()

    def writes(self, connection: sa.Connection, schema: str | None) -> Mapping[str, frozenset[WriteKind]] | None:
        if os.access(self.target.path, os.W_OK):
            return None
        names = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
        return {name: frozenset() for (name,) in names}

    def uniques(self, connection: sa.Connection) -> Mapping[str, list[Unique]]:
        # SQLAlchemy reads the text of CREATE TABLE, in which "email varchar(80) UNIQUE" escapes it.
        rows = connection.exec_driver_sql(
            "SELECT t.name, i.name, c.name FROM sqlite_master AS t"
            " JOIN pragma_index_list(t.name) AS i JOIN pragma_index_info(i.name) AS c"
            " WHERE t.type = 'table' AND i.\"unique\" AND NOT i.partial ORDER BY t.name, i.name, c.seqno"
        ).fetchall()
        found: dict[str, list[Unique]] = {}
        for (table, index), parts in groupby(rows, key=lambda row: (row[0], row[1])):
            columns = tuple(part[2] for part in parts)
            # None stands for an expression.
            if None not in columns:
                found.setdefault(table, []).append(Unique(index, columns))
        return found

    def readable_key(self, column: sa.Column[Any], shape: Column) -> sa.ColumnElement[bool] | None:
        kind = "text" if shape.form in TEXTS_OF_ALL_KINDS else "integer" if shape.form is Form.INTEGER else None
        return None if kind is None else sa.func.typeof(column) == sa.literal_column(f"'{kind}'")


def _decoded(text: bytes) -> str:
    """One character that is not UTF-8 must not keep a whole table from being read."""
    return text.decode("utf-8", "replace")
