"""The editor of filters: by sending its form, and with htmx; who may use it; what is said of it elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from syncengine import services, words
from syncengine.core.filters import FieldCondition, FilterMode, Joined, Leaving, Operator
from syncengine.core.mapping import Begins, History, Transform
from tenants.models import Workspace
from tenants.urls import workspace_url
from tests import samples
from tests.samples import World

Url = Callable[..., str]


@pytest.fixture
def made(workspace: Workspace) -> Iterator[World]:
    with samples.apps():
        yield samples.world()


TWO = {
    "a.joined": "any",
    "a.0.joined": "any",
    "a.0.0.field": "job",
    "a.0.0.operator": "one_of",
    "a.0.0.value": "Cook\r\n\r\n Baker ",
    "a.0.1.field": "mail",
    "a.0.1.operator": "blank",
    "a.1.joined": "all",
    "a.1.0.field": "company",
    "a.1.0.operator": "contains",
    "a.1.0.value": "Acme",
    "mode": "either",
    "leaving": "go_on",
}


def test_rule_6_2_filters_are_kept_as_a_draft_and_told_in_sentences(
    made: World, url: Url, owner_client: Client
) -> None:
    page = url("sync_filters", made.sync.pk)
    assert "Everything: there is no filter." in owner_client.get(page).text
    assert owner_client.post(page, TWO).url == url("sync_settings", made.sync.pk)
    filters = services.current_settings(made.sync).filters
    assert filters.a.joined is Joined.ANY and [g.joined for g in filters.a.groups] == [Joined.ANY, Joined.ALL]
    assert filters.a.conditions == (
        FieldCondition("job", Operator.ONE_OF, ("Cook", "Baker")),
        FieldCondition("mail", Operator.BLANK),
        FieldCondition("company", Operator.CONTAINS, "Acme"),
    )
    assert (filters.mode, filters.leaving) == (FilterMode.EITHER, Leaving.GO_ON)
    sentence = "(“Job title” is one of “Cook”, “Baker” or “E-mail” is blank) or (“Company” contains “Acme”)"
    for name in ("sync_settings", "sync_review"):
        assert sentence in owner_client.get(url(name, made.sync.pk)).text
    shown = owner_client.get(page).text
    assert "Cook\nBaker</textarea>" in shown and 'value="Acme"' in shown
    owner_client.post(page, {"mode": "own", "leaving": "stop"})
    assert services.current_settings(made.sync).filters.a.conditions == ()


def test_without_javascript_rows_come_and_go_by_sending_the_form(made: World, url: Url, owner_client: Client) -> None:
    page = url("sync_filters", made.sync.pk)
    first = owner_client.post(page, {"do": "group:b"})
    assert first.status_code == 200 and 'name="b.0.0.field"' in first.text and "<html" in first.text
    row = {"b.joined": "all", "b.0.joined": "all", "b.0.0.field": "phone"}
    asked = owner_client.post(page, row | {"do": "look"}).text
    assert 'name="b.0.0.operator"' in asked and "starts with" in asked and "is greater than" not in asked
    assert 'name="b.0.1.field"' in owner_client.post(page, row | {"do": "add:b.0"}).text
    assert 'name="b.0.0.field"' not in owner_client.post(page, row | {"do": "remove:b.0.0"}).text
    for nonsense in ("remove:b.9.9", "add:c.0", "group:x", "add:b.x", "remove:b", "what"):
        assert owner_client.post(page, row | {"do": nonsense}).status_code == 200
    part = owner_client.post(page, row | {"do": "add:b.0"}, headers={"HX-Request": "true"}).text
    assert "<html" not in part and 'id="filters"' in part
    assert not made.sync.versions.filter(state="draft").exists(), "nothing is saved by it"


def test_rule_6_2_what_cannot_be_judged_is_said_at_its_row(made: World, url: Url, owner_client: Client) -> None:
    page = url("sync_filters", made.sync.pk)
    row = {"a.joined": "all", "a.0.joined": "all", "a.0.0.field": "job", "a.0.0.operator": "contains"}
    answer = owner_client.post(page, row)
    assert answer.status_code == 422 and answer.text.count("Say what “Job title” is compared with.") == 2
    gone = owner_client.post(page, row | {"a.0.0.field": "fax"})
    assert gone.status_code == 422 and "has no field “fax”" in gone.text
    assert owner_client.post(page, row | {"a.0.0.field": ""}).status_code == 302, "an empty row counts for nothing"


def test_who_may_see_and_change_filters(
    made: World,
    url: Url,
    viewer_client: Client,
    stranger_client: Client,
    client: Client,
    other_workspace: Workspace,
    member_client: Callable[..., Client],
) -> None:
    page = url("sync_filters", made.sync.pk)
    assert viewer_client.get(page).status_code == 200 and viewer_client.post(page, TWO).status_code == 403
    assert member_client("admin").post(page, TWO).status_code == 302
    assert stranger_client.get(page).status_code == 404 and client.get(page).status_code == 302
    assert stranger_client.get(workspace_url(other_workspace, "sync_filters", made.sync.pk)).status_code == 404


def test_rule_6_4_history_and_5_11_are_chosen_on_the_settings_page(made: World, url: Url, owner_client: Client) -> None:
    from tests.web.test_syncs_flows import form_of

    sent = form_of(made.sync, history="from_now", pass_on_shown="1", pass_on="on")
    owner_client.post(url("sync_settings", made.sync.pk), sent)
    draft = services.current_settings(made.sync)
    assert draft.history is History.FROM_NOW and draft.pass_on
    review = owner_client.get(url("sync_review", made.sync.pk)).text
    assert "Only what is created or changed from now on" in review and "are passed on" in review
    answer = owner_client.post(url("sync_settings", made.sync.pk), sent | {"filters": "1"})
    assert answer.url == url("sync_filters", made.sync.pk)


@pytest.mark.parametrize(
    "kind, said",
    [
        (Operator, words.OPERATORS),
        (Joined, words.JOINED),
        (Joined, words.JOINS),
        (FilterMode, words.FILTER_MODES),
        (Leaving, words.LEAVINGS),
        (History, words.HISTORIES),
        (Begins, words.BEGINS),
        (Transform, words.TRANSFORMS),
    ],
)
def test_every_choice_has_words(kind, said) -> None:
    assert set(said) == set(kind) and all(str(text) for text in said.values())
