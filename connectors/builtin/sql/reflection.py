"""Tables as they are now → `shapes`. Asks the database's catalogue through SQLAlchemy's inspector, in few queries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.engine.reflection import ObjectKind

from connectors.contract import ResourceGone, WriteKind

from . import naming
from .forms import options_of_check, typed
from .manifest import Database
from .shapes import TEXTS_OF_ALL_KINDS, Column, Form, KeyMaker, Reference, Table, Unique
from .vendors import Vendor
from .vendors.base import EVERYTHING

KEY_FORMS = frozenset({Form.INTEGER, Form.DECIMAL, Form.DATE, Form.MOMENT, Form.TEXT, Form.PADDED, Form.UUID})
SQLITE_KEY_FORMS = frozenset({Form.INTEGER, Form.TEXT})
"""In SQLite, texts in columns of numbers or dates have no order that can be relied on."""

UUID_LENGTH = 36

Named = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Identity:
    """Of whom the catalogue was asked."""

    database: Database
    dialect: sa.Dialect
    schema: str | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the inspector says of some tables; each part by table name."""

    columns: Mapping[str, list[ReflectedColumn]]
    keys: Mapping[str, Named]
    foreign_keys: Mapping[str, list[Named]]
    identity: Identity
    uniques: Mapping[str, list[Unique]] = field(default_factory=dict)
    checks: Mapping[str, list[Named]] = field(default_factory=dict)
    views: frozenset[str] = frozenset()
    marked: Collection[str] = ()
    writes: Mapping[str, frozenset[WriteKind]] | None = None


def all_tables(connection: sa.Connection, vendor: Vendor, schema: str | None) -> dict[str, Table]:
    """Every table and view that can be synced, by name."""
    return _tables(_ask(connection, vendor, schema, None, thorough=True))


def one_table(connection: sa.Connection, vendor: Vendor, schema: str | None, name: str, *, thorough: bool) -> Table:
    """One table. Raises ResourceGone.

    `thorough`: with its constraints and with what we may do, which only writing needs; a poll has better things to
    wait for.
    """
    inspector = sa.inspect(connection)
    asked: dict[str, Any] = {"schema": schema, "filter_names": [name], "kind": ObjectKind.ANY}
    foreign_keys = _by_name(inspector.get_multi_foreign_keys(**asked)).get(name, ())
    names = list({name, *(key["referred_table"] for key in foreign_keys)})
    table = _tables(_ask(connection, vendor, schema, names, thorough=thorough)).get(name)
    if table is None:
        raise ResourceGone(f"There is no table {name} any more that could be synced.")
    return table


def _ask(
    connection: sa.Connection, vendor: Vendor, schema: str | None, names: Collection[str] | None, *, thorough: bool
) -> Catalogue:
    inspector = sa.inspect(connection)
    where: dict[str, Any] = {"schema": schema, "filter_names": names, "kind": ObjectKind.ANY}
    columns = _by_name(inspector.get_multi_columns(**where))
    keys = _by_name(inspector.get_multi_pk_constraint(**where))
    catalogue = Catalogue(
        columns=columns,
        keys=keys,
        foreign_keys=_by_name(inspector.get_multi_foreign_keys(**where)),
        identity=Identity(database=vendor.database, dialect=connection.dialect, schema=schema),
        marked=vendor.marked(connection, schema),
    )
    if not thorough and all(keys.get(name, {}).get("constrained_columns") for name in columns):
        return catalogue
    constraints = _by_name(inspector.get_multi_unique_constraints(**where))
    indexes = _by_name(inspector.get_multi_indexes(**where))
    more = vendor.uniques(connection)
    return replace(
        catalogue,
        uniques={
            name: [*_uniques(keys.get(name), constraints.get(name), indexes.get(name)), *more.get(name, ())]
            for name in columns
        },
        checks=_by_name(inspector.get_multi_check_constraints(**where)),
        views=frozenset(_views(inspector, schema, names)),
        writes=vendor.writes(connection, schema),
    )


def _by_name(answer: Mapping[tuple[str | None, str], Any]) -> dict[str, Any]:
    return {name: found for (_, name), found in answer.items()}


def _views(inspector: sa.Inspector, schema: str | None, names: Collection[str] | None) -> Iterable[str]:
    views = {*inspector.get_view_names(schema)}
    if inspector.dialect.name == "postgresql":
        views.update(inspector.get_materialized_view_names(schema))
    return views if names is None else views & {*names}


def _uniques(key: Named | None, constraints: list[Named] | None, indexes: list[Named] | None) -> list[Unique]:
    found: dict[tuple[str, ...], Unique] = {}

    def add(name: str | None, columns: Collection[str | None]) -> None:
        # None stands for an expression.
        if columns and None not in columns:
            unique = Unique(name, tuple(str(column) for column in columns))
            found.setdefault((name or "", *unique.columns), unique)

    if key is not None:
        # MySQL calls every primary key PRIMARY, whatever it was named.
        add(key.get("name"), key["constrained_columns"])
        add("PRIMARY", key["constrained_columns"])
    for constraint in constraints or ():
        add(constraint["name"], constraint["column_names"])
    for index in indexes or ():
        if index["unique"] and not any(option.endswith("_where") for option in index.get("dialect_options", {})):
            add(index["name"], index["column_names"])
    return list(found.values())


def _tables(catalogue: Catalogue) -> dict[str, Table]:
    tables = {name: table for name in catalogue.columns if (table := _table(name, catalogue)) is not None}
    return {
        name: replace(table, references=_references(table, catalogue.foreign_keys.get(name, ()), tables, catalogue))
        for name, table in tables.items()
    }


