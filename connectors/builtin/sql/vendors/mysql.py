"""MySQL and MariaDB, through PyMySQL."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from typing import Any

import pymysql
import sqlalchemy as sa
from pymysql.constants import CLIENT, CR, ER, FIELD_TYPE
from pymysql.converters import conversions

from connectors.contract import Retry, SignInAgain, WriteKind

from ..faults import Complaint, Fault, Unreachable
from ..manifest import TLS, Database
from ..shapes import Column
from .base import CONNECT_SECONDS, EVERYTHING, LOCK_SECONDS, READ_SECONDS, WRITE_SECONDS, Vendor

_AS_TEXT = {
    FIELD_TYPE.DECIMAL,
    FIELD_TYPE.NEWDECIMAL,
    FIELD_TYPE.FLOAT,
    FIELD_TYPE.DOUBLE,
    FIELD_TYPE.DATE,
    FIELD_TYPE.DATETIME,
    FIELD_TYPE.TIMESTAMP,
    FIELD_TYPE.NEWDATE,
}
_CONVERSIONS = {kind: convert for kind, convert in conversions.items() if kind not in _AS_TEXT}
"""Exact, and without the year 1 to 9999 of Python's dates."""

_TRANSACTIONAL = {"InnoDB", "RocksDB", "ROCKSDB", "TokuDB", "ndbcluster", "NDBCLUSTER"}

_COMPLAINTS = {
    ER.DUP_ENTRY: Complaint.DUPLICATE,
    1586: Complaint.DUPLICATE,
    ER.BAD_NULL_ERROR: Complaint.MISSING,
    ER.NO_DEFAULT_FOR_FIELD: Complaint.MISSING,
    ER.DATA_TOO_LONG: Complaint.TOO_LONG,
    ER.WARN_DATA_OUT_OF_RANGE: Complaint.INVALID,
    ER.WARN_DATA_TRUNCATED: Complaint.INVALID,
    ER.TRUNCATED_WRONG_VALUE: Complaint.INVALID,
    ER.TRUNCATED_WRONG_VALUE_FOR_FIELD: Complaint.INVALID,
    3988: Complaint.INVALID,  # characters that the column's character set lacks
    ER.NO_REFERENCED_ROW: Complaint.NO_SUCH_PARENT,
    ER.NO_REFERENCED_ROW_2: Complaint.NO_SUCH_PARENT,
    ER.ROW_IS_REFERENCED: Complaint.STILL_REFERRED_TO,
    ER.ROW_IS_REFERENCED_2: Complaint.STILL_REFERRED_TO,
    3819: Complaint.INVALID,  # check constraint, MySQL
    4025: Complaint.INVALID,  # check constraint, MariaDB
    1644: Complaint.RULE,  # SIGNAL of a trigger
    ER.TABLEACCESS_DENIED_ERROR: Complaint.NOT_ALLOWED,
    ER.COLUMNACCESS_DENIED_ERROR: Complaint.NOT_ALLOWED,
    ER.DBACCESS_DENIED_ERROR: Complaint.NOT_ALLOWED,
    ER.SPECIFIC_ACCESS_DENIED_ERROR: Complaint.NOT_ALLOWED,
    ER.OPTION_PREVENTS_STATEMENT: Complaint.NOT_ALLOWED,
    1792: Complaint.NOT_ALLOWED,  # in a read-only transaction
    1836: Complaint.NOT_ALLOWED,  # the server is read-only
    ER.ACCESS_DENIED_ERROR: Complaint.SIGN_IN,
    ER.NO_SUCH_TABLE: Complaint.TABLE_GONE,
    ER.BAD_DB_ERROR: Complaint.TABLE_GONE,
    ER.BAD_FIELD_ERROR: Complaint.COLUMN_GONE,
    ER.LOCK_WAIT_TIMEOUT: Complaint.PASSING,
    ER.LOCK_DEADLOCK: Complaint.PASSING,
    ER.QUERY_INTERRUPTED: Complaint.PASSING,
    1969: Complaint.PASSING,  # statement took too long, MariaDB
    3024: Complaint.PASSING,  # statement took too long, MySQL
    1020: Complaint.PASSING,  # changed since it was read, MariaDB with snapshot isolation
}
"""Numbers without a name are not in PyMySQL's list:
https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html, https://mariadb.com/kb/en/mariadb-error-codes/
"""

_COLUMN = re.compile(r"(?:[Cc]olumn|Field) '(?:[^']*\.)?([^'.]+)'")
_INDEX = re.compile(r"for key '(?:[^']*\.)?([^'.]+)'\s*$")
_FOREIGN_KEY = re.compile(r"CONSTRAINT `((?:[^`]|``)+)`")
_CHECK = re.compile(r"CONSTRAINT `(?:[^`]+`\.`)*([^`.]+)`|[Cc]heck constraint '([^']+)'")


