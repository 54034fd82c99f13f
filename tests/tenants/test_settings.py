"""A workspace's own settings, and what its plan allows."""

from __future__ import annotations

from datetime import UTC, datetime

from django.test import Client
from django.utils import timezone

from tenants import entitlements
from tenants.forms import countries, time_zones
from tenants.models import Plan, Workspace


def test_saving(owner_client: Client, workspace: Workspace, url) -> None:
    answer = owner_client.post(url("settings"), {"name": "Acme Ltd", "time_zone": "Europe/Berlin", "country": "DE"})
    assert answer["Location"] == url("settings")
    saved = Workspace.objects.get(pk=workspace.pk)
    assert (saved.name, saved.time_zone, saved.country) == ("Acme Ltd", "Europe/Berlin", "DE")
    assert saved.slug == "acme"


def test_what_does_not_exist_is_refused(owner_client: Client, workspace: Workspace, url) -> None:
    answer = owner_client.post(url("settings"), {"name": "Acme", "time_zone": "Mars/Base", "country": "XX"})
    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == {"time_zone", "country"}


def test_pages_speak_in_the_time_zone_of_the_workspace(owner_client: Client, workspace: Workspace, url) -> None:
    """23:30 in UTC is the next day in Tokyo."""
    Workspace.objects.filter(pk=workspace.pk).update(time_zone="Asia/Tokyo")
    late = datetime(2026, 3, 9, 23, 30, tzinfo=UTC)
    workspace.invitations.create(email="new@example.com", expires_at=late)
    assert b"March 10, 2026" in owner_client.get(url("people")).content
    assert timezone.get_current_timezone_name() == "UTC"


def test_countries_have_names() -> None:
    assert ("DE", "Germany") in countries("en")
    assert ("DE", "Deutschland") in countries("de")
    assert ("JP", "日本") in countries("ja")
    assert not [name for _code, name in countries("fi") if name.startswith("*")]
    assert "Europe/Berlin" in time_zones()


def test_entitlements_are_data(workspace: Workspace) -> None:
    assert entitlements.has(workspace, "two_way")
    assert not entitlements.has(workspace, "custom_mappings")
    assert entitlements.limit(workspace, "accounts") is None
    workspace.plan = Plan.objects.get(name="pro")
    assert entitlements.has(workspace, "custom_mappings")
    workspace.plan.entitlements["limits"]["accounts"] = 3
    assert entitlements.limit(workspace, "accounts") == 3
