"""Who sees which page of a sync, that nothing from outside becomes markup, and what a page costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from syncengine import services
from syncengine.models import RecordLink, Sync
from tenants.context import workspace_context
from tenants.models import Workspace
from tenants.urls import workspace_url
from tests import samples
from tests.samples import World

CANARY = "<img src=x onerror=alert(1)>{{ 7|add:7 }}"
MOST_QUERIES = 25

Url = Callable[..., str]


@pytest.fixture
def made(workspace: Workspace) -> Iterator[World]:
    with samples.apps():
        yield samples.world()


def pages(made: World) -> dict[str, tuple[str, tuple[int, ...], str]]:
    """Name → (name of the URL, its arguments, query) of every page that members may see."""
    sync, record, run = made.sync.pk, made.links["in_sync"].pk, made.run.pk
    return {
        "home": ("home", (), ""),
        "activity": ("activity", (), ""),
        "activity of a sync": ("activity", (), f"?sync={sync}"),
        "syncs": ("syncs", (), ""),
        "sync": ("sync_detail", (sync,), ""),
        "settings": ("sync_settings", (sync,), ""),
        "review": ("sync_review", (sync,), ""),
        "in sync": ("sync_records", (sync,), ""),
        "failing": ("sync_records", (sync,), "?state=failing"),
        "of a cause": ("sync_records", (sync,), "?state=failing&cause=ambiguous"),
        "excluded": ("sync_records", (sync,), "?state=excluded"),
        "record": ("record_detail", (sync, record), ""),
        "ambiguous": ("record_detail", (sync, made.links["ambiguous"].pk), ""),
        "changes": ("sync_changes", (sync,), ""),
        "runs": ("sync_runs", (sync,), ""),
        "run": ("run_detail", (sync, run), ""),
    }


ADMIN_PAGES = ("sync_new", "sync_mapping_new", "sync_turn_off", "sync_delete")
POSTS = ("sync_run", "sync_pause", "sync_resume", "sync_start", "sync_turn_off", "sync_delete", "sync_discard")
PAGES = (
    "home",
    "activity",
    "activity of a sync",
    "syncs",
    "sync",
    "settings",
    "review",
    "in sync",
    "failing",
    "of a cause",
    "excluded",
    "record",
    "ambiguous",
    "changes",
    "runs",
    "run",
)


@pytest.mark.parametrize("page", PAGES)
def test_every_member_may_look(page: str, made: World, url: Url, member_client: Callable[..., Client]) -> None:
    name, args, query = pages(made)[page]
    for role in ("owner", "admin", "viewer"):
        assert member_client(role).get(url(name, *args) + query).status_code == 200


@pytest.mark.parametrize("page", PAGES)
def test_a_stranger_finds_nothing(page: str, made: World, url: Url, stranger_client: Client, client: Client) -> None:
    name, args, query = pages(made)[page]
    assert stranger_client.get(url(name, *args) + query).status_code == 404
    assert client.get(url(name, *args) + query).status_code == 302


@pytest.mark.parametrize("page", [page for page in PAGES if page not in ("home", "activity", "syncs")])
def test_another_workspace_has_none_of_it(
    page: str, made: World, other_workspace: Workspace, stranger_client: Client
) -> None:
    name, args, query = pages(made)[page]
    if page == "activity of a sync":
        answer = stranger_client.get(workspace_url(other_workspace, name) + query)
        assert "Ada Lovelace" not in answer.text
        return
    assert stranger_client.get(workspace_url(other_workspace, name, *args) + query).status_code == 404


def test_pages_that_change_things_are_not_for_viewers(made: World, url: Url, viewer_client: Client) -> None:
    assert viewer_client.get(url("sync_new")).status_code == 403
    for name in ADMIN_PAGES[1:]:
        assert viewer_client.get(url(name, made.sync.pk)).status_code == 403
    for name in POSTS:
        assert viewer_client.post(url(name, made.sync.pk)).status_code == 403
    link = made.links["ambiguous"].pk
    assert viewer_client.post(url("sync_settings", made.sync.pk)).status_code == 403
    assert viewer_client.post(url("sync_retry", made.sync.pk)).status_code == 403
    assert viewer_client.post(url("record_retry", made.sync.pk, link)).status_code == 403
    assert viewer_client.post(url("account_disconnect", made.book.pk), {"confirmed": 1}).status_code == 403
    assert viewer_client.post(url("sync_mapping_remove", made.sync.pk, "c-1")).status_code == 403
    assert Sync.objects.get().state == "on"


def test_a_viewer_is_offered_no_buttons(made: World, url: Url, viewer_client: Client) -> None:
    for name, args, query in pages(made).values():
        text = viewer_client.get(url(name, *args) + query).text
        assert "sync_run" not in text and url("sync_pause", made.sync.pk) not in text
        assert url("sync_retry", made.sync.pk) not in text


def test_what_changes_things_takes_post_only(made: World, url: Url, owner_client: Client) -> None:
    for name in ("sync_run", "sync_pause", "sync_resume", "sync_start", "sync_discard", "sync_retry"):
        assert owner_client.get(url(name, made.sync.pk)).status_code == 405


def test_a_record_of_another_sync_is_not_found(made: World, url: Url, owner_client: Client) -> None:
    companies = [made.object(account, "companies") for account in (made.book, made.sales)]
    other = services.create_sync(object_a=companies[0], object_b=companies[1], actor=samples.ACTOR)
    link = made.links["ambiguous"].pk
    assert owner_client.get(url("record_detail", other.pk, link)).status_code == 404
    assert owner_client.post(url("record_retry", other.pk, link)).status_code == 404
    assert owner_client.get(url("run_detail", other.pk, made.run.pk)).status_code == 404


def test_a_deleted_sync_is_not_found(made: World, url: Url, owner_client: Client) -> None:
    Sync.objects.update(deleted_at=made.sync.created_at)
    for page, (name, args, query) in pages(made).items():
        expected = 200 if page in ("home", "activity", "activity of a sync", "syncs") else 404
        answer = owner_client.get(url(name, *args) + query)
        assert answer.status_code == expected
        assert "Ada Lovelace" not in answer.text


def test_numbers_beyond_all_bounds(made: World, url: Url, owner_client: Client) -> None:
    huge = "9" * 30
    sync = made.sync.pk
    assert owner_client.get(url("sync_detail", int(huge))).status_code == 404
    for address in (
        f"{url('sync_changes', sync)}?before={huge}",
        f"{url('sync_runs', sync)}?before=-1",
        f"{url('sync_records', sync)}?state=nonsense&after=x.{huge}",
        f"{url('sync_records', sync)}?state=failing&cause={CANARY}",
        f"{url('activity')}?sync={huge}&before=²",
        f"{url('sync_new')}?a={huge}&b=1",
    ):
        assert owner_client.get(address).status_code in (200, 422)


# --- Nothing from outside becomes markup --------------------------------------------------------------------


def test_texts_from_outside_are_shown_as_text(workspace: Workspace, url: Url, owner_client: Client) -> None:
    with samples.apps(name=f"People{CANARY}"):
        made = samples.world(text=CANARY)
        samples.operation(
            made,
            made.links["invalid_value"],
            [{"field": CANARY, "before": CANARY, "after": CANARY, "mapping": "x", "rule": CANARY, "reason": CANARY}],
            state="refused",
            message=CANARY,
            kind=CANARY[:8],
        )
        made.sync.attention, made.sync.attention_reason = "broken", CANARY
        made.sync.save()
        made.sales.state, made.sales.state_reason = "sign_in", CANARY
        made.sales.save()
        made.run.error, made.run.started_by = CANARY, CANARY
        made.run.save()
        samples.running(made)
        sync = made.sync.pk
        more = {
            "search": ("sync_records", (sync,), f"?q={CANARY}"),
            "live": ("sync_progress", (sync,), ""),
            "new": ("sync_new", (), ""),
            "mapping": ("sync_mapping_new", (sync,), "?a=notes"),
            "off": ("sync_turn_off", (sync,), ""),
            "delete": ("sync_delete", (sync,), ""),
            "disconnect": ("account_disconnect", (made.book.pk,), ""),
            "failing record": ("record_detail", (sync, made.links["invalid_value"].pk), ""),
        }
        for page, (name, args, query) in (pages(made) | more).items():
            text = owner_client.get(url(name, *args) + query).text
            assert "<img src=x" not in text, page
            assert "&amp;lt;img" not in text, f"{page}: escaped twice"
            assert "Address book14" not in text, f"{page}: taken for a template"
            assert "&lt;img src=x onerror=alert(1)&gt;" in text, page


# --- What a page costs --------------------------------------------------------------------------------------


def test_pages_ask_the_database_a_bounded_number_of_times(made: World, url: Url, owner_client: Client) -> None:
    for cause in ("too_long", "app_rule", "temporary", "schema", "permission"):
        samples.many_links(made, 3, prefix=cause, state="failing", cause=cause)
        made.sync.counts[f"failing:{cause}"] = 3
    made.sync.save()
    samples.many_links(made, 120, state="in_sync")
    for link in RecordLink.objects.filter(state="in_sync")[:40]:
        samples.operation(
            made, link, [{"field": "job", "before": "x", "after": "y", "rule": "3.2", "reason": "winner"}]
        )
    samples.running(made)
    for page, (name, args, query) in pages(made).items():
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert owner_client.get(url(name, *args) + query).status_code == 200
        assert len(asked) <= MOST_QUERIES, f"{page}: {len(asked)}"


def test_the_list_of_syncs_asks_no_more_for_more_syncs(made: World, url: Url, owner_client: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert owner_client.get(url("syncs")).status_code == 200
        return len(asked)

    cost()
    before = cost()
    companies = [made.object(account, "companies") for account in (made.book, made.sales)]
    services.create_sync(object_a=companies[0], object_b=companies[1], actor=samples.ACTOR)
    assert cost() <= before


# --- Staff --------------------------------------------------------------------------------------------------


def test_staff_look_at_rows_and_change_none(made: World, staff_client: Client, owner_client: Client) -> None:
    for model in ("stream", "remoterecord", "sync", "settingsversion", "recordlink", "syncrun", "operation", "lease"):
        address = f"/w/acme/staff/syncengine/{model}/"
        assert staff_client.get(address).status_code == 200, model
        assert staff_client.get(f"{address}add/").status_code == 403, model
        assert owner_client.get(address).status_code == 404, model
    link = made.links["in_sync"].pk
    assert staff_client.get(f"/w/acme/staff/syncengine/recordlink/{link}/change/").status_code == 200
    assert staff_client.post(f"/w/acme/staff/syncengine/recordlink/{link}/change/", {"label": "x"}).status_code == 403
    assert staff_client.get(f"/w/acme/staff/syncengine/sync/{made.sync.pk}/change/").status_code == 200


def test_staff_pages_hold_no_secret(made: World, staff_client: Client) -> None:
    for address in (f"sync/{made.sync.pk}", f"stream/{made.sync.pair.stream_a_id}"):
        text = staff_client.get(f"/w/acme/staff/syncengine/{address}/change/").text
        assert "open sesame" not in text and made.book.secrets not in text


def test_home_of_an_empty_workspace_says_what_comes_next(
    workspace: Workspace, url: Url, owner_client: Client, viewer_client: Client
) -> None:
    assert url("marketplace") in owner_client.get(url("home")).text.partition("<main")[2]
    assert url("marketplace") not in viewer_client.get(url("home")).text.partition("<main")[2]
    with samples.apps():
        samples.two_accounts()
        assert url("sync_new") in owner_client.get(url("home")).text


def test_home_names_what_needs_somebody(made: World, url: Url, owner_client: Client) -> None:
    made.sales.state, made.sales.state_reason = "sign_in", "The password has changed."
    made.sales.save()
    text = owner_client.get(url("home")).text
    assert "3 records are failing" in text
    assert "The password has changed." in text
    assert "1,204" in text


def test_the_other_workspace_is_not_touched_by_samples(made: World, other_workspace: Workspace) -> None:
    with workspace_context(other_workspace):
        assert not Sync.objects.exists()
