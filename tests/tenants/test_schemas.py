"""Many workspaces are brought up to a new version: only those behind, and again from where it stopped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants import schemas
from tenants.context import public_context, workspace_context
from tenants.models import Workspace
from tenants.workspaces import create_workspace


@pytest.fixture
def migrated(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The schemas that are migrated, one after the other."""
    seen: list[str] = []

    def migrate(command: str, *, schema_name: str, **options: object) -> None:
        seen.append(schema_name)
        call_command(command, schema_name=schema_name, **{**options, "verbosity": 0})

    monkeypatch.setattr(schemas, "call_command", migrate)
    return seen


@pytest.fixture
def in_public(committed: None) -> Iterator[None]:
    with public_context():
        yield
        Workspace.objects.update(schema_version=schemas.latest())


def names() -> list[str]:
    return list(Workspace.objects.order_by("pk").values_list("schema_name", flat=True))


def test_a_version_without_migrations_costs_one_query(in_public: None, migrated: list[str]) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert schemas.bring_up() == 0
    asked = [query["sql"] for query in queries if not query["sql"].startswith("SET ")]
    assert (len(asked), migrated) == (1, [])


def test_only_those_behind_are_migrated(in_public: None, migrated: list[str]) -> None:
    Workspace.objects.filter(slug="globex").update(schema_version="older")
    assert schemas.bring_up() == 1
    assert migrated == ["w_globex"]
    assert set(Workspace.objects.values_list("schema_version", flat=True)) == {schemas.latest()}


def test_all_are_looked_at_where_some_came_from_a_backup(in_public: None, migrated: list[str]) -> None:
    assert schemas.bring_up(every=True, processes=1) == len(names())
    assert migrated == names()


def test_what_is_wrong_shows_in_the_first(in_public: None, migrated: list[str], monkeypatch) -> None:
    Workspace.objects.update(schema_version="older")

    def fail(command: str, *, schema_name: str, **_options: object) -> None:
        migrated.append(schema_name)
        raise CommandError("no such column")

    monkeypatch.setattr(schemas, "call_command", fail)
    with pytest.raises(CommandError):
        schemas.bring_up()
    assert migrated == names()[:1]
    assert not Workspace.objects.filter(schema_version=schemas.latest()).exists()


def test_broken_off_it_goes_on_where_it_was(in_public: None, migrated: list[str], monkeypatch) -> None:
    Workspace.objects.update(schema_version="older")
    whole = schemas._bring_up

    def killed_at_the_second(schema: str, *, version: str) -> str:
        if migrated:
            raise KeyboardInterrupt
        return whole(schema, version=version)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(schemas, "_bring_up", killed_at_the_second)
        schemas.bring_up(processes=1)
    assert schemas.bring_up() == len(names()) - 1
    assert migrated == names()


def test_several_at_once_are_migrated_by_processes(in_public: None) -> None:
    """Empty schemas, as before the first migration: all get their tables."""
    made = [create_workspace(name=name, owner=None) for name in ("Initech", "Hooli", "Umbrella")]
    with connection.cursor() as cursor:
        for workspace in made:
            cursor.execute(f"DROP SCHEMA {workspace.schema_name} CASCADE; CREATE SCHEMA {workspace.schema_name}")
    Workspace.objects.filter(pk__in=[workspace.pk for workspace in made]).update(schema_version="older")
    assert schemas.bring_up(processes=2) == 3
    for workspace in made:
        workspace.refresh_from_db()
        assert workspace.schema_version == schemas.latest()
        with workspace_context(workspace):
            assert "connectors_accountevent" in connection.introspection.table_names()
