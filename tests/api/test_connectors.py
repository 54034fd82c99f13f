"""The API of apps, accounts and objects: the same services as the pages, with a key."""

import pytest
from rest_framework.test import APIClient

from connectors import accounts
from connectors.contract import Kind
from connectors.models import AccountState, ConnectedAccount
from tenants.context import workspace_context
from tenants.models import WorkspaceAPIKey

PASSWORD = "open sesame"
SETTINGS = {"account": "acme", "password": PASSWORD}


@pytest.fixture
def read_only_client(workspace):
    _row, key = WorkspaceAPIKey.objects.create_key(workspace=workspace, name="reader", read_only=True)
    return APIClient(headers={"authorization": f"Bearer {key}"})


def post(client, path, **body):
    return client.post(path, body, format="json")


def patch(client, path, **body):
    return client.patch(path, body, format="json")


# --- who may


def test_only_a_key_of_this_workspace_opens(apps, url, other_workspace, admin_client, client):
    account = apps.connect()
    with workspace_context(other_workspace):
        _row, key = WorkspaceAPIKey.objects.create_key(workspace=other_workspace, name="theirs")
    theirs = APIClient(headers={"authorization": f"Bearer {key}"})
    paths = [
        url("api_apps"),
        url("api_app", "people"),
        url("api_accounts"),
        url("api_account", account.pk),
        url("api_objects", account.pk),
        url("api_object", account.pk, account.objects_offered.first().pk),
    ]
    for path in paths:
        for stranger in (theirs, admin_client, client):
            assert stranger.get(path).status_code == 401, path
    for path in (url("api_account_reconnect", account.pk), url("api_account_check", account.pk)):
        assert theirs.post(path).status_code == 401


def test_a_read_only_key_changes_nothing(apps, url, read_only_client):
    account = apps.connect()
    assert read_only_client.get(url("api_account", account.pk)).status_code == 200
    assert post(read_only_client, url("api_accounts"), app="people", settings=SETTINGS).status_code == 403
    assert patch(read_only_client, url("api_account", account.pk), name="x").status_code == 403
    assert post(read_only_client, url("api_account_check", account.pk)).status_code == 403


def test_what_belongs_to_another_workspace_is_not_there(apps, url, other_workspace, api_client):
    with workspace_context(other_workspace):
        theirs = ConnectedAccount.objects.create(pk=987654, app="people", name="Theirs", remote_id="x")
    assert api_client.get(url("api_account", theirs.pk)).status_code == 404
    assert patch(api_client, url("api_account", theirs.pk), name="x").status_code == 404
    assert post(api_client, url("api_account_reconnect", theirs.pk), settings={}).status_code == 404
    assert post(api_client, url("api_account_check", theirs.pk)).status_code == 404
    assert api_client.get(url("api_objects", theirs.pk)).status_code == 404
    assert api_client.get(url("api_accounts")).json()["results"] == []


# --- apps


def test_apps_with_what_they_ask_for(apps, url, api_client):
    listed = {app["name"]: app for app in api_client.get(url("api_apps")).json()["results"]}
    assert {"people", "tables"} <= set(listed)
    one = api_client.get(url("api_app", "tables")).json()
    assert one == listed["tables"]
    assert (one["label"], one["custom_objects"], one["kinds"]) == ("Tables", True, [])
    assert one["settings"][1] == {
        "name": "password",
        "label": "Password",
        "kind": "secret",
        "required": True,
        "help": "",
        "default": "",
        "choices": [],
    }
    assert api_client.get(url("api_app", "nonsense")).status_code == 404


# --- accounts


def test_connecting(apps, url, api_client):
    response = post(api_client, url("api_accounts"), app="people", name="Ours", settings=SETTINGS)
    assert response.status_code == 201
    account = ConnectedAccount.objects.get()
    body = response.json()
    assert body == api_client.get(url("api_account", account.pk)).json()
    assert (body["id"], body["name"], body["state"], body["is_home"]) == (account.pk, "Ours", "ok", False)
    assert body["settings"] == {"account": "acme"} and body["created_by"] == "API: tests"
    assert PASSWORD not in response.content.decode() and "secrets" not in body


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"app": ["This field is required."], "settings": ["This field is required."]}),
        ({"app": "nonsense", "settings": {}}, {"app": ["There is no app named 'nonsense'."]}),
        (
            {"app": "people", "settings": {"odd": "x"}},
            {
                "settings": {
                    "odd": ["This app has no such setting."],
                    "account": ["This is needed."],
                    "password": ["This is needed."],
                }
            },
        ),
        (
            {"app": "people", "settings": {"account": ["x"], "password": "x"}},
            {"settings": {"account": ["This has to be text."]}},
        ),
        (
            {"app": "people", "settings": {**SETTINGS, "password": "wrong"}},
            {"detail": "The app does not accept these credentials. Wrong password."},
        ),
        (
            {"app": "people", "name": "TAKEN", "settings": SETTINGS},
            {"name": ["Another account has this name already."]},
        ),
    ],
)
def test_what_does_not_work_is_told_at_its_field(apps, url, api_client, body, errors):
    apps.connect("globex", name="Taken")
    response = post(api_client, url("api_accounts"), **body)
    assert (response.status_code, response.json()) == (400, errors)
    assert ConnectedAccount.objects.count() == 1