class MySQL(Vendor):
    database = Database.MYSQL
    driver = "mysql+pymysql"
    batch = 200
    """Updates travel one by one, and all of them have to arrive before the deadline."""

    def open(self) -> Any:
        target = self.target
        connection = pymysql.Connection(
            host=target.host,
            port=target.port,
            database=target.database,
            user=target.user,
            password=target.password,
            charset="utf8mb4",
            conv=_CONVERSIONS,
            client_flag=CLIENT.FOUND_ROWS,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS + 5,
            write_timeout=WRITE_SECONDS,
            defer_connect=True,
            **self._tls(),
        )
        try:
            connection.connect(self._dialled())
            with connection.cursor() as cursor:
                self._prepare(connection, cursor)
        except pymysql.err.Error as error:
            if connection.open:
                connection.close()
            raise self._not_connected(error) from None
        return connection

    def _prepare(self, connection: pymysql.Connection, cursor: Any) -> None:
        cursor.execute(
            "SET SESSION time_zone = '+00:00', innodb_lock_wait_timeout = %s,"
            # What does not fit is refused, not cut to size.
            " sql_mode = CONCAT(@@SESSION.sql_mode, ',STRICT_ALL_TABLES')",
            (LOCK_SECONDS,),
        )
        mariadb = "mariadb" in connection.get_server_info().lower()
        if mariadb:
            cursor.execute("SET SESSION max_statement_time = %s", (READ_SECONDS,))
        else:
            cursor.execute("SET SESSION max_execution_time = %s", (READ_SECONDS * 1000,))

    def _tls(self) -> dict[str, Any]:
        match self.target.tls:
            case TLS.DISABLE:
                return {"ssl_disabled": True}
            case TLS.VERIFY:
                return {"ssl": ssl.create_default_context()}
            case TLS.REQUIRE:
                context = ssl.create_default_context()
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
                return {"ssl": context}
            case _:
                return {}

    def _dialled(self) -> socket.socket:
        """A connection to one of the addresses that were checked, not to whatever the name means next time."""
        refused = False
        for address in self.addresses():
            try:
                connected = socket.create_connection((address, self.target.port), CONNECT_SECONDS)
            except ConnectionRefusedError:
                refused = True
                continue
            except OSError:
                continue
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            return connected
        if refused:
            raise Unreachable("port", "Nothing answers at this port of the host.")
        raise Unreachable("host", f"The host did not answer within {CONNECT_SECONDS} seconds.")

    def _not_connected(self, error: pymysql.err.Error) -> Exception:
        number, message = _parts(error)
        match number:
            case ER.ACCESS_DENIED_ERROR:
                return SignInAgain("The server does not accept this user with this password.")
            case 1130:
                return SignInAgain("The server does not let anybody in from here.")
            case ER.BAD_DB_ERROR:
                return Unreachable("database", "There is no database of this name on the server.")
            case ER.DBACCESS_DENIED_ERROR:
                return Unreachable("database", "The user may not enter this database.")
            case ER.CON_COUNT_ERROR | ER.TOO_MANY_USER_CONNECTIONS | ER.SERVER_SHUTDOWN:
                return Retry(message)
            case CR.CR_SSL_CONNECTION_ERROR:
                return Unreachable("tls", "The server does not offer encryption.")
            case _ if "SSL" in message or "certificate" in message:
                return Unreachable("tls", f"No encrypted connection could be made: {message}")
            case CR.CR_SERVER_LOST | CR.CR_CONN_HOST_ERROR | CR.CR_SERVER_GONE_ERROR:
                return Unreachable("port", "What answers at this port is not this kind of database.")
            case _:
                return Unreachable("", f"The server could not be entered: {message}")

    def begin(self, connection: sa.Connection, *, write: bool) -> None:
        """The session is ours alone, and was prepared when it was opened."""

    def fault(self, error: sa.exc.DBAPIError) -> Fault:
        number, message = _parts(error.orig)
        complaint = _COMPLAINTS.get(number)
        if complaint is None:
            lost = error.connection_invalidated or number in _LOST
            complaint = Complaint.PASSING if lost else Complaint.OTHER
        if complaint is Complaint.INVALID and number == ER.WARN_DATA_TRUNCATED:
            complaint = Complaint.UNKNOWN_OPTION
        columns, constraint = _COLUMN.search(message), None
        if complaint is Complaint.DUPLICATE:
            constraint = _INDEX.search(message)
        elif complaint in (Complaint.NO_SUCH_PARENT, Complaint.STILL_REFERRED_TO):
            constraint = _FOREIGN_KEY.search(message)
        elif number in (3819, 4025):
            constraint = _CHECK.search(message)
        return Fault(
            complaint=complaint,
            message=message,
            columns=(columns[1],) if columns else (),
            constraint=next((name for name in constraint.groups() if name), None) if constraint else None,
        )

    def clock(self) -> sa.ColumnElement[Any]:
        return sa.literal_column("UTC_TIMESTAMP(6)")

    def stamp(self, column: Column) -> sa.ColumnElement[Any]:
        return sa.literal_column("UTC_TIMESTAMP(6)")

    def writes(self, connection: sa.Connection, schema: str | None) -> Mapping[str, frozenset[WriteKind]]:
        """A table in which a half-done batch stays half done is only read. Rights cannot be had in one look: what
        is forbidden is refused when it is tried."""
        rows = connection.exec_driver_sql(
            "SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
        )
        return {name: EVERYTHING if engine in _TRANSACTIONAL else frozenset() for name, engine in rows}


_LOST = {CR.CR_SERVER_LOST, CR.CR_SERVER_GONE_ERROR, CR.CR_CONN_HOST_ERROR, 0, 1927, 4031}


def _parts(error: BaseException | None) -> tuple[int, str]:
    """Number and words. PyMySQL's errors for a lost connection have number 0 and no words."""
    arguments: tuple[Any, ...] = getattr(error, "args", ())
    number = arguments[0] if arguments and isinstance(arguments[0], int) else 0
    words = str(arguments[1]) if len(arguments) > 1 and arguments[1] else "The connection to the server was lost."
    return number, words
