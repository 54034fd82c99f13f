"""What differs and stays so; how many records are created where nothing is matched by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client
from rest_framework.test import APIClient

from syncengine import services
from syncengine.models import RecordLink, Stream, Sync
from tenants.models import Workspace, WorkspaceAPIKey
from tenants.urls import workspace_url
from tests import samples
from tests.samples import World
from tests.web.test_syncs_flows import form_of

Url = Callable[..., str]


@pytest.fixture
def made(workspace: Workspace) -> Iterator[World]:
    with samples.apps():
        yield samples.world()


def test_rule_2_3_what_differs_is_listed_with_its_reason(
    made: World, url: Url, owner_client: Client, api_client: APIClient
) -> None:
    text = owner_client.get(url("sync_differences", made.sync.pk)).text
    assert "Ada Lovelace" in text and "Met in June" in text and "Cleared on one side" in text
    assert "Analyst" not in text, "only what is noted"
    (row,) = api_client.get(url("api_differences", made.sync.pk)).json()["results"]
    (one,) = row["differences"]
    assert row["record"] == made.links["in_sync"].pk
    assert (one["mapping"], one["value_a"], one["value_b"], one["reason"]) == ("notes", "", "Met in June", "clear_kept")
    RecordLink.objects.update(notes={})
    assert "Nothing differs" in owner_client.get(url("sync_differences", made.sync.pk)).text


def test_long_lists_are_paged_by_key(made: World, url: Url, owner_client: Client) -> None:
    samples.many_links(made, 60, state="in_sync", notes=made.links["in_sync"].notes)
    first = owner_client.get(url("sync_differences", made.sync.pk))
    second = owner_client.get(url("sync_differences", made.sync.pk), {"after": first.context["page"].next})
    links = [row.link.pk for page in (first, second) for row in page.context["rows"]]
    assert len(links) == len(set(links)) == 61 and second.context["page"].next == ""


def test_who_may_see_what_differs(
    made: World,
    url: Url,
    viewer_client: Client,
    stranger_client: Client,
    client: Client,
    other_workspace: Workspace,
) -> None:
    page, api = url("sync_differences", made.sync.pk), url("api_differences", made.sync.pk)
    assert viewer_client.get(page).status_code == 200
    assert stranger_client.get(page).status_code == 404 and client.get(page).status_code == 302
    assert stranger_client.get(workspace_url(other_workspace, "sync_differences", made.sync.pk)).status_code == 404
    assert client.get(api).status_code == 401
    _row, key = WorkspaceAPIKey.objects.create_key(workspace=other_workspace, name="theirs")
    theirs = APIClient(headers={"authorization": f"Bearer {key}"})
    assert theirs.get(workspace_url(other_workspace, "api_differences", made.sync.pk)).status_code == 404


def test_rule_5_5_the_review_says_how_many_are_created(made: World, url: Url, owner_client: Client) -> None:
    review = url("sync_review", made.sync.pk)
    assert "will be created" not in owner_client.get(review).text
    owner_client.post(url("sync_settings", made.sync.pk), form_of(made.sync, match_by="nothing"))
    assert owner_client.get(review).text.count("shows once it was read") == 2
    linked = RecordLink.objects.filter(a_id__isnull=False, b_id__isnull=False, closed_at=None).count()
    Stream.objects.update(listed_at=made.run.started_at, records=linked + 12)
    text = owner_client.get(review).text
    assert "12 records of “Address book” will be created in “Sales”." in text
    assert "12 records of “Sales” will be created in “Address book”." in text
    services.save_settings(Sync.objects.get(), services.current_settings(made.sync), actor="test")
    Stream.objects.filter(pk=made.sync.pair.stream_a_id).update(records=linked)
    assert "will be created" not in owner_client.get(review).text, "only where both have some"
