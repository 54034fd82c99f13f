"""PostgreSQL, through psycopg 3."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.types.string import TextLoader

from connectors.contract import Retry, SignInAgain, WriteKind

from ..faults import Complaint, Fault, Unreachable
from ..kept import Kept
from ..manifest import TLS, Database
from ..shapes import Column
from .base import CONNECT_SECONDS, LOCK_SECONDS, PLACE, READ_SECONDS, WRITE_SECONDS, Vendor

_SSLMODES = {TLS.PREFER: "prefer", TLS.REQUIRE: "require", TLS.VERIFY: "verify-full", TLS.DISABLE: "disable"}

_AS_TEXT = ("numeric", "float4", "float8", "date", "timestamp", "timestamptz", "uuid")
"""Types that are taken as the text that the server sends: exact, and any value of them can be taken at all
(Python has no date before the year 1 or after 9999, and PostgreSQL has)."""

_COMPLAINTS = {
    "23505": Complaint.DUPLICATE,
    "23502": Complaint.MISSING,
    "22001": Complaint.TOO_LONG,
    "23503": Complaint.NO_SUCH_PARENT,
    "23001": Complaint.STILL_REFERRED_TO,
    "23514": Complaint.INVALID,
    "23P01": Complaint.RULE,
    "428C9": Complaint.RULE,
    "44000": Complaint.RULE,
    "P0001": Complaint.RULE,
    "42501": Complaint.NOT_ALLOWED,
    "25006": Complaint.NOT_ALLOWED,
    "42P01": Complaint.TABLE_GONE,
    "3F000": Complaint.TABLE_GONE,
    "42703": Complaint.COLUMN_GONE,
    "55P03": Complaint.PASSING,
    "25P03": Complaint.PASSING,
    "28000": Complaint.SIGN_IN,
    "28P01": Complaint.SIGN_IN,
}
_CLASSES = {
    "08": Complaint.PASSING,
    "22": Complaint.INVALID,
    "23": Complaint.INVALID,
    "40": Complaint.PASSING,
    "53": Complaint.PASSING,
    "57": Complaint.PASSING,
    "58": Complaint.PASSING,
}
"""By the first two characters of SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""


