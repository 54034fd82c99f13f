"""Who is offered what: the same pages for an admin, a viewer and a stranger."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from connectors.models import ConnectedAccount
from syncengine.models import Sync
from tenants.models import Membership, Role, Workspace

from .browser import in_chromium

pytestmark = in_chromium

ACTIONS = ":is(main, .page-header) :is(form[method=post] button, .btn-primary)"


def test_a_viewer_sees_everything_and_is_offered_no_action(
    visit: Callable[..., Page], url: Callable[..., str], in_step: Sync
) -> None:
    admin, viewer = visit(Role.ADMIN), visit(Role.VIEWER)
    account = ConnectedAccount.objects.get(app="sql")
    pages = {
        url("sync_detail", in_step.pk): "Last changes",
        url("sync_settings", in_step.pk): "Which records are the same",
        url("sync_records", in_step.pk) + "?state=failing": "Failing",
        url("account", account.pk): "Objects",
        url("account_object", account.pk, account.objects_offered.get(name="contacts").pk): "Fields",
        url("app", "sql"): "What is synced",
        url("people"): "viewer@acme.example",
    }
    for address, sentence in pages.items():
        admin.goto(address)
        expect(admin.locator(ACTIONS)).not_to_have_count(0)
        viewer.goto(address)
        expect(viewer.get_by_text(sentence).last).to_be_visible()
        # Leaving is everybody's own affair.
        expect(viewer.locator(f"{ACTIONS}:not(:disabled)").filter(has_not_text="Leave")).to_have_count(0)


def test_a_viewer_who_knows_the_address_is_told_why_not(
    visit: Callable[..., Page], url: Callable[..., str], in_workspace: Workspace
) -> None:
    page = visit(Role.VIEWER)
    answer = page.goto(url("app_connect", "carddav"))
    assert answer is not None and answer.status == 403
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_a_stranger_meets_the_same_page_as_for_what_does_not_exist(
    visit: Callable[..., Page], url: Callable[..., str], other_workspace: Workspace, in_workspace: Workspace
) -> None:
    page = visit(Role.OWNER, of=other_workspace)
    headings = []
    for address in (url("home"), url("syncs"), url("app_connect", "sql"), "/w/no-such-workspace/"):
        answer = page.goto(address)
        assert answer is not None and answer.status == 404
        headings.append(page.get_by_role("main").inner_text())
    assert len(set(headings)) == 1


def test_nobody_in_particular_is_asked_to_log_in_and_comes_back(
    visit: Callable[..., Page], url: Callable[..., str], person: Callable[..., object], in_workspace: Workspace
) -> None:
    user = person("kim@acme.example", password="a-long-enough-sentence")
    Membership.objects.create(user=user, workspace=in_workspace, role=Role.VIEWER)
    page = visit()
    page.goto(url("marketplace") + "?q=sql")
    page.get_by_label("Email").fill("kim@acme.example")
    page.get_by_label("Password").fill("a-long-enough-sentence")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("searchbox", name="Search apps")).to_have_value("sql")
    expect(page.locator("#apps h2")).to_have_text(["SQL database"])
