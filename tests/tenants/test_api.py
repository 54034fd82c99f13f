"""The API's door."""

from __future__ import annotations

import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from tenants import workspaces
from tenants.models import Workspace, WorkspaceAPIKey
from tenants.urls import workspace_url

SCHEMA = "/w/acme/api/v1/schema"


def make(workspace: Workspace, **fields) -> tuple[WorkspaceAPIKey, APIClient]:
    row, key = WorkspaceAPIKey.objects.create_key(workspace=workspace, name="n", **fields)
    return row, APIClient(headers={"authorization": f"Bearer {key}"})


def test_a_key_opens_its_workspace(api_client: APIClient) -> None:
    assert api_client.get(SCHEMA).status_code == 200


def test_its_description_names_the_key_and_the_workspace(api_client: APIClient) -> None:
    described = api_client.get(SCHEMA, headers={"accept": "application/vnd.oai.openapi+json"}).json()
    assert described["components"]["securitySchemes"]["workspaceKey"]["scheme"] == "bearer"
    assert described["servers"] == [{"url": "/w/acme"}]
    assert all(path.startswith("/api/v1/") for path in described["paths"])
    assert all(
        operation["security"] == [{"workspaceKey": []}]
        for path in described["paths"].values()
        for operation in path.values()
    )


def test_and_no_other(api_client: APIClient, other_workspace: Workspace) -> None:
    answer = api_client.get(workspace_url(other_workspace, "api_schema"))
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")


def test_who_has_none(client: Client, workspace: Workspace) -> None:
    for header in (
        {},
        {"authorization": "Bearer nonsense"},
        {"authorization": "Bearer a.b"},
        {"authorization": "Basic eA=="},
    ):
        assert client.get(SCHEMA, headers=header).status_code == 401


def test_a_session_is_no_key(owner_client: Client) -> None:
    assert owner_client.get(SCHEMA).status_code == 401


def test_a_wrong_secret_behind_a_right_prefix(workspace: Workspace, client: Client) -> None:
    row, _client = make(workspace)
    header = {"authorization": f"Bearer {row.prefix}.wrong"}
    assert client.get(SCHEMA, headers=header).status_code == 401


def test_revoked_expired_suspended(workspace: Workspace) -> None:
    row, client = make(workspace)
    row.revoked = True
    row.save()
    assert client.get(SCHEMA).status_code == 401
    _row, client = make(workspace, expiry_date=timezone.now())
    assert client.get(SCHEMA).status_code == 401
    _row, client = make(workspace)
    workspaces.suspend(workspace)
    assert client.get(SCHEMA).status_code == 401


def test_a_read_only_key_changes_nothing(workspace: Workspace) -> None:
    _row, client = make(workspace, read_only=True)
    assert client.get(SCHEMA).status_code == 200
    assert client.post(SCHEMA).status_code == 403


def test_its_use_is_noted_to_the_minute(workspace: Workspace) -> None:
    row, client = make(workspace)
    noted = []
    for moment in ("2026-03-01 12:00:00", "2026-03-01 12:00:30", "2026-03-01 12:01:30"):
        with time_machine.travel(moment, tick=False):
            client.get(SCHEMA)
        row.refresh_from_db()
        noted.append(f"{row.last_used_at:%H:%M:%S}")
    assert noted == ["12:00:00", "12:00:00", "12:01:30"]


def test_one_rate_for_all_keys_of_a_workspace(workspace: Workspace, other_workspace: Workspace, monkeypatch) -> None:
    from tenants.api import WorkspaceThrottle

    monkeypatch.setattr(WorkspaceThrottle, "get_rate", lambda self: "3/min")
    clients = [make(workspace)[1], make(workspace)[1]]
    assert [clients[n % 2].get(SCHEMA).status_code for n in range(4)] == [200, 200, 200, 429]
    assert make(other_workspace)[1].get("/w/globex/api/v1/schema").status_code == 200


def test_a_key_is_shown_once_and_kept_as_a_hash(owner_client: Client, workspace: Workspace, url) -> None:
    answer = owner_client.post(url("api_keys"), {"name": "Reports", "read_only": "on"})
    key = answer.context["new_key"]
    assert key in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"
    again = owner_client.get(url("api_keys")).content.decode()
    assert key not in again and "Reports" in again
    row = WorkspaceAPIKey.objects.get(workspace=workspace)
    assert (row.read_only, row.created_by) == (True, "owner@acme.example")
    secret = key.partition(".")[2]
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenants_workspaceapikey::text FROM tenants_workspaceapikey")
        assert secret not in cursor.fetchone()[0]
    assert APIClient(headers={"authorization": f"Bearer {key}"}).get(SCHEMA).status_code == 200


def test_revoking_by_the_page(owner_client: Client, workspace: Workspace, other_workspace: Workspace, url) -> None:
    row, client = make(workspace)
    foreign, _client = make(other_workspace)
    assert owner_client.post(url("api_key_revoke", foreign.prefix)).status_code == 404
    owner_client.post(url("api_key_revoke", row.prefix))
    assert client.get(SCHEMA).status_code == 401


def test_every_endpoint_asks_for_a_key(client: Client, workspace: Workspace, url) -> None:
    """Introspects the URLconf: no view of the API is open by mistake."""
    from django.urls import get_resolver
    from rest_framework.views import APIView

    from tenants.api import HasWorkspaceKey, WorkspaceKeyAuthentication

    views = [view for route, view in walk(get_resolver("syncsite.urls_workspace")) if route.startswith("api/")]
    assert views
    for view in views:
        assert issubclass(view.cls, APIView)
        assert view.cls.authentication_classes == [WorkspaceKeyAuthentication], view.cls
        assert HasWorkspaceKey in view.cls.permission_classes, view.cls
        assert view.cls.throttle_classes, view.cls


def walk(resolver, before: str = ""):
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            yield from walk(pattern, route)
        else:
            yield route, pattern.callback
