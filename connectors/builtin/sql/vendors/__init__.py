"""What differs between the databases: connecting, time, sessions, complaints."""

from __future__ import annotations

from ..manifest import Database
from ..settings import Target
from .base import MARK, PLACE, Vendor
from .mysql import MySQL
from .postgresql import PostgreSQL
from .sqlite import SQLite

__all__ = ["MARK", "PLACE", "Vendor", "vendor_of"]

_VENDORS: dict[Database, type[Vendor]] = {
    Database.POSTGRESQL: PostgreSQL,
    Database.MYSQL: MySQL,
    Database.SQLITE: SQLite,
}


def vendor_of(target: Target, *, allow_private: bool) -> Vendor:
    return _VENDORS[target.kind](target, allow_private=allow_private)
