"""Every page, as everybody: what each of them is answered."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone
from django_q.models import Failure, Schedule

from tenants import due, tasks, workspaces
from tenants.admin_sites import staff_admin
from tenants.models import Domain, Membership, Role, Workspace, WorkspaceAPIKey
from tenants.urls import public_url, workspace_url

EVERYBODY = ("owner", "admin", "viewer", "stranger", "anonymous")
LOGIN = 302

# view: the answer to owner, admin, viewer, stranger, anonymous
LOOKING = {
    "settings": (200, 200, 200, 404, LOGIN),
    "people": (200, 200, 200, 404, LOGIN),
    "api_keys": (200, 200, 403, 404, LOGIN),
}
CHANGING = {
    "settings": (422, 422, 403, 404, LOGIN),
    "invitation_create": (302, 302, 403, 404, LOGIN),
    "api_keys": (200, 200, 403, 404, LOGIN),
}


def by_person(table: dict[str, tuple[int, ...]]) -> list[tuple[str, str, int]]:
    return [
        (view, who, status) for view, answers in table.items() for who, status in zip(EVERYBODY, answers, strict=True)
    ]


@pytest.fixture
def browser(member_client: Callable[..., Client], other_workspace: Workspace) -> Callable[[str], Client]:
    def make(who: str) -> Client:
        if who == "anonymous":
            return Client()
        return member_client(Role.OWNER, of=other_workspace) if who == "stranger" else member_client(who)

    return make


@pytest.mark.parametrize(("view", "who", "status"), by_person(LOOKING))
def test_looking(view: str, who: str, status: int, browser, url) -> None:
    response = browser(who).get(url(view))
    assert response.status_code == status
    if who == "anonymous":
        assert response["Location"] == f"/accounts/login/?next={url(view)}"


@pytest.mark.parametrize(("view", "who", "status"), by_person(CHANGING))
def test_changing(view: str, who: str, status: int, browser, url) -> None:
    assert browser(who).post(url(view), {}).status_code == status


def without_token(response) -> str:
    return re.sub(r'"X-CSRFToken": "\w+"', "", response.content.decode())


def test_a_member_of_one_workspace_is_a_stranger_in_the_other(
    member_client: Callable[..., Client], other_workspace: Workspace, url
) -> None:
    client = member_client(Role.OWNER)
    assert client.get(url("people")).status_code == 200
    assert client.get(workspace_url(other_workspace, "people")).status_code == 404


def test_nobody_learns_which_workspaces_exist(stranger_client: Client, client: Client, url) -> None:
    """The same answer for a workspace of others and for none at all."""
    foreign, missing = url("people"), "/w/no-such-workspace/settings/people/"
    there, not_there = stranger_client.get(foreign), stranger_client.get(missing)
    assert (there.status_code, not_there.status_code) == (404, 404)
    assert without_token(there) == without_token(not_there)
    for path in (foreign, missing):
        assert client.get(path)["Location"] == f"/accounts/login/?next={path}"
    for path in ("/w/acme/nowhere/", "/w/no-such-workspace/nowhere/"):
        assert client.get(path)["Location"] == f"/accounts/login/?next={path}"
        assert stranger_client.get(path).status_code == 404
    for path in ("/w/acme/api/v1/schema", "/w/no-such-workspace/api/v1/schema"):
        assert client.get(path).status_code == 401


def test_a_missing_slash_is_added(owner_client: Client) -> None:
    assert owner_client.get("/w/acme")["Location"] == "/w/acme/"
    assert owner_client.get("/w/acme/settings/people")["Location"] == "/w/acme/settings/people/"


def test_foreign_rows_are_not_found(
    owner_client: Client, member: Callable[..., Membership], other_workspace: Workspace, url
) -> None:
    foreign = member(Role.VIEWER, of=other_workspace)
    assert owner_client.post(url("member_remove", foreign.pk)).status_code == 404
    assert owner_client.post(url("member_role", foreign.pk), {"role": "owner"}).status_code == 404
    foreign.refresh_from_db()
    assert foreign.role == Role.VIEWER


def test_a_suspended_workspace(owner_client: Client, stranger_client: Client, workspace: Workspace, url) -> None:
    workspaces.suspend(workspace)
    response = owner_client.get(url("people"))
    assert response.status_code == 403
    assert b"Acme is suspended" in response.content
    assert stranger_client.get(url("people")).status_code == 404
    workspaces.resume(workspace)
    assert owner_client.get(url("people")).status_code == 200


def test_htmx_is_sent_to_the_log_in_page_as_a_whole(client: Client, url) -> None:
    page = f"http://testserver{url('people')}"
    response = client.get(url("settings"), headers={"hx-request": "true", "hx-current-url": page})
    assert response["HX-Redirect"] == f"/accounts/login/?next={url('people')}"


def test_a_workspace_on_a_host_of_its_own(
    workspace: Workspace, owner_client: Client, stranger_client: Client, settings
) -> None:
    settings.ALLOWED_HOSTS = ["acme.example", "testserver"]
    Domain.objects.create(tenant=workspace, domain="acme.example", is_primary=True)
    assert workspace_url(workspace, "people") == "http://acme.example:8000/settings/people/"
    response = owner_client.get("/settings/people/", headers={"host": "acme.example"})
    assert response.status_code == 200
    assert b'href="/settings/"' in response.content
    assert b'href="http://localhost:8000/workspaces/new/"' in response.content
    assert b'action="/accounts/logout/"' in response.content
    assert stranger_client.get("/settings/people/", headers={"host": "acme.example"}).status_code == 404
    # Others' workspaces do not hang below it, and its log-in page is its own: cookies do not cross hosts.
    assert owner_client.get("/w/globex/settings/", headers={"host": "acme.example"}).status_code == 404
    asked = Client().get("/settings/", headers={"host": "acme.example"})
    assert asked["Location"] == "/accounts/login/?next=/settings/"
    assert Client().get(asked["Location"], headers={"host": "acme.example"}).status_code == 200


@pytest.mark.parametrize("who", ["member", "stranger", "staff"])
def test_the_workspace_admin_is_for_staff(who: str, owner_client, stranger_client, staff_client, url) -> None:
    client = {"member": owner_client, "stranger": stranger_client, "staff": staff_client}[who]
    assert client.get(url("workspace_admin:index")).status_code == (200 if who == "staff" else 404)


def test_each_admin_says_where_one_is(staff_client: Client, url) -> None:
    assert b"Acme" in staff_client.get(url("workspace_admin:index")).content
    assert b"Whole site" in staff_client.get(public_url("admin:index")).content


def test_staff_are_strangers_on_the_pages_of_customers(staff_client: Client, url) -> None:
    assert staff_client.get(url("people")).status_code == 404


def test_the_staff_admin(staff_client: Client, owner_client: Client, client: Client) -> None:
    index = public_url("admin:index")
    assert index == "/staff/"
    assert staff_client.get(index).status_code == 200
    assert owner_client.get(index, follow=True).status_code == 404
    assert client.get(index, follow=True).redirect_chain[-1][0].startswith("/accounts/login/?next=")


def test_every_page_of_the_staff_admin_opens(
    staff_client: Client, workspace: Workspace, member: Callable[..., Membership]
) -> None:
    """With a row in each of its tables; and no secret on any."""
    owner, now = member(Role.OWNER), timezone.now()
    _row, key = WorkspaceAPIKey.objects.create_key(workspace=workspace, name="n")
    Domain.objects.create(tenant=workspace, domain="acme.example", is_primary=False)
    EmailAddress.objects.create(user=owner.user, email=owner.user.email)
    Group.objects.create(name="support")
    workspace.invitations.create(email="new@example.com", expires_at=now)
    due.schedule("sync", 7, now)
    tasks.enqueue("tenants.due.cancel", 7)
    Failure.objects.create(
        id="f", name="f", func=tasks.RUN, args=("w_acme", "some.where", 7), started=now, stopped=now,
        success=False, result=f"no access with password={key}",
    )  # fmt: skip
    Schedule.objects.create(name="tick", func="x")
    for model in staff_admin._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        row = model.objects.first()
        for page in (public_url(f"{name}_changelist"), public_url(f"{name}_change", row.pk)):
            response = staff_client.get(page)
            assert response.status_code == 200, page
            assert key.partition(".")[2] not in response.content.decode(), page


def test_staff_suspend_and_resume(staff_client: Client, workspace: Workspace) -> None:
    listing = public_url("admin:tenants_workspace_changelist")
    for action, suspended in (("suspend", True), ("resume", False)):
        staff_client.post(listing, {"action": action, "_selected_action": [workspace.pk]})
        assert Workspace.objects.get(pk=workspace.pk).is_suspended is suspended


def test_schedules_are_not_made_by_hand(staff_client: Client) -> None:
    assert staff_client.get(public_url("admin:django_q_schedule_add")).status_code == 403


def test_signed_in_people_are_sent_on(owner_client: Client, client: Client, url) -> None:
    assert client.get("/").status_code == 200
    assert owner_client.get("/", follow=True).redirect_chain[:2] == [("/workspaces/", 302), ("/w/acme/", 302)]
