"""Rows that are read and made without the ORM hold what its own would hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from syncengine.models import Operation, RecordLink, RemoteRecord
from syncengine.run.bulk import insert_rows
from syncengine.run.rows import LINKS, OPERATIONS, RECORDS, array, decoded, new
from tests.run.conftest import MakeWorld


@pytest.mark.parametrize(
    "ids", [[], ["a"], ["a", "b"], ['say "x"', "y"], ["a\\b", "{}", ",", "", " ", "NULL"], ["é", "日本", "\n\t"]]
)
def test_a_set_of_ids_arrives_as_it_is(database: None, ids: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::text[]", [array(ids)])
        assert cursor.fetchone()[0] == ids


@pytest.mark.parametrize(
    "text",
    ["{}", "[]", '{"n": 12345678901234567890123456789}', '[{"v": {"n": 9007199254740993}}]', '{"x": 1.5, "y": 0}'],
)
def test_numbers_of_any_size_are_exact(text: str) -> None:
    held = decoded(text)
    assert held == json.loads(text)
    assert repr(held) == repr(json.loads(text))


def as_the_orm_has_it(row: Any) -> dict[str, Any]:
    return {f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields}


def test_rows_are_what_the_orm_would_have_read(make_world: MakeWorld) -> None:
    world = make_world()
    a = world.a.add(first="Ann", last="X", mail="ann@example.com")
    world.b.add(first="Ann", last="X", mail="ann@example.com")
    world.rest()
    world.a.edit(a, job="Cook")
    world.rest()
    for shape, model in ((LINKS, RecordLink), (OPERATIONS, Operation), (RECORDS, RemoteRecord)):
        found = shape.find("TRUE ORDER BY id", [])
        assert found and [as_the_orm_has_it(r) for r in found] == [
            as_the_orm_has_it(r) for r in model.objects.order_by("pk")
        ]


def test_a_new_row_has_the_defaults_of_its_model(make_world: MakeWorld) -> None:
    world = make_world()
    pair, at = world.sync.pair, datetime(2026, 1, 1, tzinfo=UTC)
    made = new(RecordLink, pair_id=pair.pk, a_id="1", created_at=at)
    plain = RecordLink(pair=pair, a_id="1", created_at=at)
    assert as_the_orm_has_it(made) == as_the_orm_has_it(plain)
    assert made.notes is not new(RecordLink, pair_id=pair.pk, a_id="2", created_at=at).notes
    insert_rows([made])
    assert as_the_orm_has_it(RecordLink.objects.get(pk=made.pk)) == as_the_orm_has_it(made)
    assert new(Operation, key=UUID(int=1)).state == "planned"
