"""Buttons for single records, answers in bulk, and the pages of an undo."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from syncengine.models import RecordLink, RunKind, SyncRun
from tenants.models import Workspace
from tenants.urls import workspace_url
from tests import samples
from tests.samples import World

Url = Callable[..., str]
POSTS = {
    "record_decide": {"act": "leave_out"},
    "record_pause": {},
    "record_resume": {},
    "record_pin": {"field": "b:job", "until": "2099-01-01T10:00"},
    "record_undo": {},
}


@pytest.fixture
def made(workspace: Workspace) -> Iterator[World]:
    with samples.apps():
        yield samples.world()


def test_who_may_decide(
    made: World,
    url: Url,
    client: Client,
    viewer_client: Client,
    stranger_client: Client,
    admin_client: Client,
    other_workspace: Workspace,
) -> None:
    link = made.links["in_sync"].pk
    for name, said in POSTS.items():
        args = (made.sync.pk, link)
        assert client.post(url(name, *args), said).status_code == 302
        assert viewer_client.post(url(name, *args), said).status_code == 403
        assert stranger_client.post(url(name, *args), said).status_code == 404
        assert admin_client.post(workspace_url(other_workspace, name, *args), said).status_code == 404
        assert admin_client.get(url(name, *args)).status_code == 405
        assert admin_client.post(url(name, made.sync.pk, 10**9), said).status_code == 404
    for name, args in (("sync_answer", (made.sync.pk,)), ("run_undo", (made.sync.pk, made.run.pk))):
        assert viewer_client.post(url(name, *args)).status_code == 403
        assert stranger_client.post(url(name, *args)).status_code == 404
        assert admin_client.get(url(name, *args)).status_code == 405
    assert (
        not RecordLink.objects.exclude(decision="").exists() and not SyncRun.objects.filter(kind=RunKind.UNDO).exists()
    )


def test_candidates_stand_side_by_side_with_their_answers(made: World, url: Url, admin_client: Client) -> None:
    link = made.links["ambiguous"]
    page = url("record_detail", made.sync.pk, link.pk)
    text = admin_client.get(page).text
    assert text.count('value="keep_apart"') == 2 and "twin-2" in text and "Create it on the other side" in text
    samples.remote(made.sync.pair.stream_a, link.a_id, "Twin", {"first": "Twin"})
    answer = admin_client.post(
        url("record_decide", made.sync.pk, link.pk), {"act": "link", "remote_id": "twin-2"}, follow=True
    )
    assert "They are linked" in answer.text
    link.refresh_from_db()
    assert (link.b_id, link.made_by) == ("twin-2", "person")
    text = admin_client.post(url("record_decide", made.sync.pk, link.pk), {"act": "guess"}, follow=True).text
    assert "Say what is to be done" in text


def test_ambiguous_records_are_answered_at_once(
    made: World, url: Url, admin_client: Client, viewer_client: Client
) -> None:
    address = url("sync_answer", made.sync.pk)
    page = url("sync_records", made.sync.pk) + "?state=failing"
    assert address in admin_client.get(page).text and address not in viewer_client.get(page).text
    assert "settled" in admin_client.post(address, {"answer": "leave_out"}, follow=True).text
    assert "Say what" in admin_client.post(address, {"answer": "x"}, follow=True).text
    made.links["ambiguous"].refresh_from_db()
    assert made.links["ambiguous"].state == "excluded"


def test_rule_9_5_pause_and_pin_on_the_page(made: World, url: Url, admin_client: Client) -> None:
    at = (made.sync.pk, made.links["in_sync"].pk)
    pin = {"field": "b:job", "until": "2099-01-01T10:00"}
    assert "Pinned in Sales until" in admin_client.post(url("record_pin", *at), pin, follow=True).text
    for wrong in (
        {"field": "b:job", "until": "soon"},
        {"field": "nothing"},
        {"field": "b:job", "until": "2020-01-01T10:00"},
    ):
        assert admin_client.post(url("record_pin", *at), wrong, follow=True).status_code == 200
    assert "Pinned in" not in admin_client.post(url("record_pin", *at), pin | {"end": "1"}, follow=True).text
    text = admin_client.post(url("record_pause", *at), {"until": "2099-01-01T10:00"}, follow=True).text
    assert "Paused until" in text and url("record_resume", *at) in text
    assert RecordLink.objects.get(pk=at[1]).paused
    admin_client.post(url("record_resume", *at))
    admin_client.post(url("record_pause", *at), {"until": "nonsense"})
    assert not RecordLink.objects.get(pk=at[1]).paused


def test_rule_11_2_an_undo_is_looked_at_first(
    made: World, url: Url, admin_client: Client, viewer_client: Client
) -> None:
    page = url("run_detail", made.sync.pk, made.run.pk)
    assert url("run_undo", made.sync.pk, made.run.pk) in admin_client.get(page).text
    assert url("run_undo", made.sync.pk, made.run.pk) not in viewer_client.get(page).text
    answer = admin_client.post(url("run_undo", made.sync.pk, made.run.pk), follow=True)
    run = SyncRun.objects.get(kind=RunKind.UNDO)
    assert "Nothing has been undone yet" in answer.text and "Augusta" in answer.text
    assert "Nothing has been undone yet" not in viewer_client.get(url("run_detail", made.sync.pk, run.pk)).text
    assert viewer_client.post(url("undo_approve", made.sync.pk, run.pk)).status_code == 403
    answer = admin_client.post(url("undo_approve", made.sync.pk, run.pk), follow=True)
    assert "It is being undone" in answer.text
    run.refresh_from_db()
    assert run.state == "running" and run.decided_by == "admin@acme.example"
    assert (
        "approved this undo already" in admin_client.post(url("undo_discard", made.sync.pk, run.pk), follow=True).text
    )


def test_rule_11_2_an_undo_that_is_not_wanted_leaves_nothing(made: World, url: Url, admin_client: Client) -> None:
    at = (made.sync.pk, made.links["in_sync"].pk)
    admin_client.post(url("record_undo", *at), {"mapping": "first_name"})
    run = SyncRun.objects.get(kind=RunKind.UNDO)
    assert "Nothing was undone" in admin_client.post(url("undo_discard", made.sync.pk, run.pk), follow=True).text
    assert not SyncRun.objects.filter(kind=RunKind.UNDO).exists()
    text = admin_client.post(url("record_undo", *at), {"mapping": "last_name"}, follow=True).text
    assert "Nothing was written that could be undone" in text


def test_rule_11_3_the_page_tells_where_each_value_came_from(made: World, url: Url, viewer_client: Client) -> None:
    text = viewer_client.get(url("record_detail", made.sync.pk, made.links["in_sync"].pk)).text
    assert "In Sales: from Address book." in text and "It replaced “Augusta”." in text
