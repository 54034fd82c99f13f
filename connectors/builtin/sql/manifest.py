"""The facts of the app: what the marketplace shows, and what the connect page asks for."""

from __future__ import annotations

from enum import StrEnum

from connectors.contract import Kind, Manifest, Setting, SettingKind


class Database(StrEnum):
    POSTGRESQL = "postgresql"
    MYSQL = "mysql"
    SQLITE = "sqlite"


class TLS(StrEnum):
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY = "verify"
    DISABLE = "disable"


MANIFEST = Manifest(
    name="sql",
    label="SQL database",
    summary="Keep the tables of a PostgreSQL, MySQL, MariaDB or SQLite database in step with your other apps.",
    category="Databases",
    kinds=(Kind.CONTACT, Kind.COMPANY, Kind.DEAL, Kind.LEAD, Kind.PRODUCT, Kind.LINE_ITEM, Kind.INVOICE),
    settings=(
        Setting(
            name="database_kind",
            label="Kind of database",
            kind=SettingKind.CHOICE,
            choices=(
                (Database.POSTGRESQL.value, "PostgreSQL"),
                (Database.MYSQL.value, "MySQL or MariaDB"),
                (Database.SQLITE.value, "SQLite"),
            ),
            default=Database.POSTGRESQL.value,
        ),
        Setting(
            name="host",
            label="Host",
            required=False,
            placeholder="db.example.com",
            help="Name or address of the server. Not for SQLite.",
        ),
        Setting(
            name="port",
            label="Port",
            kind=SettingKind.INTEGER,
            required=False,
            placeholder="5432",
            help="Left blank: 5432 for PostgreSQL, 3306 for MySQL and MariaDB.",
        ),
        Setting(name="database", label="Database", required=False, help="Name of the database. Not for SQLite."),
        Setting(
            name="user",
            label="User",
            required=False,
            help="Best a user of its own, who may read and change only the tables that are to be synced.",
        ),
        Setting(name="password", label="Password", kind=SettingKind.SECRET, required=False),
        Setting(
            name="schema",
            label="Schema",
            required=False,
            help="PostgreSQL only. Left blank: the one in which the user's unqualified names are found.",
        ),
        Setting(
            name="tls",
            label="Encryption",
            kind=SettingKind.CHOICE,
            required=False,
            choices=(
                (TLS.PREFER.value, "Encrypted if the server offers it"),
                (TLS.REQUIRE.value, "Always encrypted"),
                (TLS.VERIFY.value, "Always encrypted, and the server's certificate is checked"),
                (TLS.DISABLE.value, "Not encrypted"),
            ),
            default=TLS.PREFER.value,
            help="Across the internet choose one that is always encrypted.",
        ),
        Setting(
            name="path",
            label="Path of the file",
            required=False,
            placeholder="/srv/crm/customers.sqlite3",
            help="SQLite only, where the operator of this site allows files.",
        ),
    ),
    icon="database",
    description=(
        "Every table with a primary key becomes an object, and every column a field. You say what a table holds "
        "(contacts, companies, deals, …) and what its columns stand for; both are proposed from their names. "
        "A foreign key becomes a reference to a record of the other table, shown by that record's name.\n\n"
        "Where a table has a column with the time of the last change (updated_at, say), only what changed is "
        "read; otherwise the whole table is read and compared. Changes are written in batches, each in one "
        "transaction, and a row that somebody else changed in the meantime is never overwritten.\n\n"
        "A time of the last change and a time of creation are set by the database's clock on everything that is "
        "written from here, so that others who read the table by these columns see it. Times without a time zone "
        "are taken as UTC. Views can be read."
    ),
    limits=(
        "A table without a primary key, and without another key of columns that are never blank, is left out.",
        "A view is offered only if it has a column named id, which has to be unique; it is read, never written.",
        "Columns of binary data, JSON, time of day, intervals and geometry are left out and never touched.",
        "A deleted row shows only when the whole table is read, which happens from time to time.",
        "A row that a transaction commits more than five minutes after its time of change may show only then, too.",
        "A change of a row that leaves its time of change as it was shows only then, too.",
        "A row whose key is made by the database cannot be recognised by a key of ours: where the answer to a "
        "creation is lost, the row is looked for by its contents.",
        "MySQL tables of an engine without transactions (MyISAM) are read, never written.",
        "Deleting a row deletes whatever the database's own rules (ON DELETE CASCADE) delete with it.",
    ),
    custom_objects=True,
)