def _table(name: str, catalogue: Catalogue) -> Table | None:
    if catalogue.writes is not None and name not in catalogue.writes:
        return None
    view = name in catalogue.views
    primary = tuple(catalogue.keys.get(name, {}).get("constrained_columns") or ())
    checks = [(check.get("name"), options_of_check(check["sqltext"] or "")) for check in catalogue.checks.get(name, ())]
    options = {said[0]: said[1] for _, said in checks if said is not None}
    columns = tuple(
        column
        for reflected in catalogue.columns[name]
        if (column := _column(reflected, primary, catalogue.identity, options)) is not None
    )
    uniques = tuple(catalogue.uniques.get(name, ()))
    by_name = {column.name: column for column in columns}
    key = _key(primary, by_name, uniques, view=view, database=catalogue.identity.database)
    if key is None:
        return None
    offered = frozenset() if view else EVERYTHING if catalogue.writes is None else catalogue.writes[name]
    checked = {constraint: (said[0],) for constraint, said in checks if constraint and said is not None}
    for foreign in catalogue.foreign_keys.get(name, ()):
        if foreign.get("name"):
            checked[foreign["name"]] = tuple(foreign["constrained_columns"])
    return Table(
        name=name,
        columns=columns,
        key=key,
        maker=_maker([by_name[part] for part in key], catalogue.identity.database),
        view=view,
        marked=name in catalogue.marked,
        writes=offered,
        uniques=uniques,
        checked=checked,
    )


def _column(
    reflected: ReflectedColumn, primary: tuple[str, ...], identity: Identity, options: Mapping[str, tuple[str, ...]]
) -> Column | None:
    found = typed(reflected["type"], identity.dialect, identity.database)
    if found is None:
        return None
    name = str(reflected["name"])
    default = reflected.get("default")
    identified: Named = reflected.get("identity") or {}
    counted = reflected.get("autoincrement") is True or bool(identified)
    if identity.database is Database.SQLITE:
        # A single INTEGER PRIMARY KEY is another name of the row's number, which SQLite counts up.
        counted = primary == (name,) and str(reflected["type"]).upper() == "INTEGER"
    form = found.form
    if form is Form.TEXT and found.max_length is None and naming.sounds_long(name):
        form = Form.LONG_TEXT
    return Column(
        name=name,
        form=form,
        cast=found.cast,
        zoned=found.zoned,
        nullable=bool(reflected["nullable"]) and name not in primary,
        has_default=default is not None or counted,
        blank_is_empty=not reflected["nullable"] and form in TEXTS_OF_ALL_KINDS and _is_empty_text(default),
        generated=bool(reflected.get("computed")) or bool(identified.get("always")),
        counted=counted,
        max_length=found.max_length,
        options=found.options or (options.get(name, ()) if form in TEXTS_OF_ALL_KINDS else ()),
    )


def _is_empty_text(default: str | None) -> bool:
    return default is not None and (default == "" or default == "''" or default.startswith("''::"))


def _key(
    primary: tuple[str, ...],
    columns: Mapping[str, Column],
    uniques: tuple[Unique, ...],
    *,
    view: bool,
    database: Database,
) -> tuple[str, ...] | None:
    """The primary key, else another key that is never blank; of a view, its column `id`."""
    forms = SQLITE_KEY_FORMS if database is Database.SQLITE else KEY_FORMS

    def serves(names: tuple[str, ...]) -> bool:
        return all(name in columns and columns[name].form in forms for name in names)

    if primary:
        return primary if serves(primary) else None
    if view:
        named = next((name for name in columns if name.lower() == "id"), None)
        return (named,) if named and serves((named,)) else None
    never_blank = (
        unique.columns
        for unique in uniques
        if serves(unique.columns) and not any(columns[name].nullable for name in unique.columns)
    )
    return min(never_blank, key=lambda names: (len(names), names), default=None)


def _maker(key: list[Column], database: Database) -> KeyMaker:
    """Whoever makes the key of a new row. A UUID that the database would make by itself is made by us: then a
    creation that is sent again finds the row that is there already."""
    if len(key) > 1:
        return KeyMaker.VALUES
    (column,) = key
    if column.generated or column.counted:
        return KeyMaker.DATABASE
    if column.form is Form.UUID:
        return KeyMaker.US
    roomy = column.max_length is None or column.max_length >= UUID_LENGTH
    # MySQL does not tell what a default made of a key.
    told = column.has_default and database is not Database.MYSQL
    if column.form in (Form.TEXT, Form.PADDED) and roomy and naming.sounds_like_id(column.name):
        return KeyMaker.DATABASE if told else KeyMaker.US
    return KeyMaker.DATABASE if told else KeyMaker.VALUES


def _references(
    table: Table, foreign_keys: Iterable[Named], tables: Mapping[str, Table], catalogue: Catalogue
) -> dict[str, Reference]:
    found: dict[str, Reference] = {}
    for foreign in foreign_keys:
        target = tables.get(foreign["referred_table"])
        columns, referred = foreign["constrained_columns"], foreign["referred_columns"]
        same_schema = foreign.get("referred_schema") in (None, catalogue.identity.schema)
        if target is None or not same_schema or len(columns) != 1 or tuple(referred) != target.key:
            continue
        if table.column(columns[0]) is not None and columns[0] not in found:
            labels = naming.label_columns([c.name for c in target.columns if c.form in TEXTS_OF_ALL_KINDS], target.name)
            found[columns[0]] = Reference(table=target.name, key=target.key_columns[0], labels=labels)
    return found
