"""Setting up a sync, changing it, turning it off and on, watching it; records and another try."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from connectors.models import AccountObject, ConnectedAccount
from syncengine import services
from syncengine.core.mapping import ClearPolicy, Direction, MatchBy, Side
from syncengine.models import RecordLink, RunState, Sync, SyncState
from tenants.models import Due, Plan, Workspace
from tests import samples
from tests.samples import World

Url = Callable[..., str]


@pytest.fixture
def installed(workspace: Workspace) -> Iterator[None]:
    with samples.apps():
        yield


@pytest.fixture
def accounts(installed: None) -> tuple[ConnectedAccount, ConnectedAccount]:
    return samples.two_accounts()


@pytest.fixture
def made(installed: None) -> World:
    return samples.world()


def offered(account: ConnectedAccount, name: str = "contacts") -> AccountObject:
    return account.objects_offered.get(name=name)


def form_of(sync: Sync, **changes: str) -> dict[str, str]:
    """What the settings page sends when nothing is touched, with changes; one of None is not sent."""
    settings = services.current_settings(sync)
    sent: dict[str, str | None] = {
        "direction": settings.direction.value,
        "winner": settings.winner.value,
        "match_by": settings.matching.by.value,
        "email_only": "on" if settings.email_only else None,
    }
    for m in settings.mappings:
        sent |= {
            f"shown:{m.id}": "1",
            f"on:{m.id}": "on" if m.enabled else None,
            f"direction:{m.id}": m.direction.value,
            f"clears:{m.id}": m.clears.value,
            f"mode:{m.id}": m.mode.value,
            f"winner:{m.id}": m.winner.value if m.winner else "",
        }
    return {name: value for name, value in (sent | changes).items() if value is not None}


# --- Setting up ---------------------------------------------------------------------------------------------


def test_from_two_accounts_to_a_first_run(
    accounts: tuple[ConnectedAccount, ConnectedAccount], url: Url, owner_client: Client
) -> None:
    book, sales = accounts
    page = owner_client.get(url("sync_new"))
    assert page.status_code == 200 and "object_a" in page.text, "the only two accounts are not asked for"
    sent = {"a": book.pk, "b": sales.pk, "object_a": offered(book).pk, "object_b": offered(sales).pk}
    answer = owner_client.post(url("sync_new"), sent)
    sync = Sync.objects.get()
    assert answer.url == url("sync_settings", sync.pk)
    assert sync.state == SyncState.DRAFT and sync.pair.stream_a.object.account == book
    answer = owner_client.post(url("sync_settings", sync.pk), form_of(sync))
    assert answer.url == url("sync_review", sync.pk)
    review = owner_client.get(answer.url).text
    assert "are kept the same" in review and "8 fields are synced" in review
    answer = owner_client.post(url("sync_start", sync.pk))
    assert answer.url == url("sync_detail", sync.pk)
    sync.refresh_from_db()
    assert sync.state == SyncState.ON
    assert sync.runs.get().state == RunState.RUNNING
    assert sync.runs.get().started_by == "owner@acme.example"
    assert Due.objects.filter(kind=services.DUE_KIND, target=sync.pk).exists()
    assert "First run" in owner_client.get(answer.url).text


def test_with_three_accounts_one_chooses_two(
    accounts: tuple[ConnectedAccount, ConnectedAccount], url: Url, owner_client: Client
) -> None:
    third = samples.connect("third", "Third")
    page = owner_client.get(url("sync_new"))
    assert f'value="{accounts[0].pk}" checked' in page.text, "the home account is proposed as the first"
    chosen = owner_client.get(url("sync_new"), {"a": accounts[1].pk, "b": third.pk})
    assert "object_a" in chosen.text
    assert owner_client.get(url("sync_new"), {"a": third.pk, "b": third.pk}).status_code == 422


def test_without_two_accounts_one_is_sent_to_the_marketplace(installed: None, url: Url, owner_client: Client) -> None:
    samples.connect("book", "Alone")
    assert url("marketplace") in owner_client.get(url("sync_new")).text.partition("<main")[2]


def test_an_object_of_unknown_kind_is_explained_first(
    accounts: tuple[ConnectedAccount, ConnectedAccount], url: Url, owner_client: Client
) -> None:
    obj = offered(accounts[1], "companies")
    obj.resource |= {"kind": None, "proposed_kind": "company"}
    obj.save()
    text = owner_client.get(url("sync_new")).text
    assert url("account_object", accounts[1].pk, obj.pk) in text
    assert "offers nothing of this kind" in text


def test_two_kinds_are_refused_in_words(
    accounts: tuple[ConnectedAccount, ConnectedAccount], url: Url, owner_client: Client
) -> None:
    book, sales = accounts
    sent = {"a": book.pk, "b": sales.pk, "object_a": offered(book).pk, "object_b": offered(sales, "companies").pk}
    answer = owner_client.post(url("sync_new"), sent)
    assert answer.status_code == 422 and "different kinds" in answer.text
    assert owner_client.post(url("sync_new"), sent | {"object_b": ""}).status_code == 422
    foreign = sent | {"object_b": offered(book, "companies").pk}
    assert owner_client.post(url("sync_new"), foreign).status_code == 422
    assert not Sync.objects.exists()


def test_a_draft_that_was_left_is_taken_up(
    accounts: tuple[ConnectedAccount, ConnectedAccount], url: Url, owner_client: Client
) -> None:
    book, sales = accounts
    sent = {"a": book.pk, "b": sales.pk, "object_a": offered(book).pk, "object_b": offered(sales).pk}
    first = owner_client.post(url("sync_new"), sent).url
    assert owner_client.post(url("sync_new"), sent).url == first
    assert Sync.objects.count() == 1


def test_a_sync_that_is_there_is_pointed_to(made: World, url: Url, owner_client: Client) -> None:
    objects = {"object_a": made.object(made.book).pk, "object_b": made.object(made.sales).pk}
    answer = owner_client.post(url("sync_new"), {"a": made.book.pk, "b": made.sales.pk, **objects})
    assert answer.status_code == 422 and url("sync_detail", made.sync.pk) in answer.text


# --- Settings -----------------------------------------------------------------------------------------------


def test_everything_on_the_page_is_kept_as_a_draft(made: World, url: Url, owner_client: Client) -> None:
    changes = {
        "direction": "a_to_b",
        "winner": "b",
        "email_only": None,
        "match_by": "field",
        "match_a": "phone",
        "match_b": "mail",
        "on:notes": None,
        "direction:phone": "b_to_a",
        "clears:phone": "clear",
        "mode:job_title": "fill_blank",
        "winner:job_title": "b",
    }
    answer = owner_client.post(url("sync_settings", made.sync.pk), form_of(made.sync, **changes))
    assert answer.status_code == 302
    draft = services.current_settings(made.sync)
    by_id = {m.id: m for m in draft.mappings}
    assert (draft.direction, draft.winner, draft.email_only) == (Direction.A_TO_B, Side.B, False)
    assert (draft.matching.by, draft.matching.field_a, draft.matching.field_b) == (MatchBy.FIELD, "phone", "mail")
    assert not by_id["notes"].enabled and by_id["email"].enabled
    assert by_id["phone"].direction is Direction.B_TO_A and by_id["phone"].clears is ClearPolicy.CLEAR
    assert by_id["job_title"].mode == "fill_blank" and by_id["job_title"].winner is Side.B
    made.sync.refresh_from_db()
    assert made.sync.settings.direction is Direction.TWO_WAY, "what is active goes on"
    review = owner_client.get(url("sync_review", made.sync.pk)).text
    assert "What is different from now" in review and "Mapping off: Notes – Notes" in review
    owner_client.post(url("sync_discard", made.sync.pk))
    assert services.current_settings(made.sync) == made.sync.settings


def test_untouched_settings_stay_as_they_are(made: World, url: Url, owner_client: Client) -> None:
    before = services.current_settings(made.sync)
    owner_client.post(url("sync_settings", made.sync.pk), form_of(made.sync))
    assert services.current_settings(made.sync) == before


def test_values_that_the_page_does_not_offer_change_nothing(made: World, url: Url, owner_client: Client) -> None:
    before = services.current_settings(made.sync)
    changes = {"direction": "sideways", "winner": "c", "clears:phone": "x", "direction:phone": "x", "winner:phone": "x"}
    owner_client.post(url("sync_settings", made.sync.pk), form_of(made.sync, **changes))
    assert services.current_settings(made.sync) == before


def test_what_the_services_refuse_is_said_on_the_page(made: World, url: Url, owner_client: Client) -> None:
    nothing = form_of(made.sync, **{f"on:{m.id}": None for m in made.sync.settings.mappings})
    answer = owner_client.post(url("sync_settings", made.sync.pk), nothing)
    assert answer.status_code == 422 and "Switch on at least one field mapping." in answer.text
    answer = owner_client.post(url("sync_settings", made.sync.pk), form_of(made.sync, match_by="field"))
    assert answer.status_code == 422 and "Choose a field of each side" in answer.text
    assert not made.sync.versions.filter(state="draft").exists()


def test_the_mappings_follow_the_direction_without_saving(made: World, url: Url, owner_client: Client) -> None:
    sent = form_of(made.sync, direction="b_to_a")
    answer = owner_client.post(url("sync_settings", made.sync.pk), sent, headers={"HX-Request": "true"})
    assert answer.status_code == 200 and "<html" not in answer.text
    assert "As the whole sync." in answer.text and "direction:phone" not in answer.text
    assert not made.sync.versions.filter(state="draft").exists()


def test_a_read_only_field_locks_its_arrow_with_the_reason(made: World, url: Url, owner_client: Client) -> None:
    obj = made.object(made.sales)
    next(f for f in obj.resource["fields"] if f["name"] == "phone")["read_only"] = True
    obj.save()
    text = owner_client.get(url("sync_settings", made.sync.pk)).text
    assert "“Phone” is read-only." in text
    assert "direction:phone" not in text and "direction:email" in text


def test_changed_settings_take_effect_with_save_and_sync(made: World, url: Url, owner_client: Client) -> None:
    owner_client.post(url("sync_settings", made.sync.pk), form_of(made.sync, winner="b"))
    owner_client.post(url("sync_start", made.sync.pk))
    made.sync.refresh_from_db()
    assert made.sync.settings.winner is Side.B
    assert made.sync.runs.filter(state=RunState.RUNNING).get().kind == "full"


# --- Custom mappings ----------------------------------------------------------------------------------------


def test_custom_mappings_come_with_a_plan(made: World, url: Url, owner_client: Client, workspace: Workspace) -> None:
    page = url("sync_mapping_new", made.sync.pk)
    add = {"a": "notes", "b": ":job"}
    owner_client.post(
        url("sync_settings", made.sync.pk), form_of(made.sync, **{"on:notes": None, "on:job_title": None})
    )
    assert owner_client.post(page, add).status_code == 422
    assert not any(m.custom for m in services.current_settings(made.sync).mappings)
    Workspace.objects.update(plan=Plan.objects.get(name="pro"))
    workspace.plan = Plan.objects.get(name="pro")
    assert owner_client.post(page, add).url == url("sync_settings", made.sync.pk)
    custom = next(m for m in services.current_settings(made.sync).mappings if m.custom)
    assert (custom.a, custom.b) == (("notes",), ("job",))
    removed = owner_client.post(url("sync_mapping_remove", made.sync.pk, custom.id))
    assert removed.status_code == 302
    assert not any(m.custom for m in services.current_settings(made.sync).mappings)
    owner_client.post(url("sync_mapping_remove", made.sync.pk, "email"))
    assert any(m.id == "email" for m in services.current_settings(made.sync).mappings)


def test_what_fits_a_field_and_why_the_rest_does_not(made: World, url: Url, owner_client: Client) -> None:
    Workspace.objects.update(plan=Plan.objects.get(name="pro"))
    page = url("sync_mapping_new", made.sync.pk)
    text = owner_client.get(page, {"a": "tags"}).text
    assert "They are mapped already." in text and "do not fit each other" in text
    part = owner_client.get(page, {"a": "tags"}, headers={"HX-Request": "true"}).text
    assert "<html" not in part and 'id="offers"' in part


def test_a_custom_mapping_rests_when_the_plan_loses_it(
    made: World, url: Url, owner_client: Client, workspace: Workspace
) -> None:
    Workspace.objects.update(plan=Plan.objects.get(name="pro"))
    owner_client.post(
        url("sync_settings", made.sync.pk), form_of(made.sync, **{"on:notes": None, "on:job_title": None})
    )
    owner_client.post(url("sync_mapping_new", made.sync.pk), {"a": "notes", "b": ":job"})
    Workspace.objects.update(plan=Plan.objects.get(name="free"))
    assert "it rests" in owner_client.get(url("sync_settings", made.sync.pk)).text
    assert owner_client.post(url("sync_settings", made.sync.pk), form_of(made.sync)).status_code == 302
    custom = next(m for m in services.current_settings(made.sync).mappings if m.custom)
    assert not custom.enabled


# --- On, off, pause, delete ---------------------------------------------------------------------------------


def test_off_and_on_again(made: World, url: Url, owner_client: Client) -> None:
    page = url("sync_turn_off", made.sync.pk)
    assert "Links and settings are kept" in owner_client.get(page).text
    made.sync.refresh_from_db()
    assert made.sync.state == SyncState.ON, "looking at the question changes nothing"
    owner_client.post(page)
    made.sync.refresh_from_db()
    assert made.sync.state == SyncState.OFF
    assert url("sync_start", made.sync.pk) in owner_client.get(url("sync_detail", made.sync.pk)).text
    owner_client.post(url("sync_start", made.sync.pk))
    made.sync.refresh_from_db()
    assert made.sync.state == SyncState.ON and made.sync.runs.filter(state=RunState.RUNNING).exists()


def test_pause_and_resume(made: World, url: Url, owner_client: Client) -> None:
    owner_client.post(url("sync_pause", made.sync.pk))
    assert Sync.objects.get().state == SyncState.PAUSED
    owner_client.post(url("sync_resume", made.sync.pk))
    assert Sync.objects.get().state == SyncState.ON
    answer = owner_client.post(url("sync_resume", made.sync.pk), follow=True)
    assert "The sync is not paused." in answer.text


def test_run_now(made: World, url: Url, owner_client: Client) -> None:
    owner_client.post(url("sync_run", made.sync.pk))
    assert made.sync.runs.filter(state=RunState.RUNNING, kind="changes").count() == 1
    owner_client.post(url("sync_run", made.sync.pk))
    assert made.sync.runs.filter(state=RunState.RUNNING).count() == 1


def test_only_a_sync_that_is_off_is_deleted(made: World, url: Url, owner_client: Client) -> None:
    page = url("sync_delete", made.sync.pk)
    answer = owner_client.post(page, follow=True)
    assert "Turn the sync off first." in answer.text
    owner_client.post(url("sync_turn_off", made.sync.pk))
    assert owner_client.post(page).url == url("syncs")
    assert Sync.objects.get().deleted_at is not None
    assert RecordLink.objects.exists(), "links are kept aside"


def test_disconnecting_says_which_syncs_stop(made: World, url: Url, owner_client: Client) -> None:
    page = url("account_disconnect", made.book.pk)
    for answer in (owner_client.get(page), owner_client.post(page)):
        assert "This sync stops" in answer.text and url("sync_detail", made.sync.pk) in answer.text
    assert ConnectedAccount.objects.get(pk=made.book.pk).state == "ok"
    assert owner_client.post(page, {"confirmed": "1"}).url == url("account", made.book.pk)
    assert ConnectedAccount.objects.get(pk=made.book.pk).state == "disconnected"
    assert Sync.objects.get().state == SyncState.OFF
    assert owner_client.get(page).status_code == 302


# --- Watching -----------------------------------------------------------------------------------------------


def test_progress_asks_again_until_the_run_is_over(made: World, url: Url, owner_client: Client) -> None:
    run = samples.running(made)
    live = owner_client.get(url("sync_progress", made.sync.pk))
    assert live.status_code == 200 and "every 2s" in live.text and "<html" not in live.text
    assert '<progress class="progress mb-3" value="102" max="400">' in live.text
    assert "a minute" in live.text and "Time left" in live.text
    run.state, run.finished_at = RunState.DONE, run.started_at
    run.save()
    over = owner_client.get(url("sync_progress", made.sync.pk))
    assert over.status_code == 286 and "every 2s" not in over.text and "<progress" not in over.text


def test_a_run_that_reads_tells_no_time_left(made: World, url: Url, owner_client: Client) -> None:
    run = samples.running(made, planned=0, done=0, refused=0)
    run.phase = "reading"
    run.save()
    live = owner_client.get(url("sync_progress", made.sync.pk)).text
    assert "progress-bar-indeterminate" in live and "Time left" not in live and "500" in live


def test_a_change_is_shown_with_before_and_after(made: World, url: Url, owner_client: Client) -> None:
    for page in ("sync_detail", "sync_changes"):
        text = owner_client.get(url(page, made.sync.pk)).text
        assert ">Augusta</span>" in text and ">Ada</span>" in text
        assert "It was changed in Address book only." in text and "Rule 3.2" in text


def test_a_record_shows_both_sides_and_why(made: World, url: Url, owner_client: Client) -> None:
    text = owner_client.get(url("record_detail", made.sync.pk, made.links["in_sync"].pk)).text
    assert "It replaced “Augusta”." in text
    assert "Cleared on one side; the other keeps its value." in text
    assert "Too long" in text
    assert "Met in June" in text and "+44 20 7946 0018" in text


# --- Records ------------------------------------------------------------------------------------------------


def test_failing_records_stand_by_cause_with_what_to_do(made: World, url: Url, owner_client: Client) -> None:
    text = owner_client.get(url("sync_records", made.sync.pk), {"state": "failing"}).text
    assert "A value was refused" in text and "Correct the value on the side that it comes from." in text
    assert "Deleted in Sales" in text
    assert "Property values were not valid" in text
    assert "Could be:" in text and "twin-1" in text and "twin-2" in text


def test_retrying_one_and_all_of_a_cause(made: World, url: Url, owner_client: Client) -> None:
    RecordLink.objects.update(attempts=4)
    owner_client.post(url("record_retry", made.sync.pk, made.links["invalid_value"].pk))
    assert [link.cause for link in RecordLink.objects.filter(replan=True)] == ["invalid_value"]
    answer = owner_client.post(url("sync_retry", made.sync.pk), {"cause": "ambiguous"}, follow=True)
    assert "1 record will be tried again." in answer.text
    assert {link.cause for link in RecordLink.objects.filter(replan=True)} == {"invalid_value", "ambiguous"}
    owner_client.post(url("sync_retry", made.sync.pk))
    retried = RecordLink.objects.filter(replan=True)
    assert {link.state for link in retried} == {"failing"} and retried.count() == 3
    assert Due.objects.filter(kind=services.DUE_KIND, target=made.sync.pk).exists()


def test_lists_are_paged_by_key_and_lose_none(made: World, url: Url, owner_client: Client) -> None:
    samples.many_links(made, 120, state="excluded", cause="no_email")
    address, seen = url("sync_records", made.sync.pk), []
    query = {"state": "excluded"}
    for _page in range(3):
        answer = owner_client.get(address, query)
        seen += [one.link.pk for one in answer.context["rows"]]
        query["after"] = answer.context["page"].next
    assert query["after"] == ""
    assert len(seen) == len(set(seen)) == 121


def test_search_by_name_and_id(made: World, url: Url, owner_client: Client) -> None:
    samples.many_links(made, 5, state="in_sync")
    address = url("sync_records", made.sync.pk)
    found = owner_client.get(address, {"state": "in_sync", "q": "lovelace"}, headers={"HX-Request": "true"})
    assert "Ada Lovelace" in found.text and "Person" not in found.text and "<html" not in found.text
    assert "Person 00003" in owner_client.get(address, {"q": "m3"}).text
    assert "No record found" in owner_client.get(address, {"q": "nobody at all"}).text


def test_activity_can_be_of_one_sync(made: World, url: Url, owner_client: Client) -> None:
    companies = [made.object(account, "companies") for account in (made.book, made.sales)]
    other = services.create_sync(object_a=companies[0], object_b=companies[1], actor=samples.ACTOR)
    assert "Ada Lovelace" in owner_client.get(url("activity")).text
    assert "Ada Lovelace" in owner_client.get(url("activity"), {"sync": made.sync.pk}).text
    assert "Ada Lovelace" not in owner_client.get(url("activity"), {"sync": other.pk}).text
