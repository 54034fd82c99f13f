"""Any PostgreSQL, MySQL, MariaDB or SQLite database: tables become objects, columns become fields.

Reading order: `manifest` and `settings` (what a person types), `shapes` (what a table is made of),
`reflection` and `naming` (how the shapes are found), `resources` (what the account offers), `values` and
`keys` (the form in which cells and ids travel), `plans` (the statements of one resource), `reading`,
`writing`, `client`. What differs between the databases is in `vendors`, what they complain of in `faults`.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.contract import Environment, Manifest

from .client import SqlClient
from .manifest import MANIFEST
from .settings import Target

__all__ = ["SqlConnector", "connector"]


class SqlConnector:
    """The code of the app. Holds no state."""

    manifest: Manifest = MANIFEST

    def connect(self, settings: Mapping[str, str], env: Environment) -> SqlClient:
        return SqlClient(Target.of(settings, env), env)


connector = SqlConnector()
