"""Rows of the paths that every record takes: read and made without what the ORM does for each single one of them.

They are instances of the models, so that all other code takes them as any other; but a statement names its columns and
takes whole sets of ids as one parameter, and what it answers becomes the attributes as it is. A column that was left
out is loaded when it is asked for, as ever.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar

import orjson
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import DateTimeField, JSONField, Model
from django.db.models.base import ModelState

from ..core.mapping import Side
from ..models import Operation, RecordLink, RemoteRecord

M = TypeVar("M", bound=Model)
Decode = Callable[[str], Any]

_EXACT = frozenset({str, int, bool, type(None)})
_WITHOUT_NUMBERS = frozenset(
    {"baseline_a", "baseline_b", "notes", "parked", "pending", "pins", "flips", "candidates", "strands", "keys"}
)
"""Columns that hold texts, and lists of them, and nothing else."""
_ROUGH = 2.0**53
"""From here on a float may stand for a whole number that it cannot hold."""


class Shape(Generic[M]):
    """Some columns of a model's table, ready to be asked for."""

    def __init__(self, model: type[M], *, without: Iterable[str] = ()) -> None:
        left_out = frozenset(without)
        fields = [f for f in model._meta.concrete_fields if f.name not in left_out]
        self.model = model
        self.names = tuple(f.attname for f in fields)
        columns = (f'"{f.column}"::text' if isinstance(f, DateTimeField) else f'"{f.column}"' for f in fields)
        self._select = f'SELECT {", ".join(columns)} FROM "{model._meta.db_table}" WHERE '
        self._decoders: list[tuple[str, Decode]] = [
            (f.attname, decode) for f in fields if (decode := _decoder(f)) is not None
        ]

    def find(self, condition: str, parameters: Sequence[object]) -> list[M]:
        """Those that meet a condition in SQL, which may go on with an order, a limit or a lock."""
        with connection.cursor() as cursor:
            cursor.execute(self._select + condition, parameters)
            return [self._row(values) for values in cursor.fetchall()]

    def _row(self, values: Sequence[Any]) -> M:
        held = dict(zip(self.names, values, strict=True))
        for name, decode in self._decoders:
            raw = held[name]
            if raw == "{}":
                held[name] = {}
            elif raw is not None:
                held[name] = decode(raw)
        return _instance(self.model, held, adding=False)


def new(model: type[M], **values: Any) -> M:
    """A row that is to be stored (`bulk.insert_rows`): what is not given has the model's default."""
    return _instance(model, {**_defaults(model), **_fresh(model), **values}, adding=True)


def attach(row: Model, name: str, other: Model) -> None:
    """`row.name` is `other`, which is known to be the one that its id names."""
    row._state.fields_cache[name] = other


def decoded(text: str) -> Any:
    """What a JSON column holds; whole numbers of any size as they are."""
    value = orjson.loads(text)
    return json.loads(text) if _is_rough(value) else value


def _plain(text: str) -> Any:
    return [] if text == "[]" else orjson.loads(text)


def array(values: Iterable[object]) -> str:
    """Values as the text of an array, for `ANY(%s::text[])`: one parameter, whatever their number."""
    texts = [str(value) for value in values]
    joined = '","'.join(texts)
    if "\\" in joined or joined.count('"') > 2 * (len(texts) - 1):
        joined = '","'.join(text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return f'{{"{joined}"}}' if texts else "{}"


def _instance(model: type[M], held: dict[str, Any], *, adding: bool) -> M:
    held["_state"] = state = ModelState()
    state.adding, state.db = adding, DEFAULT_DB_ALIAS
    row = model.__new__(model)
    row.__dict__ = held
    return row


def _is_rough(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return not _EXACT.issuperset(map(type, value.values())) and any(map(_is_rough, value.values()))
    if kind is list:
        return not _EXACT.issuperset(map(type, value)) and any(map(_is_rough, value))
    return kind is float and abs(value) >= _ROUGH


def _decoder(field: Any) -> Decode | None:
    if isinstance(field, JSONField):
        return _plain if field.name in _WITHOUT_NUMBERS else decoded
    return datetime.fromisoformat if isinstance(field, DateTimeField) else None


@cache
def _defaults(model: type[Model]) -> Mapping[str, Any]:
    return {f.attname: f.get_default() for f in model._meta.concrete_fields if not _is_made(f)}


def _fresh(model: type[Model]) -> dict[str, Any]:
    """Defaults that no two rows may share."""
    return {name: make() for name, make in _makers(model)}


@cache
def _makers(model: type[Model]) -> tuple[tuple[str, Callable[[], Any]], ...]:
    return tuple((f.attname, f.default) for f in model._meta.concrete_fields if _is_made(f))


def _is_made(field: Any) -> bool:
    return field.has_default() and callable(field.default)


LINKS = Shape(RecordLink)
_AT = "pair_id = %s AND closed_at IS NULL AND {}_id = ANY(%s::text[]) ORDER BY id"
OPERATIONS = Shape(Operation)
RECORDS = Shape(RemoteRecord, without=("created_at", "gone_at", "written_at"))
"""As planning and applying look at them."""


def links_at(pair: int, side: Side, ids: Collection[str]) -> list[RecordLink]:
    """Open links of a pair that have one of these records at their end, always in the same order."""
    return LINKS.find(_AT.format(side.value), [pair, array(ids)]) if ids else []
