"""One connection for the life of a client, and short transactions on it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa

from connectors.contract import ConnectorBroken, Environment, Retry

from .faults import Complaint, Unreachable, raised
from .vendors import Vendor

CALL_SECONDS = 40
"""A writing call that has taken longer is taken back: before the deadline that resources promise."""


class Session:
    def __init__(self, vendor: Vendor, env: Environment) -> None:
        self.vendor = vendor
        self.env = env
        self._engine = vendor.engine()
        self._connection: sa.Connection | None = None
        self._ours = threading.RLock()
        self._until = 0.0

    @contextmanager
    def transaction(self, *, write: bool = False, first: bool = False) -> Iterator[sa.Connection]:
        """All that happens inside is done when it is left, or nothing of it.

        `first`: the settings are being tried, and what cannot be reached is an error in them. Raises what the
        client raises; no message names a statement's parameters or a password.
        """
        with self._ours:
            self.env.take()
            self._until = time.monotonic() + CALL_SECONDS
            try:
                connection = self._connected()
                with connection.begin():
                    self.vendor.begin(connection, write=write)
                    yield connection
            except Unreachable as error:
                if first:
                    raise
                raise Retry(str(error)) from None
            except sa.exc.DBAPIError as error:
                fault = self.vendor.fault(error)
                if fault.complaint is Complaint.PASSING or error.connection_invalidated:
                    self._drop()
                raise raised(fault) from None
            except UnicodeDecodeError:
                raise ConnectorBroken("The database holds text that is not in the encoding that it declares.") from None
            except sa.exc.SQLAlchemyError as error:
                self._drop()
                raise ConnectorBroken(f"The database was not understood: {type(error).__name__}") from None

    def check_time(self) -> None:
        """Raises Retry where a writing call has no time left."""
        if time.monotonic() > self._until:
            raise Retry(f"The database did not manage a batch within {CALL_SECONDS} seconds.")

    def close(self) -> None:
        with self._ours:
            self._drop()
            self._engine.dispose()

    def _connected(self) -> sa.Connection:
        if self._connection is None or self._connection.closed or self._connection.invalidated:
            self._drop()
            self._connection = self._engine.connect()
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sa.exc.SQLAlchemyError, OSError):
                connection.invalidate()
            with suppress(sa.exc.SQLAlchemyError, OSError):
                connection.close()
