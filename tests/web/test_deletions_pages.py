"""Pages about records that one side has lost: who may decide, and what is refused with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from django.test import Client

from connectors.contract import WriteKind
from syncengine import services
from syncengine.core.mapping import Direction, Side
from syncengine.models import Operation, RecordLink, RunKind, Stream, Sync, SyncRun, Wish
from tenants.models import Workspace
from tenants.urls import workspace_url
from tests import samples
from tests.samples import World

Url = Callable[..., str]
LIST = "?state=failing&cause=deleted_in_b"


@pytest.fixture
def made(workspace: Workspace) -> Iterator[World]:
    with samples.apps():
        yield samples.world()


def posts(made: World) -> dict[str, tuple[tuple[int, ...], dict[str, object]]]:
    """Every action: its arguments, and what is sent."""
    sync, link = made.sync.pk, made.links["deleted_in_b"].pk
    return {
        "sync_resync": ((sync,), {"cause": "deleted_in_b", "all": 1}),
        "record_resync": ((sync, link), {}),
        "sync_confirm_missing": ((sync,), {"side": "b", "records": 12}),
        "record_pass_on": ((sync, link), {}),
        "record_keep_unlinked": ((sync, link), {}),
    }


def test_only_admins_decide(
    made: World, url: Url, member_client: Callable[..., Client], stranger_client: Client, client: Client
) -> None:
    viewer, admin = member_client("viewer"), member_client("admin")
    for name, (args, said) in posts(made).items():
        assert viewer.post(url(name, *args), said).status_code == 403
        assert stranger_client.post(url(name, *args), said).status_code == 404
        assert client.post(url(name, *args), said).status_code == 302
        assert admin.get(url(name, *args)).status_code == 405
    assert not RecordLink.objects.exclude(wish="").exists()


def test_another_workspace_has_none_of_it(made: World, other_workspace: Workspace, stranger_client: Client) -> None:
    for name, (args, said) in posts(made).items():
        assert stranger_client.post(workspace_url(other_workspace, name, *args), said).status_code == 404


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_resync_all_from_the_list(made: World, url: Url, member_client: Callable[..., Client], role: str) -> None:
    client = member_client(role)
    text = client.get(url("sync_records", made.sync.pk) + LIST).text
    assert url("sync_resync", made.sync.pk) in text and 'form="resync"' in text
    answer = client.post(url("sync_resync", made.sync.pk), {"cause": "deleted_in_b", "all": 1}, follow=True)
    assert "1 record is being resynced." in answer.text
    assert RecordLink.objects.get(pk=made.links["deleted_in_b"].pk).wish == Wish.RESYNC
    assert SyncRun.objects.filter(kind=RunKind.RESYNC, state="running").count() == 1


def test_resync_ticked_ones(made: World, url: Url, owner_client: Client) -> None:
    address, link = url("sync_resync", made.sync.pk), made.links["deleted_in_b"].pk
    assert "Tick the records" in owner_client.post(address, {"cause": "deleted_in_b"}, follow=True).text
    assert "on which side" in owner_client.post(address, {"cause": "ambiguous", "all": 1}, follow=True).text
    wrong = {"cause": "deleted_in_b", "link": ["x", str(made.links["ambiguous"].pk)]}
    assert "None of these records" in owner_client.post(address, wrong, follow=True).text
    assert "is being resynced" in owner_client.post(address, {**wrong, "link": [str(link)]}, follow=True).text


def test_resync_one_record(made: World, url: Url, owner_client: Client) -> None:
    args = (made.sync.pk, made.links["deleted_in_b"].pk)
    assert url("record_resync", *args) in owner_client.get(url("record_detail", *args)).text
    assert "is being resynced" in owner_client.post(url("record_resync", *args), follow=True).text


def test_what_the_direction_forbids_is_shown_disabled(made: World, url: Url, owner_client: Client) -> None:
    sync = Sync.objects.get(pk=made.sync.pk)
    services.change_settings(sync, replace(sync.settings, direction=Direction.B_TO_A), actor="test")
    for address in (
        url("sync_records", sync.pk) + LIST,
        url("sync_records", sync.pk) + "?state=failing",
        url("record_detail", sync.pk, made.links["deleted_in_b"].pk),
    ):
        text = owner_client.get(address).text
        assert "does not allow writing to “Sales”" in text and "disabled title=" in text
    answer = owner_client.post(url("sync_resync", sync.pk), {"cause": "deleted_in_b", "all": 1}, follow=True)
    assert "does not allow writing to “Sales”" in answer.text
    assert not RecordLink.objects.exclude(wish="").exists()


def test_a_viewer_is_offered_none_of_it(made: World, url: Url, viewer_client: Client) -> None:
    sync = made.sync.pk
    for address in (url("sync_records", sync) + LIST, url("record_detail", sync, made.links["deleted_in_b"].pk)):
        assert "resync/" not in viewer_client.get(address).text


def test_many_missing_records_are_confirmed(made: World, url: Url, owner_client: Client, viewer_client: Client) -> None:
    sync = Sync.objects.get(pk=made.sync.pk)
    Sync.objects.update(attention="missing", attention_reason="Sales shows 12 less.")
    stream = Stream.objects.filter(pk=sync.pair.stream_b_id)
    stream.update(missing=12)
    address = url("sync_confirm_missing", sync.pk)
    assert address not in viewer_client.get(url("sync_detail", sync.pk)).text
    text = owner_client.get(url("sync_detail", sync.pk)).text
    assert address in text and "12 records of “Sales” were deleted" in text and "data-confirm" in text
    for said in ({}, {"side": "x", "records": 12}, {"side": "b", "records": "-1"}):
        assert "which records" in owner_client.post(address, said, follow=True).text
    assert "By now 12 records" in owner_client.post(address, {"side": "b", "records": 11}, follow=True).text
    assert stream.get().missing_confirmed == 0
    assert "count as deleted" in owner_client.post(address, {"side": "b", "records": 12}, follow=True).text
    assert stream.get().missing_confirmed == 12


def test_passing_deletions_on_is_chosen_on_the_settings_page(made: World, url: Url, owner_client: Client) -> None:
    sync = Sync.objects.get(pk=made.sync.pk)
    address = url("sync_settings", sync.pk)
    assert 'name="deletions_b"' in owner_client.get(address).text
    owner_client.post(address, {"direction": "two_way", "deletions_b": "delete", "deletions_a": "nonsense"})
    assert services.current_settings(sync).deletions == {Side.B: WriteKind.DELETE}
    assert "is deleted in “Sales” too" in owner_client.get(url("sync_review", sync.pk)).text
    answer = owner_client.post(address, {"direction": "b_to_a", "deletions_b": "delete"})
    assert answer.status_code == 422 and "does not allow deleting" in answer.text


def test_a_deletion_that_waits_is_passed_on(made: World, url: Url, owner_client: Client) -> None:
    sync, link = Sync.objects.get(pk=made.sync.pk), made.links["deleted_in_b"]
    args = (sync.pk, link.pk)
    assert url("record_pass_on", *args) not in owner_client.get(url("record_detail", *args)).text
    assert "not switched on" in owner_client.post(url("record_pass_on", *args), follow=True).text
    services.change_settings(sync, replace(sync.settings, deletions={Side.A: WriteKind.DELETE}), actor="test")
    assert url("record_pass_on", *args) in owner_client.get(url("record_detail", *args)).text
    assert "is being passed on" in owner_client.post(url("record_pass_on", *args), follow=True).text
    assert RecordLink.objects.get(pk=link.pk).wish == Wish.PASS_ON


def test_a_merge_is_decided(made: World, url: Url, owner_client: Client) -> None:
    link = made.links["deleted_in_b"]
    args = (made.sync.pk, link.pk)
    assert "nothing to decide" in owner_client.post(url("record_keep_unlinked", *args), follow=True).text
    RecordLink.objects.filter(pk=link.pk).update(cause="merged")
    text = owner_client.get(url("record_detail", *args)).text
    assert url("record_keep_unlinked", *args) in text and "two links would become one" in text
    assert "stays unlinked" in owner_client.post(url("record_keep_unlinked", *args), follow=True).text
    assert RecordLink.objects.get(pk=link.pk).wish == Wish.KEEP_APART


def test_why_outlives_the_journal(made: World, url: Url, owner_client: Client) -> None:
    link, run = RecordLink.objects.get(pk=made.links["in_sync"].pk), SyncRun.objects.get(pk=made.run.pk)
    mapping = made.sync.settings.mappings[0].id
    told = {"side": "a", "at": "2026-01-01T00:00:00Z", "run": run.pk, "rule": "3.2", "reason": "only_one_changed"}
    link.provenance = {mapping: told}
    link.save()
    address = url("record_detail", made.sync.pk, link.pk)
    assert url("run_detail", made.sync.pk, run.pk) in owner_client.get(address).text
    Operation.objects.all().delete()
    run.delete()
    answer = owner_client.get(address)
    assert "Rule 3.2" in answer.text and url("run_detail", made.sync.pk, made.run.pk) not in answer.text
