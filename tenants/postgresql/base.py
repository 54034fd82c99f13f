"""django-tenants' engine with a cheap look at tables, and a clear word where there is no database."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql.introspection import TableInfo
from django_tenants.postgresql_backend import base
from django_tenants.postgresql_backend.introspection import DatabaseSchemaIntrospection

NO_DATABASE = (
    "There is no database. Set DATABASE_URL (postgresql://user:password@host:port/name), "
    "or start the site with ./run, which brings a PostgreSQL of its own."
)


class DatabaseIntrospection(DatabaseSchemaIntrospection):
    """Looks at the tables of the current schema only.

    Django asks `pg_table_is_visible` of every table in the database: with many workspaces that is most of the
    time that a migration takes (25 ms against 0.7 ms a look at 230 schemas).
    """

    def get_table_list(self, cursor: Any) -> list[TableInfo]:
        cursor.execute(
            """
            SELECT c.relname,
                   CASE WHEN c.relispartition THEN 'p' WHEN c.relkind IN ('m', 'v') THEN 'v' ELSE 't' END,
                   obj_description(c.oid, 'pg_class')
              FROM pg_catalog.pg_class c
             WHERE c.relkind IN ('f', 'm', 'p', 'r', 'v')
               AND c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = %s)
            """,
            [self.connection.schema_name],
        )
        ignored = self.ignored_tables
        return [TableInfo(*row) for row in cursor.fetchall() if row[0] not in ignored]


SCHEMAS_A_CONNECTION = 50
"""A connection that has visited more is closed between two tasks or requests: the server remembers the tables of
each, about half a megabyte a workspace, until then."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Says what to do where no database is named, instead of Django's note on NAME; does not grow without end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.visited: set[str] = set()
        """Schemas since the connection was opened."""
        super().__init__(*args, **kwargs)
        self.introspection = DatabaseIntrospection(self)

    def set_tenant(self, tenant: Any, include_public: bool = True) -> None:
        super().set_tenant(tenant, include_public)
        self.visited.add(self.schema_name)

    def close(self) -> None:
        self.visited = set()
        super().close()

    def close_if_unusable_or_obsolete(self) -> None:
        """Django and the queue call it before and after each request or task."""
        if len(self.visited) > SCHEMAS_A_CONNECTION:
            self.close()
        else:
            super().close_if_unusable_or_obsolete()

    def get_connection_params(self) -> dict[str, Any]:
        if self.settings_dict["NAME"] == "":
            raise ImproperlyConfigured(NO_DATABASE)
        return super().get_connection_params()
