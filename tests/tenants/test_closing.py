"""A workspace that is deleted leaves nothing behind, and touches nothing of the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django_q.models import Failure, OrmQ, Task

from tenants import due, tasks, workspaces
from tenants.closing import StillOpen, delete_workspace
from tenants.context import public_context, workspace_context
from tenants.models import Due, Membership, Workspace
from tenants.workspaces import create_workspace

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def closed(database: None, person: Callable[..., User], settings, tmp_path: Path) -> Workspace:
    """Suspended, with something of everything; the others have the same."""
    settings.MEDIA_ROOT = tmp_path
    made = create_workspace(name="Initech", owner=person("ada@initech.example"))
    for workspace in Workspace.objects.all():
        with workspace_context(workspace):
            due.schedule("sync", 1, NOW)
            tasks.enqueue("tests.tenants.test_tasks.note", 7)
            cache.set("page", workspace.slug, None)
            default_storage.save("export.csv", ContentFile(b"a,b"))
        Task.objects.create(
            id=workspace.slug, name="note", func=tasks.RUN, args=(workspace.schema_name, "x", 7), success=False,
            started=NOW, stopped=NOW, result="Traceback",
        )  # fmt: skip
    workspaces.suspend(made)
    return made


def schemas() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'w_')")
        return {name for (name,) in cursor.fetchall()}


def cached() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT split_part(cache_key, ':', 1) FROM site_cache WHERE cache_key LIKE '%%:page'")
        return {name for (name,) in cursor.fetchall()}


def test_nothing_of_it_is_left_and_the_others_keep_all(closed: Workspace, tmp_path: Path) -> None:
    delete_workspace(closed)
    left = {"w_acme", "w_globex"}
    assert set(Workspace.objects.values_list("schema_name", flat=True)) == left
    assert schemas() == left
    assert cached() == left
    assert {row.task["args"][0] for row in OrmQ.objects.all()} == left
    assert {failure.args[0] for failure in Failure.objects.all()} == left
    assert {folder.name for folder in tmp_path.iterdir()} == left
    assert set(Due.objects.values_list("workspace__schema_name", flat=True)) == left


def test_people_stay(closed: Workspace) -> None:
    delete_workspace(closed)
    ada = User.objects.get(email="ada@initech.example")
    assert not Membership.objects.filter(user=ada).exists()


def test_while_it_is_open_nothing_happens(closed: Workspace) -> None:
    workspaces.resume(closed)
    with pytest.raises(StillOpen, match="Initech"):
        delete_workspace(closed)
    assert closed.schema_name in schemas()


def test_broken_off_it_may_be_called_again(closed: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_schema: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("tenants.closing._forget_cache", fail)
        delete_workspace(closed)
    assert Workspace.objects.filter(pk=closed.pk).exists()
    delete_workspace(closed)
    assert closed.schema_name not in schemas()


def test_its_address_is_free_again(closed: Workspace) -> None:
    delete_workspace(closed)
    assert create_workspace(name="Initech", owner=None).slug == "initech"


def test_staff_delete_what_is_suspended(closed: Workspace, person: Callable[..., User]) -> None:
    staff = Client()
    staff.force_login(person("root@example.com", is_staff=True, is_superuser=True))
    address = f"/staff/tenants/workspace/{closed.pk}/delete/"
    workspaces.resume(closed)
    assert staff.get(address).status_code == 403
    workspaces.suspend(closed)
    page = staff.get(address)
    assert "Initech" in page.content.decode() and "keys of the API" in page.content.decode()
    assert closed.schema_name in schemas()
    with public_context():
        assert staff.post(address, {"post": "yes"}).status_code == 302
    assert closed.schema_name not in schemas()
    assert "delete_selected" not in staff.get("/staff/tenants/workspace/").content.decode()
