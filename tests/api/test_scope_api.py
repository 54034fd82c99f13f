"""Filters, history, transforms, option maps and defaults over the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from rest_framework.test import APIClient

from connectors.models import AccountObject
from syncengine import services
from syncengine.core.filters import Joined, Operator
from syncengine.core.mapping import Begins, History, Side, Transform
from tenants.context import current_workspace
from tenants.models import Plan, Workspace, WorkspaceAPIKey
from tenants.urls import workspace_url
from tests import samples
from tests.samples import World

Url = Callable[..., str]


@pytest.fixture
def made(workspace: Workspace) -> Iterator[World]:
    with samples.apps():
        yield samples.world()


@pytest.fixture
def pro(workspace: Workspace) -> None:
    Workspace.objects.update(plan=Plan.objects.get(name="pro"))
    current_workspace().plan = Plan.objects.get(name="pro")


def condition(field: str, operator: str, *value: object) -> dict[str, object]:
    return {
        "joined": "any",
        "conditions": [{"field": field, "operator": operator} | ({"value": value[0]} if value else {})],
    }


def test_rule_6_2_filters_are_set_and_shown(made: World, url: Url, api_client: APIClient) -> None:
    page = url("api_sync", made.sync.pk)
    filters = {
        "a": {"joined": "any", "groups": [condition("job", "one_of", ["Cook", "Baker"]), condition("mail", "blank")]}
    }
    answer = api_client.patch(page, {"filters": filters | {"leaving": "go_on"}, "history": "from_now"}, format="json")
    assert answer.status_code == 200, answer.json()
    shown = answer.json()["settings"]
    assert shown["filters"]["a"]["groups"][0]["conditions"] == [
        {"field": "job", "operator": "one_of", "value": ["Cook", "Baker"]}
    ]
    assert (shown["filters"]["mode"], shown["filters"]["leaving"], shown["history"]) == ("own", "go_on", "from_now")
    made.sync.refresh_from_db()
    settings = made.sync.settings
    assert settings.filters.a.joined is Joined.ANY and settings.history is History.FROM_NOW
    assert [c.operator for c in settings.filters.a.conditions] == [Operator.ONE_OF, Operator.BLANK]
    answer = api_client.patch(page, {"filters": {"mode": "either"}}, format="json")
    made.sync.refresh_from_db()
    assert made.sync.settings.filters.a == settings.filters.a, "what is not named stays"
    assert made.sync.settings.filters.mode == "either"


@pytest.mark.parametrize(
    "groups, said",
    [
        ([condition("fax", "blank")], "has no field"),
        ([condition("job", "greater", "1")], "cannot be asked"),
        ([condition("job", "sideways")], "not a valid choice"),
        ([condition("job", "is", {"x": 1})], "A text"),
        ([{"conditions": "all"}], "list"),
    ],
)
def test_rule_6_2_what_cannot_be_judged_is_refused(
    made: World, url: Url, api_client: APIClient, groups: list[object], said: str
) -> None:
    before = services.current_settings(made.sync)
    answer = api_client.patch(url("api_sync", made.sync.pk), {"filters": {"a": {"groups": groups}}}, format="json")
    assert answer.status_code == 400 and said in answer.text
    assert services.current_settings(made.sync) == before


def patch(api_client: APIClient, url: Url, made: World, *mappings: dict[str, object]):
    return api_client.patch(url("api_sync", made.sync.pk), {"mappings": list(mappings)}, format="json")


def test_rule_4_2_a_transform_comes_with_a_plan(made: World, url: Url, api_client: APIClient) -> None:
    answer = patch(api_client, url, made, {"id": "job_title", "transform": "upper"})
    assert answer.status_code == 400 and "not part of this workspace" in answer.text


def test_rule_4_1_a_transform_is_named_and_a_wrong_one_refused(
    made: World, url: Url, api_client: APIClient, pro: None
) -> None:
    wrong = patch(api_client, url, made, {"id": "phone", "transform": "phone", "argument": "loud"})
    assert wrong.status_code == 400 and "none of" in wrong.json()["phone"][0]
    answer = patch(
        api_client,
        url,
        made,
        {"id": "phone", "transform": "phone", "argument": "national", "shaped": "a", "begins": "later"},
    )
    assert answer.status_code == 200, answer.json()
    made.sync.refresh_from_db()
    phone = next(m for m in made.sync.settings.mappings if m.id == "phone")
    assert (phone.transform, phone.argument, phone.shaped, phone.begins) == (
        Transform.PHONE,
        "national",
        Side.A,
        Begins.LATER,
    )


def test_rule_4_4_constants_and_defaults(made: World, url: Url, api_client: APIClient, pro: None) -> None:
    off = {"id": "notes", "enabled": False}
    for default, said in (({}, "A constant needs a value"), ({"b": 7}, "no value for"), ({"c": "x"}, "sides are")):
        answer = patch(api_client, url, made, off, {"a": [], "b": ["notes"], "defaults": default})
        assert answer.status_code == 400 and said in answer.text
    answer = patch(api_client, url, made, off, {"b": ["notes"], "defaults": {"b": "From the book"}})
    assert answer.status_code == 200, answer.json()
    made.sync.refresh_from_db()
    constant = made.sync.settings.mappings[-1]
    assert constant.a == () and constant.defaults == {Side.B: "From the book"}
    answer = patch(api_client, url, made, {"id": "job_title", "defaults": {"b": "x" * 41}})
    assert answer.status_code == 400 and "40 characters" in answer.text


def test_rule_4_1_pairs_are_suggested_and_applied_by_whoever_asks(
    made: World, url: Url, api_client: APIClient, pro: None, other_workspace: Workspace
) -> None:
    for account, options in (
        (made.book, [["1", "Won"], ["2", "Closing"]]),
        (made.sales, [["x", "won"], ["y", "Closed"]]),
    ):
        obj = AccountObject.objects.get(pk=made.object(account).pk)
        notes = next(f for f in obj.resource["fields"] if f["name"] == "notes")
        notes |= {"type": "choice", "options": options}
        obj.save()
    page = url("api_mapping_suggestions", made.sync.pk, "notes")
    found = api_client.get(page).json()
    assert found[0] == {"a": "1", "label_a": "Won", "b": "x", "label_b": "won", "likeness": 100}
    answer = patch(api_client, url, made, {"id": "notes", "options": [["1", "x"], ["2", "y"]]})
    assert answer.status_code == 200, answer.json()
    assert api_client.get(page).json() == []
    assert api_client.get(url("api_mapping_suggestions", made.sync.pk, "nothing")).status_code == 400
    assert APIClient().get(page).status_code == 401
    _row, key = WorkspaceAPIKey.objects.create_key(workspace=other_workspace, name="theirs")
    theirs = APIClient(headers={"authorization": f"Bearer {key}"})
    assert theirs.get(page).status_code == 401
    assert (
        theirs.get(workspace_url(other_workspace, "api_mapping_suggestions", made.sync.pk, "notes")).status_code == 404
    )
