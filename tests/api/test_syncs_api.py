"""Syncs, runs and records over the API: everything that the pages can do, by key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from connectors.models import ConnectedAccount
from syncengine import services
from syncengine.core.mapping import ClearPolicy, Direction, Side
from syncengine.models import RecordLink, RunState, Sync, SyncState
from tenants.context import current_workspace
from tenants.models import Due, Plan, Workspace, WorkspaceAPIKey
from tenants.urls import workspace_url
from tests import samples
from tests.samples import World

Url = Callable[..., str]
MOST_QUERIES = 25


@pytest.fixture
def installed(workspace: Workspace) -> Iterator[None]:
    with samples.apps():
        yield


@pytest.fixture
def made(installed: None) -> World:
    return samples.world()


def reads(made: World) -> dict[str, tuple[int, ...]]:
    """Every endpoint that only reads."""
    sync, run = made.sync.pk, made.run.pk
    return {
        "api_syncs": (),
        "api_sync": (sync,),
        "api_runs": (sync,),
        "api_run": (sync, run),
        "api_operations": (sync, run),
        "api_records": (sync,),
        "api_record": (sync, made.links["in_sync"].pk),
    }


def writes(made: World) -> dict[str, tuple[int, ...]]:
    """Every endpoint that takes a POST."""
    sync = made.sync.pk
    return {
        "api_syncs": (),
        "api_sync_start": (sync,),
        "api_sync_turn_off": (sync,),
        "api_sync_pause": (sync,),
        "api_sync_resume": (sync,),
        "api_sync_run": (sync,),
        "api_record_retry": (sync, made.links["ambiguous"].pk),
        "api_account_disconnect": (made.book.pk,),
    }


# --- Who may come in ----------------------------------------------------------------------------------------


def test_nobody_without_a_key(made: World, url: Url, client: Client, owner_client: Client) -> None:
    for name, args in reads(made).items():
        assert client.get(url(name, *args)).status_code == 401
        assert owner_client.get(url(name, *args)).status_code == 401, "a session is no key"
    for name, args in writes(made).items():
        assert owner_client.post(url(name, *args)).status_code == 401
    assert Sync.objects.get().state == SyncState.ON


def test_a_key_of_another_workspace_opens_nothing(made: World, url: Url, other_workspace: Workspace) -> None:
    _row, key = WorkspaceAPIKey.objects.create_key(workspace=other_workspace, name="theirs")
    theirs = APIClient(headers={"authorization": f"Bearer {key}"})
    for name, args in reads(made).items():
        assert theirs.get(url(name, *args)).status_code == 401
        if args:
            assert theirs.get(workspace_url(other_workspace, name, *args)).status_code == 404
    for name, args in writes(made).items():
        assert theirs.post(url(name, *args)).status_code == 401
        if args:
            assert theirs.post(workspace_url(other_workspace, name, *args)).status_code == 404
    assert theirs.get(workspace_url(other_workspace, "api_syncs")).json()["results"] == []


def test_a_read_only_key_changes_nothing(made: World, url: Url, workspace: Workspace) -> None:
    _row, key = WorkspaceAPIKey.objects.create_key(workspace=workspace, name="reader", read_only=True)
    reader = APIClient(headers={"authorization": f"Bearer {key}"})
    for name, args in reads(made).items():
        assert reader.get(url(name, *args)).status_code == 200
    for name, args in writes(made).items():
        assert reader.post(url(name, *args)).status_code == 403
    assert reader.patch(url("api_sync", made.sync.pk), {"winner": "b"}).status_code == 403
    assert reader.delete(url("api_sync", made.sync.pk)).status_code == 403


def test_what_is_of_another_sync_is_not_found(made: World, url: Url, api_client: APIClient) -> None:
    companies = [made.object(account, "companies") for account in (made.book, made.sales)]
    other = services.create_sync(object_a=companies[0], object_b=companies[1], actor=samples.ACTOR)
    link, run = made.links["in_sync"].pk, made.run.pk
    assert api_client.get(url("api_record", other.pk, link)).status_code == 404
    assert api_client.post(url("api_record_retry", other.pk, link)).status_code == 404
    assert api_client.get(url("api_run", other.pk, run)).status_code == 404
    assert api_client.get(url("api_operations", other.pk, run)).status_code == 404
    assert api_client.get(url("api_sync", 10**15)).status_code == 404


# --- Syncs --------------------------------------------------------------------------------------------------


def test_set_up_and_start(installed: None, url: Url, api_client: APIClient) -> None:
    book, sales = samples.two_accounts()
    objects = [account.objects_offered.get(name="contacts").pk for account in (book, sales)]
    settings = {"direction": "a_to_b", "mappings": [{"id": "notes", "enabled": False}]}
    answer = api_client.post(
        url("api_syncs"), {"object_a": objects[0], "object_b": objects[1], "settings": settings}, format="json"
    )
    assert answer.status_code == 201, answer.json()
    body = answer.json()
    assert (body["state"], body["standing"], body["direction"]) == ("draft", "draft", "a_to_b")
    assert body["a"]["account_name"] == "Address book" and body["b"]["kind"] == "contact"
    by_id = {m["id"]: m for m in body["settings"]["mappings"]}
    assert not by_id["notes"]["enabled"] and by_id["email"]["enabled"]
    started = api_client.post(url("api_sync_start", body["id"])).json()
    assert (started["state"], started["standing"]) == ("on", "initial")
    assert started["draft"] is None and started["run"]
    assert Sync.objects.get().created_by == "API: tests"


def test_what_cannot_be_set_up_is_said_by_field(made: World, url: Url, api_client: APIClient) -> None:
    contacts, companies = made.object(made.book).pk, made.object(made.sales, "companies").pk
    post = lambda **body: api_client.post(url("api_syncs"), body, format="json")  # noqa: E731
    assert "different kinds" in post(object_a=contacts, object_b=companies).json()["object_b"][0]
    assert "already" in post(object_a=contacts, object_b=made.object(made.sales).pk).json()["detail"]
    assert "object_b" in post(object_a=contacts).json()
    assert "object_a" in post(object_a=10**12, object_b=companies).json()
    wrong = post(object_a=contacts, object_b=companies, settings={"direction": "sideways"})
    assert wrong.status_code == 400 and "direction" in wrong.json()["settings"]


def test_changed_settings_take_effect_at_once(made: World, url: Url, api_client: APIClient) -> None:
    body = {
        "winner": "b",
        "email_only": False,
        "matching": {"by": "field", "field_a": "phone", "field_b": "phone"},
        "mappings": [{"id": "phone", "clears": "clear", "direction": "a_to_b", "winner": "a"}],
    }
    answer = api_client.patch(url("api_sync", made.sync.pk), body, format="json")
    assert answer.status_code == 200, answer.json()
    made.sync.refresh_from_db()
    settings = made.sync.settings
    phone = next(m for m in settings.mappings if m.id == "phone")
    assert settings.winner is Side.B and not settings.email_only and settings.matching.field_a == "phone"
    assert (phone.clears, phone.direction, phone.winner) == (ClearPolicy.CLEAR, Direction.A_TO_B, Side.A)
    assert answer.json()["settings"]["winner"] == "b"
    assert made.sync.runs.filter(state=RunState.RUNNING, kind="full").exists()


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"matching": {"by": "field"}}, "matching"),
        ({"mappings": [{"id": "nonsense", "enabled": False}]}, "nonsense"),
        ({"mappings": [{"id": "email", "remove": True}]}, "email"),
        ({"mappings": [{"a": ["notes"], "b": ["job"]}]}, "mappings"),
        ({"mappings": [{"a": ["notes"]}]}, "mappings"),
        ({"mappings": [{"id": "email", "a": ["notes"]}]}, "mappings"),
        ({"winner": "c"}, "winner"),
    ],
)
def test_settings_that_cannot_be(body: dict, where: str, made: World, url: Url, api_client: APIClient) -> None:
    answer = api_client.patch(url("api_sync", made.sync.pk), body, format="json")
    assert answer.status_code == 400 and where in answer.json()
    made.sync.refresh_from_db()
    assert made.sync.active.number == 1


def test_custom_mappings_with_a_plan_that_has_them(made: World, url: Url, api_client: APIClient) -> None:
    Workspace.objects.update(plan=Plan.objects.get(name="pro"))
    current_workspace().plan = Plan.objects.get(name="pro")
    off = [{"id": name, "enabled": False} for name in ("notes", "job_title")]
    body = {"mappings": [*off, {"a": ["notes"], "b": ["job"], "clears": "clear"}]}
    answer = api_client.patch(url("api_sync", made.sync.pk), body, format="json")
    assert answer.status_code == 200, answer.json()
    custom = next(m for m in answer.json()["settings"]["mappings"] if m["custom"])
    assert (custom["a"], custom["b"], custom["clears"]) == (["notes"], ["job"], "clear")
    refused = api_client.patch(
        url("api_sync", made.sync.pk), {"mappings": [{"a": ["tags"], "b": ["mail"]}]}, format="json"
    )
    assert refused.status_code == 400
    body = {"mappings": [{"id": custom["id"], "remove": True}]}
    answer = api_client.patch(url("api_sync", made.sync.pk), body, format="json")
    assert not any(m["custom"] for m in answer.json()["settings"]["mappings"])


def test_off_on_pause_resume_delete(made: World, url: Url, api_client: APIClient) -> None:
    sync = made.sync.pk
    refused = api_client.delete(url("api_sync", sync))
    assert refused.status_code == 400 and refused.json()["detail"] == "Turn the sync off first."
    for name, state in (
        ("pause", "paused"),
        ("resume", "on"),
        ("turn_off", "off"),
        ("start", "on"),
        ("turn_off", "off"),
    ):
        answer = api_client.post(url(f"api_sync_{name}", sync))
        assert (answer.status_code, answer.json()["state"]) == (200, state)
    assert api_client.post(url("api_sync_resume", sync)).status_code == 400
    assert api_client.post(url("api_sync_run", sync)).status_code == 400
    assert api_client.delete(url("api_sync", sync)).status_code == 204
    assert api_client.get(url("api_sync", sync)).status_code == 404
    assert RecordLink.objects.exists()


def test_disconnecting_an_account_names_the_syncs_that_stop(made: World, url: Url, api_client: APIClient) -> None:
    answer = api_client.post(url("api_account_disconnect", made.book.pk))
    assert answer.json() == {"syncs": [made.sync.pk]}
    assert ConnectedAccount.objects.get(pk=made.book.pk).state == "disconnected"
    refused = api_client.post(url("api_sync_start", made.sync.pk))
    assert refused.status_code == 400 and "reconnected" in refused.json()["detail"]


# --- Runs, operations, records ------------------------------------------------------------------------------


def test_a_run_is_started_and_followed(made: World, url: Url, api_client: APIClient) -> None:
    answer = api_client.post(url("api_sync_run", made.sync.pk))
    assert answer.status_code == 202
    run = answer.json()["id"]
    assert api_client.post(url("api_sync_run", made.sync.pk)).json()["id"] == run
    followed = api_client.get(url("api_run", made.sync.pk, run)).json()
    assert (followed["state"], followed["phase"], followed["started_by"]) == ("running", "reading", "API: tests")
    listed = api_client.get(url("api_runs", made.sync.pk)).json()["results"]
    assert [one["id"] for one in listed] == [run, made.run.pk]
    assert api_client.get(url("api_sync", made.sync.pk)).json()["run"] == run


def test_an_operation_tells_before_after_rule_and_reason(made: World, url: Url, api_client: APIClient) -> None:
    address = url("api_operations", made.sync.pk, made.run.pk)
    (found,) = api_client.get(address).json()["results"]
    assert found["record"] == made.links["in_sync"].pk and found["side"] == "b"
    (change,) = found["changes"]
    assert (change["label"], change["before"], change["after"]) == ("First name", "Augusta", "Ada")
    assert (change["rule"], change["why"]) == ("3.2", "It was changed in Address book only.")
    assert api_client.get(address, {"state": "refused"}).json()["results"] == []


def test_records_by_state_cause_and_search(made: World, url: Url, api_client: APIClient) -> None:
    address = url("api_records", made.sync.pk)

    def labels(**query: str) -> list[str]:
        return [one["label"] for one in api_client.get(address, query).json()["results"]]

    assert len(labels()) == 7
    assert labels(state="excluded") == ["Nobody"]
    assert labels(state="failing", cause="ambiguous") == ["Failing ambiguous"]
    assert labels(search="lovelace") == ["Ada Lovelace"]
    assert labels(search=made.links["waiting"].a_id) == ["Waiting"]
    (ambiguous,) = api_client.get(address, {"cause": "ambiguous"}).json()["results"]
    assert ambiguous["candidates"] == ["twin-1", "twin-2"] and ambiguous["why"].startswith("More than one could match")


def test_one_record_with_both_sides(made: World, url: Url, api_client: APIClient) -> None:
    body = api_client.get(url("api_record", made.sync.pk, made.links["in_sync"].pk)).json()
    assert body["values_a"]["phone"] == "+44 20 7946 0018" and body["values_b"]["phone"] == "020 79460018"
    assert body["provenance"]["first_name"]["before"] == "Augusta"
    assert body["notes"] == {"notes": "clear_kept"} and body["parked"] == {"job_title": "Too long"}
    alone = api_client.get(url("api_record", made.sync.pk, made.links["ambiguous"].pk)).json()
    assert alone["values_b"] is None and alone["b_id"] is None


def test_another_try(made: World, url: Url, api_client: APIClient) -> None:
    answer = api_client.post(url("api_record_retry", made.sync.pk, made.links["invalid_value"].pk))
    assert answer.status_code == 202
    assert RecordLink.objects.get(replan=True).cause == "invalid_value"
    assert Due.objects.filter(kind=services.DUE_KIND, target=made.sync.pk).exists()


def test_long_lists_come_in_pages_of_bounded_size(made: World, url: Url, api_client: APIClient) -> None:
    samples.many_links(made, 250, state="in_sync")
    answer = api_client.get(url("api_records", made.sync.pk), {"page_size": 100_000}).json()
    assert len(answer["results"]) == 200
    rest = api_client.get(answer["next"]).json()
    ids = [one["id"] for one in (*answer["results"], *rest["results"])]
    assert len(set(ids)) == 257 and rest["next"] is None


def test_lists_ask_the_database_a_bounded_number_of_times(made: World, url: Url, api_client: APIClient) -> None:
    samples.many_links(made, 60, state="failing", cause="ambiguous")
    for link in RecordLink.objects.filter(cause="ambiguous")[:30]:
        samples.operation(made, link, [{"field": "job", "before": "x", "after": "y", "reason": "winner"}])
    for name, args in reads(made).items():
        with CaptureQueriesContext(connection) as asked:
            assert api_client.get(url(name, *args)).status_code == 200
        assert len(asked) <= MOST_QUERIES, f"{name}: {len(asked)}"


def test_the_description_is_valid(workspace: Workspace, tmp_path: Path) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))


def test_the_description_has_it_all(api_client: APIClient, url: Url) -> None:
    accept = {"accept": "application/vnd.oai.openapi+json"}
    paths = set(api_client.get(url("api_schema"), headers=accept).json()["paths"])
    assert {
        "/api/v1/syncs",
        "/api/v1/syncs/{id}",
        "/api/v1/syncs/{id}/start",
        "/api/v1/syncs/{id}/turn_off",
        "/api/v1/syncs/{id}/run",
        "/api/v1/syncs/{id}/runs",
        "/api/v1/syncs/{id}/records",
        "/api/v1/accounts",
        "/api/v1/apps",
    } <= paths
