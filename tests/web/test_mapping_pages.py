"""One mapping in all its choices: transform, pairs of options, values for new records."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from syncengine import services
from syncengine.core.mapping import Begins, ClearPolicy, FieldMapping, Side, Transform, WriteMode
from tenants.models import Plan, Workspace
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
    workspace.plan = Plan.objects.get(name="pro")


def draft_of(made: World, mapping: str) -> FieldMapping:
    return next(m for m in services.current_settings(made.sync).mappings if m.id == mapping)


def with_options(made: World) -> None:
    """The notes of both accounts are a choice."""
    for account, options in (
        (made.book, [["1", "Won"], ["2", "Closed lost"], ["3", "Negotiating"]]),
        (made.sales, [["x", "Won"], ["y", "Closed – lost"], ["z", "Negotiation"]]),
    ):
        obj = made.object(account)
        next(f for f in obj.resource["fields"] if f["name"] == "notes").update(type="choice", options=options)
        obj.save()


def test_rule_4_1_a_transform_is_chosen_step_by_step(made: World, url: Url, owner_client: Client, pro: None) -> None:
    page = url("sync_mapping", made.sync.pk, "phone")
    assert 'name="argument"' not in owner_client.get(page).text
    asked = owner_client.post(page, {"transform": "phone", "do": "look"}).text
    assert "+49 30 1234567" in asked and 'name="shaped"' in asked and "<html" in asked
    part = owner_client.post(page, {"transform": "extract", "do": "look"}, headers={"HX-Request": "true"}).text
    assert "The first word" in part and "<html" not in part
    sent = {"transform": "phone", "argument": "national", "shaped": "a", "winner": "b", "clears": "clear"}
    more = {"mode": "fill_blank", "begins": "later"}
    assert owner_client.post(page, sent | more).url == url("sync_settings", made.sync.pk)
    phone = draft_of(made, "phone")
    assert (phone.transform, phone.argument, phone.shaped, phone.winner) == (
        Transform.PHONE,
        "national",
        Side.A,
        Side.B,
    )
    assert (phone.clears, phone.mode, phone.begins) == (ClearPolicy.CLEAR, WriteMode.FILL_BLANK, Begins.LATER)
    assert "Phone numbers in one form" in owner_client.get(url("sync_settings", made.sync.pk)).text
    cut = {"transform": "extract", "argument": "before", "separator": "@"}
    assert owner_client.post(url("sync_mapping", made.sync.pk, "company"), cut).status_code == 302
    assert draft_of(made, "company").argument == "before:@"


def test_a_mapping_that_is_sent_as_it_is_stays_as_it_is(made: World, url: Url, owner_client: Client) -> None:
    before = services.current_settings(made.sync)
    assert (
        owner_client.post(url("sync_mapping", made.sync.pk, "phone"), {"winner": "", "transform": "x"}).status_code
        == 302
    )
    assert services.current_settings(made.sync) == before


def test_what_does_not_fit_is_said_on_the_page(made: World, url: Url, owner_client: Client, pro: None) -> None:
    answer = owner_client.post(url("sync_mapping", made.sync.pk, "email"), {"transform": "upper"})
    assert answer.status_code == 422 and "do not fit this transform" in answer.text
    empty = owner_client.post(url("sync_mapping", made.sync.pk, "company"), {"transform": "replace", "pairs": "1"})
    assert empty.status_code == 422 and "at least one pair" in empty.text


def test_rule_4_2_transforms_come_with_a_plan(
    made: World, url: Url, owner_client: Client, workspace: Workspace
) -> None:
    page = url("sync_mapping", made.sync.pk, "phone")
    assert "Transforms come with a larger plan." in owner_client.get(page).text
    answer = owner_client.post(page, {"transform": "phone", "argument": "e164"})
    assert answer.status_code == 422 and "not part of this workspace" in answer.text
    assert draft_of(made, "phone").transform is Transform.NONE


def test_rule_4_1_pairs_are_proposed_and_only_kept_when_saved(made: World, url: Url, owner_client: Client) -> None:
    with_options(made)
    page = url("sync_mapping", made.sync.pk, "notes")
    text = owner_client.get(page).text
    assert "Closed lost – Closed – lost" in text and "Negotiating – Negotiation" in text and "Won – Won" not in text
    taken = owner_client.post(page, {"pairs": "1", "do": "take:all"}).text
    assert '<option value="z" selected>' in taken and "These may stand for each other" not in taken
    assert draft_of(made, "notes").options == ()
    owner_client.post(
        page, {"pairs": "1", "pair.0.a": "3", "pair.0.b": "z", "pair.1.a": "2", "pair.4.a": "1", "pair.4.b": "y"}
    )
    assert draft_of(made, "notes").options == (("3", "z"), ("1", "y")), "a row that is half filled counts for nothing"


def test_rule_4_1_owners_are_paired_by_a_table_or_fall_back(made: World, url: Url, owner_client: Client) -> None:
    for account, people in ((made.book, [["7", "ann@x.de"]]), (made.sales, [["70", "a.lee@y.de"], ["71", "bob@y.de"]])):
        obj = made.object(account)
        next(f for f in obj.resource["fields"] if f["name"] == "notes").update(type="owner", options=people)
        obj.save()
    page = url("sync_mapping", made.sync.pk, "notes")
    assert "where nobody corresponds" in owner_client.get(page).text
    sent = {"pairs": "1", "pair.0.a": "7", "pair.0.b": "70", "fallback_a": "nobody", "fallback_b": "71"}
    assert owner_client.post(page, sent).status_code == 302
    assert draft_of(made, "notes").options == (("7", "70"),)
    assert draft_of(made, "notes").fallback == {Side.B: "71"}
    owner_client.post(page, {"fallback_b": ""})
    assert draft_of(made, "notes").fallback == {}


def test_rule_4_4_a_default_and_a_constant(made: World, url: Url, owner_client: Client, pro: None) -> None:
    page = url("sync_mapping", made.sync.pk, "job_title")
    owner_client.post(page, {"default_a": "", "default_b": "Member"})
    assert draft_of(made, "job_title").defaults == {Side.B: "Member"}
    assert 'value="Member"' in owner_client.get(page).text
    settings = services.current_settings(made.sync)
    off = tuple(m for m in settings.mappings if m.id != "notes")
    services.save_settings(made.sync, settings.with_mappings(off), actor="test")
    add = url("sync_constant_new", made.sync.pk)
    assert owner_client.post(add, {"to": "b:notes", "value": "From the book"}).url == url("sync_settings", made.sync.pk)
    constant = services.current_settings(made.sync).mappings[-1]
    assert constant.custom and constant.a == () and constant.defaults == {Side.B: "From the book"}
    assert "From the book" in owner_client.get(url("sync_settings", made.sync.pk)).text
    changed = url("sync_mapping", made.sync.pk, constant.id)
    assert "From the book" in owner_client.get(changed).text
    assert owner_client.post(changed, {"default_b": ""}).status_code == 422
    for nonsense in ({"to": "b:nothing", "value": "x"}, {"to": "", "value": "x"}, {"to": "b:notes", "value": ""}):
        assert owner_client.post(add, nonsense).url == url("sync_mapping_new", made.sync.pk)
    assert len(services.current_settings(made.sync).mappings) == len(off) + 1


def test_who_may_see_and_change_a_mapping(
    made: World,
    url: Url,
    viewer_client: Client,
    stranger_client: Client,
    client: Client,
    owner_client: Client,
    other_workspace: Workspace,
    member_client: Callable[..., Client],
) -> None:
    page, constant = url("sync_mapping", made.sync.pk, "phone"), url("sync_constant_new", made.sync.pk)
    assert viewer_client.get(page).status_code == 200
    assert viewer_client.post(page, {"mode": "fill_blank"}).status_code == 403
    assert viewer_client.post(constant, {"to": "b:notes", "value": "x"}).status_code == 403
    assert member_client("admin").post(page, {"mode": "fill_blank"}).status_code == 302
    assert stranger_client.get(page).status_code == 404 and client.get(page).status_code == 302
    assert stranger_client.get(workspace_url(other_workspace, "sync_mapping", made.sync.pk, "phone")).status_code == 404
    assert owner_client.get(url("sync_mapping", made.sync.pk, "nothing")).status_code == 404