def test_connecting_twice_is_a_conflict_that_names_the_account(apps, url, api_client):
    known = apps.connect()
    response = post(api_client, url("api_accounts"), app="people", settings=SETTINGS)
    assert response.status_code == 409
    assert response.json()["account"] == known.pk and "connected already" in response.json()["detail"]


def test_renaming_and_the_home_account(apps, url, api_client):
    account = apps.connect()
    body = patch(api_client, url("api_account", account.pk), name="Better", is_home=True).json()
    assert (body["name"], body["is_home"]) == ("Better", True)
    refused = patch(api_client, url("api_account", account.pk), is_home=False)
    assert refused.status_code == 400 and set(refused.json()) == {"is_home"}
    assert patch(api_client, url("api_account", account.pk), name=" ").status_code == 400


def test_reconnecting(apps, url, api_client):
    account = apps.connect()
    accounts.mark_state(account, AccountState.SIGN_IN, "expired")
    path = url("api_account_reconnect", account.pk)
    apps.acme.password = "new"
    assert post(api_client, path, settings={}).status_code == 400
    assert post(api_client, path, settings={"account": "globex", "password": PASSWORD}).status_code == 400
    response = post(api_client, path, settings={"password": "new"})
    assert (response.status_code, response.json()["state"]) == (200, "ok")


def test_checking(apps, url, api_client):
    account = apps.connect()
    assert post(api_client, url("api_account_check", account.pk)).json()["state"] == "ok"
    apps.acme.password = "changed"
    assert post(api_client, url("api_account_check", account.pk)).status_code == 400
    assert api_client.get(url("api_account", account.pk)).json()["state"] == "sign_in"


# --- objects


def test_objects_and_their_fields(apps, url, api_client):
    account = apps.connect()
    listed = api_client.get(url("api_objects", account.pk)).json()["results"]
    assert [(one["name"], one["kind"]) for one in listed] == [("contacts", "contact"), ("companies", "company")]
    one = api_client.get(url("api_object", account.pk, listed[0]["id"])).json()
    field = next(f for f in one["fields"] if f["name"] == "job")
    assert field == {
        "name": "job",
        "label": "Job title",
        "type": "text",
        "canonical": "job_title",
        "required": False,
        "read_only": False,
        "unique": False,
        "multi_valued": False,
        "options": [],
        "target": None,
        "max_length": 40,
    }
    other = apps.connect("globex")
    assert api_client.get(url("api_object", other.pk, listed[0]["id"])).status_code == 404


def test_saying_what_a_table_is(apps, url, api_client):
    table = apps.connect_tables().objects_offered.get()
    path = url("api_object", table.account_id, table.pk)
    assert api_client.get(path).json()["proposed_kind"] == "contact"
    body = patch(api_client, path, kind="contact", fields={"mail_addr": {"canonical": "email", "type": "email"}}).json()
    field = next(f for f in body["fields"] if f["name"] == "mail_addr")
    assert (body["kind"], field["canonical"], field["type"]) == ("contact", "email", "email")
    patch(api_client, path, fields={"full_name": {"canonical": ""}})
    table.refresh_from_db()
    meaning = accounts.meaning_of(table)
    assert meaning.kind is Kind.CONTACT and set(meaning.fields) == {"mail_addr", "full_name"}
    patch(api_client, path, kind=None, fields={"mail_addr": None})
    table.refresh_from_db()
    meaning = accounts.meaning_of(table)
    assert meaning.kind is None and set(meaning.fields) == {"full_name"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "nonsense"}, "kind"),
        ({"fields": {"nonsense": {}}}, "nonsense"),
        ({"fields": {"mail_addr": {"canonical": "nonsense"}}}, "mail_addr"),
        ({"fields": {"mail_addr": {"type": "nonsense"}}}, "mail_addr"),
        ({"fields": {"stage": {"type": "text"}}}, "stage"),
    ],
)
def test_nonsense_about_a_table_is_told_at_its_field(apps, url, api_client, body, field):
    table = apps.connect_tables().objects_offered.get()
    response = patch(api_client, url("api_object", table.account_id, table.pk), **body)
    assert response.status_code == 400
    told = response.json().get("fields", response.json())
    assert set(told) == {field}
    table.refresh_from_db()
    assert table.meaning == {}


def test_the_schema_names_every_endpoint_and_no_secret_comes_out(apps, url, api_client):
    schema = api_client.get(url("api_schema"), headers={"accept": "application/vnd.oai.openapi+json"})
    assert schema.status_code == 200
    document = schema.json()
    for path in ("/api/v1/apps", "/api/v1/accounts", "/api/v1/accounts/{id}/objects/{object_pk}"):
        assert path in document["paths"], sorted(document["paths"])
    assert "secrets" not in document["components"]["schemas"]["Account"]["properties"]
