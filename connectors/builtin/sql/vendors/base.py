"""The parts in which the databases differ, with what most of them share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from connectors.contract import Retry, WriteKind
from connectors.toolkit.addresses import AddressRefused, check_host

from ..faults import Fault, Unreachable
from ..manifest import Database
from ..settings import Target
from ..shapes import Column, Unique

CONNECT_SECONDS = 10
LOCK_SECONDS = 10
READ_SECONDS = 60
WRITE_SECONDS = 15
"""Most that one statement may take before the database gives it up."""

PLACE = "place"
"""Column of `Vendor.rows`."""

MARK = "xmin"
"""Name of the column that holds a row's mark: in PostgreSQL the number of the transaction that wrote it."""

EVERYTHING = frozenset({WriteKind.CREATE, WriteKind.UPDATE, WriteKind.DELETE})


class Vendor(ABC):
    """One kind of database, and the one that a person named."""

    database: ClassVar[Database]
    driver: ClassVar[str]
    """SQLAlchemy's name of dialect and driver."""
    locks_rows: ClassVar[bool] = True
    """`SELECT … FOR UPDATE`. Where there is none, a writing transaction is alone from its beginning."""
    batch: ClassVar[int] = 500
    """Rows in one call of `Client.write`."""

    def __init__(self, target: Target, *, allow_private: bool) -> None:
        self.target = target
        self.allow_private = allow_private

    def engine(self) -> sa.Engine:
        """One that holds no address and no password, so that no message or log of it can show them."""
        return sa.create_engine(
            f"{self.driver}://",
            creator=self.open,
            poolclass=NullPool,
            hide_parameters=True,
            **self.engine_options(),
        )

    def engine_options(self) -> dict[str, Any]:
        return {}

    @abstractmethod
    def open(self) -> Any:
        """A connection of the driver. Raises Unreachable, SignInAgain, Retry."""

    @abstractmethod
    def begin(self, connection: sa.Connection, *, write: bool) -> None:
        """The first statements of each transaction."""

    @abstractmethod
    def fault(self, error: sa.exc.DBAPIError) -> Fault:
        """What the database complained of."""

    @abstractmethod
    def clock(self) -> sa.ColumnElement[Any]:
        """The database's own time in UTC, of a kind that `moment_reader` reads."""

    @abstractmethod
    def stamp(self, column: Column) -> sa.ColumnElement[Any]:
        """The database's own time, as a value for a column of moments."""

    def moment(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """A column of moments as something that compares by time."""
        return column

    def moment_parameter(self, moment: str, column: Column) -> str:
        """A moment in wire form, as a parameter to be compared with `moment`."""
        utc = moment.removesuffix("Z").replace("T", " ")
        return f"{utc}+00" if column.zoned else utc

    def moment_type(self, column: sa.Column[Any]) -> sa.types.TypeEngine[Any]:
        """The type of a parameter that is compared with `moment`."""
        return column.type

    @abstractmethod
    def writes(self, connection: sa.Connection, schema: str | None) -> Mapping[str, frozenset[WriteKind]] | None:
        """Table or view → what we may do with it besides reading; without those that we cannot read. None: the
        database does not tell, and everything is taken to be allowed."""

    def uniques(self, connection: sa.Connection) -> Mapping[str, list[Unique]]:
        """Table → what is unique in it, where SQLAlchemy does not see all of it."""
        return {}

    def rows(self, rows: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> sa.FromClause | None:
        """These parameters as a table: a column for each name in `types`, of that type, and one for each row's place
        (`PLACE`). They travel as a single value, so that one statement takes any number of rows. None: they have to
        travel one by one."""
        return None

    def among(self, column: sa.Column[Any], cast: str, parts: Sequence[Any]) -> sa.ColumnElement[bool]:
        """The column holds one of these parameters."""
        return column.in_(parts)

    def marked(self, connection: sa.Connection, schema: str | None) -> Collection[str]:
        """Names of the tables whose rows carry a mark that is another one after each change (`MARK`)."""
        return ()

    def readable_key(self, column: sa.Column[Any], shape: Column) -> sa.ColumnElement[bool] | None:
        """What holds of the rows whose key column has an ordinary value, where others are possible."""
        return None

    def addresses(self) -> tuple[str, ...]:
        """Where the server is. Connect there, not to its name. Raises Unreachable."""
        try:
            return check_host(self.target.host, self.target.port, allow_private=self.allow_private)
        except AddressRefused as refused:
            raise Unreachable("host", str(refused)) from None
        except Retry as unknown:
            raise Unreachable("host", str(unknown)) from None