class PostgreSQL(Vendor):
    database = Database.POSTGRESQL
    driver = "postgresql+psycopg"

    def engine_options(self) -> dict[str, Any]:
        return {"use_native_hstore": False}

    def open(self) -> Any:
        target = self.target
        addresses = self.addresses()
        try:
            connection = psycopg.connect(
                host=",".join([target.host] * len(addresses)),
                hostaddr=",".join(addresses),
                port=target.port,
                dbname=target.database,
                user=target.user,
                password=target.password,
                sslmode=_SSLMODES[target.tls],
                sslrootcert="system" if target.tls is TLS.VERIFY else None,
                gssencmode="disable",
                connect_timeout=CONNECT_SECONDS,
                client_encoding="utf8",
                application_name="SyncSite",
                keepalives_idle=15,
                keepalives_interval=5,
                keepalives_count=3,
                tcp_user_timeout=30_000,
                # Prepared statements get lost behind a pooler that serves transactions.
                prepare_threshold=None,
            )
        except psycopg.Error as error:
            raise _not_connected(str(error)) from None
        for name in _AS_TEXT:
            connection.adapters.register_loader(name, TextLoader)
        return connection

    def begin(self, connection: sa.Connection, *, write: bool) -> None:
        # For this transaction only: behind a pooler, a session is shared with others.
        settings = {
            "TimeZone": "UTC",
            "DateStyle": "ISO, YMD",
            "extra_float_digits": "1",
            "lock_timeout": f"{LOCK_SECONDS}s",
            "statement_timeout": f"{WRITE_SECONDS if write else READ_SECONDS}s",
            "idle_in_transaction_session_timeout": "60s",
            **({} if write else {"transaction_read_only": "on"}),
        }
        calls = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in settings.items())
        connection.exec_driver_sql(f"SELECT {calls}")
        if write:
            # What is checked at the end only could not be told of one row.
            connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")

    def fault(self, error: sa.exc.DBAPIError) -> Fault:
        original = error.orig
        state = getattr(original, "sqlstate", None) or ""
        diagnosis = getattr(original, "diag", None)
        complaint = _COMPLAINTS.get(state) or _CLASSES.get(state[:2])
        if complaint is None:
            passing = error.connection_invalidated or isinstance(original, psycopg.OperationalError)
            complaint = Complaint.PASSING if passing else Complaint.OTHER
        message = getattr(diagnosis, "message_primary", None) or str(original).split("\n", 1)[0]
        named = getattr(diagnosis, "column_name", None)
        if complaint is Complaint.NO_SUCH_PARENT and "still referenced" in (
            getattr(diagnosis, "message_detail", None) or ""
        ):
            complaint = Complaint.STILL_REFERRED_TO
        return Fault(
            complaint=complaint,
            message=message,
            columns=(named,) if named else (),
            constraint=getattr(diagnosis, "constraint_name", None),
        )

    def clock(self) -> sa.ColumnElement[Any]:
        return sa.literal_column("clock_timestamp()")

    def stamp(self, column: Column) -> sa.ColumnElement[Any]:
        return sa.literal_column("clock_timestamp()" if column.zoned else "CAST(clock_timestamp() AS timestamp)")

    def rows(self, rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> sa.FromClause | None:
        text = json.dumps([{PLACE: place, **row} for place, row in enumerate(rows)], default=str, ensure_ascii=False)
        columns = (sa.column(name, Kept(cast)) for name, cast in {PLACE: "BIGINT", **types}.items())
        function = sa.func.json_to_recordset(sa.cast(sa.literal(text, sa.Text), sa.JSON))
        return function.table_valued(*columns).render_derived(name="given", with_types=True)

    def among(self, column: sa.Column[Any], cast: str, parts: Sequence[Any]) -> sa.ColumnElement[bool]:
        return column == sa.func.any(sa.literal(list(parts), Kept(f"{cast}[]")))

    def marked(self, connection: sa.Connection, schema: str | None) -> Collection[str]:
        # Partitions may lie on another server, and views have none.
        asked = sa.text(
            "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = coalesce(CAST(:schema AS text), current_schema()) AND c.relkind = 'r'"
        )
        return frozenset(connection.execute(asked, {"schema": schema}).scalars())

    def writes(self, connection: sa.Connection, schema: str | None) -> Mapping[str, frozenset[WriteKind]]:
        rows = connection.execute(
            sa.text(
                "SELECT c.relname,"
                "  has_any_column_privilege(c.oid, 'INSERT'),"
                "  has_any_column_privilege(c.oid, 'UPDATE'),"
                # To hold a row until it is deleted takes the right to change it.
                "  has_table_privilege(c.oid, 'DELETE') AND has_any_column_privilege(c.oid, 'UPDATE'),"
                "  pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool"
                " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                " WHERE n.nspname = coalesce(CAST(:schema AS text), current_schema())"
                "  AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition"
                "  AND has_table_privilege(c.oid, 'SELECT')"
            ),
            {"schema": schema},
        )
        kinds = (WriteKind.CREATE, WriteKind.UPDATE, WriteKind.DELETE)
        return {
            name: frozenset(kind for kind, may in zip(kinds, rights, strict=True) if may and not read_only)
            for name, *rights, read_only in rows
        }


def _not_connected(message: str) -> Exception:
    """What a failed connection means. The server says it in words only, and in a language of its own choice;
    what is not recognised is shown as it is."""
    words = message.rsplit("failed: ", 1)[-1].strip().split("\n", 1)[0].removeprefix("FATAL:").strip()
    if "password authentication failed" in words or "no password supplied" in words or "role " in words:
        return SignInAgain("The server does not accept this user with this password.")
    if "no pg_hba.conf entry" in words:
        return SignInAgain(f"The server does not let this user in from here: {words}")
    if words.startswith("database ") and "does not exist" in words:
        return Unreachable("database", "There is no database of this name on the server.")
    if "Connection refused" in words:
        return Unreachable("port", "Nothing answers at this port of the host.")
    if "timeout" in words or "timed out" in words or "unreachable" in words or "No route" in words:
        return Unreachable("host", f"The host did not answer within {CONNECT_SECONDS} seconds.")
    if "SSL" in words or "certificate" in words:
        return Unreachable("tls", f"No encrypted connection could be made: {words}")
    if "too many" in words or "starting up" in words or "shutting down" in words or "remaining connection" in words:
        return Retry(words)
    if "permission denied for database" in words:
        return Unreachable("database", "The user may not enter this database.")
    return Unreachable("", f"The server could not be entered: {words}")
