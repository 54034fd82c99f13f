"""Staff look at what the engine keeps of a workspace; they change nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from syncengine.models import Operation, RecordLink, SyncRun
from tests.run.conftest import MakeWorld, make_world

__all__ = ["make_world"]

Url = Callable[..., str]
MODELS = ["stream", "remoterecord", "sync", "settingsversion", "recordlink", "syncrun", "operation", "lease"]


@pytest.mark.parametrize("model", MODELS)
def test_lists_show_all_columns_and_are_for_staff_only(
    make_world: MakeWorld, url: Url, staff_client: Client, owner_client: Client, model: str
) -> None:
    world = make_world()
    world.a.add(first="Ann", last="Lee", mail="ann@example.com")
    world.rest()
    page = url(f"workspace_admin:syncengine_{model}_changelist")
    shown = staff_client.get(page)
    assert shown.status_code == 200 and world.left.password not in shown.content.decode()
    assert owner_client.get(page).status_code == 404
    assert staff_client.get(url(f"workspace_admin:syncengine_{model}_add")).status_code == 403


def test_rows_are_shown_and_not_changed(make_world: MakeWorld, url: Url, staff_client: Client) -> None:
    world = make_world()
    world.a.add(first="Ann", last="Lee", mail="ann@example.com")
    world.rest()
    rows = {"recordlink": RecordLink, "operation": Operation, "syncrun": SyncRun}
    for name, model in rows.items():
        page = url(f"workspace_admin:syncengine_{name}_change", model.objects.get().pk)
        assert staff_client.get(page).status_code == 200
        assert staff_client.post(page, {"state": "declined"}).status_code == 403
    filtered = url("workspace_admin:syncengine_operation_changelist") + "?state__exact=done&side=b"
    assert "Ann Lee" in staff_client.get(filtered).content.decode()
