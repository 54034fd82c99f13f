"""`Resource` and `ObjectMeaning` as JSON and back, exactly: what `AccountObject` keeps.

What equals its default is left out, so that the JSON of a table with many columns stays small, and a
snapshot of before a new attribute reads as one that has its default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from .contract import (
    Field,
    FieldMeaning,
    FieldType,
    Idempotency,
    Kind,
    MergeSignal,
    ObjectMeaning,
    Option,
    ReadStrategy,
    Resource,
    WriteKind,
)

Json = dict[str, Any]


def resource_to_json(resource: Resource) -> Json:
    return _changed(resource) | {
        "fields": [field_to_json(one) for one in resource.fields],
        **({"merges": sorted(resource.merges)} if resource.merges else {}),
        **({"writes": sorted(resource.writes)} if resource.writes else {}),
        **({"batch": {str(kind): size for kind, size in resource.batch.items()}} if resource.batch else {}),
    }


def resource_from_json(data: Mapping[str, Any]) -> Resource:
    known = dict(data)
    known["fields"] = tuple(field_from_json(one) for one in known["fields"])
    known["merges"] = frozenset(MergeSignal(way) for way in known.get("merges", ()))
    known["writes"] = frozenset(WriteKind(kind) for kind in known.get("writes", ()))
    known["batch"] = {WriteKind(kind): size for kind, size in known.get("batch", {}).items()}
    for name, enum in (
        ("kind", Kind),
        ("proposed_kind", Kind),
        ("read", ReadStrategy),
        ("idempotency", Idempotency),
    ):
        if known.get(name) is not None:
            known[name] = enum(known[name])
    return Resource(**known)


def field_to_json(one: Field) -> Json:
    data = _changed(one)
    if one.options:
        data["options"] = [[option.value, option.label] for option in one.options]
    return data


def field_from_json(data: Mapping[str, Any]) -> Field:
    known = dict(data)
    known["type"] = FieldType(known["type"])
    known["options"] = tuple(Option(value, label) for value, label in known.get("options", ()))
    return Field(**known)


def meaning_to_json(meaning: ObjectMeaning) -> Json:
    data: Json = {"kind": str(meaning.kind)} if meaning.kind else {}
    said = {name: _said(one) for name, one in meaning.fields.items()}
    said = {name: one for name, one in said.items() if one}
    return data | ({"fields": said} if said else {})


def meaning_from_json(data: Mapping[str, Any]) -> ObjectMeaning:
    return ObjectMeaning(
        kind=Kind(data["kind"]) if data.get("kind") else None,
        fields={
            name: FieldMeaning(
                canonical=said.get("canonical"), type=FieldType(said["type"]) if said.get("type") else None
            )
            for name, said in data.get("fields", {}).items()
        },
    )


def _said(meaning: FieldMeaning) -> Json:
    data: Json = {}
    if meaning.canonical is not None:
        data["canonical"] = meaning.canonical
    if meaning.type is not None:
        data["type"] = str(meaning.type)
    return data


def _changed(instance: Any) -> Json:
    """Attributes that differ from their defaults, enums as text; collections of dataclasses are not followed."""
    data: Json = {}
    for one in fields(instance):
        value = getattr(instance, one.name)
        default = one.default_factory() if one.default_factory is not MISSING else one.default
        if value != default:
            data[one.name] = str(value) if isinstance(value, str) else value
    return data
