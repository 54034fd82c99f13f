"""Tables → what the account offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from connectors.contract import (
    Field,
    FieldMeaning,
    FieldType,
    Idempotency,
    Kind,
    ObjectMeaning,
    Option,
    ReadStrategy,
    Resource,
    WriteKind,
    interpret,
)

from . import naming
from .shapes import TEXTS_OF_ALL_KINDS, TYPES, Column, Form, KeyMaker, Table

GET_BATCH = 500
DEADLINE = 60
CLOCKS = ("created_at", "modified_at")
"""Canonical names of the moments that the database's clock sets on whatever we write."""

_TYPES = {
    Form.INTEGER: FieldType.INTEGER,
    Form.DECIMAL: FieldType.NUMBER,
    Form.FLOAT: FieldType.NUMBER,
    Form.BOOLEAN: FieldType.BOOLEAN,
    Form.DATE: FieldType.DATE,
    Form.MOMENT: FieldType.DATETIME,
    Form.LONG_TEXT: FieldType.LONG_TEXT,
    Form.CHOICE: FieldType.CHOICE,
    Form.CHOICES: FieldType.MULTI_CHOICE,
}
_NAMED = frozenset({Form.TEXT, Form.PADDED, Form.LONG_TEXT, Form.TEXTS})
"""Forms of which the column's name may tell more."""
_WIRE = TYPES[Form.TEXT]
"""Field types that share the wire form of a text."""


def resources_of(tables: Mapping[str, Table], batch: int) -> list[Resource]:
    """One resource a table, in the order of their names."""
    kinds = {name: _kind(table) for name, table in tables.items()}
    return [_resource(tables[name], kinds, batch) for name in sorted(tables)]


def understood(resource: Resource, meaning: ObjectMeaning) -> Resource:
    """`resource` as a person understands it. A type whose values look otherwise than the column's is left as it
    was, and the way of reading follows the column that is said to keep the time of the last change."""
    possible = {name: _possible(resource, name, said) for name, said in meaning.fields.items()}
    return clocked(interpret(resource, replace(meaning, fields=possible)))


def clocked(resource: Resource) -> Resource:
    """`resource` with what follows from the moments that its fields stand for."""
    clocks = [field for canonical in CLOCKS if (field := resource.canonical(canonical)) is not None]
    moments = {field.name for field in clocks if field.type is FieldType.DATETIME}
    fields = tuple(replace(f, read_only=True, required=False) if f.name in moments else f for f in resource.fields)
    since = resource.canonical("modified_at")
    read = ReadStrategy.SINCE if since is not None and since.name in moments else ReadStrategy.LISTING
    return replace(resource, fields=fields, read=read)


def _possible(resource: Resource, name: str, said: FieldMeaning) -> FieldMeaning:
    field = resource.field(name)
    if field is None or said.type is None or {field.type, said.type} <= _WIRE:
        return said
    return replace(said, type=None)


def _kind(table: Table) -> Kind | None:
    ties_two = len(table.key) > 1 and all(name in table.references for name in table.key)
    return None if ties_two else naming.kind_of(table.name)


def _resource(table: Table, kinds: Mapping[str, Kind | None], batch: int) -> Resource:
    kind = kinds[table.name]
    types = {column.name: _type(column) for column in table.columns if column.name not in table.references}
    names = naming.canonical_names(
        kind, table.name, types, {column: kinds[target.table] for column, target in table.references.items()}
    )
    label = naming.label_of(table.name)
    return clocked(
        Resource(
            name=table.name,
            label=f"{label} (view)" if table.view else label,
            fields=tuple(_field(column, table, types, names) for column in table.columns),
            proposed_kind=kind,
            writes=table.writes,
            batch=dict.fromkeys(sorted(table.writes), batch),
            get_batch=GET_BATCH,
            lock=bool(table.writes),
            idempotency=_idempotency(table),
            deadline=DEADLINE,
        )
    )


def _idempotency(table: Table) -> Idempotency:
    makes = table.maker is KeyMaker.US and WriteKind.CREATE in table.writes
    return Idempotency.KEY if makes else Idempotency.NONE


def _type(column: Column) -> FieldType:
    if column.options and column.form in TEXTS_OF_ALL_KINDS:
        return FieldType.CHOICE
    named = naming.text_type(column.name) if column.form in _NAMED else None
    return named or _TYPES.get(column.form, FieldType.TEXT)


def _field(column: Column, table: Table, types: Mapping[str, FieldType], names: Mapping[str, str]) -> Field:
    reference = table.references.get(column.name)
    made = column.name in table.key and table.maker is not KeyMaker.VALUES
    read_only = column.generated or made or not table.writes
    return Field(
        name=column.name,
        label=naming.label_of(column.name),
        type=FieldType.REFERENCE if reference else types[column.name],
        canonical=names.get(column.name),
        required=not (column.nullable or column.has_default or read_only),
        read_only=read_only,
        unique=any(unique.columns == (column.name,) for unique in table.uniques),
        multi_valued=column.form is Form.TEXTS,
        options=() if reference else tuple(Option(value=value, label=value) for value in column.options),
        target=reference.table if reference else None,
        max_length=None if reference else column.max_length,
    )
