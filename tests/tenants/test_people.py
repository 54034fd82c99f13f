"""Members, roles and invitations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tenants import people
from tenants.models import Invitation, Membership, Role, Workspace

Member = Callable[..., Membership]


# --- Roles --------------------------------------------------------------------------------------------------


def test_the_last_owner_stays(member: Member) -> None:
    owner = member(Role.OWNER)
    with pytest.raises(people.NotAllowed, match="needs an owner"):
        people.remove_member(membership=owner, by=owner)
    with pytest.raises(people.NotAllowed, match="needs an owner"):
        people.change_role(membership=owner, role=Role.VIEWER, by=owner)
    second = member(Role.OWNER, email="second@acme.example")
    people.change_role(membership=owner, role=Role.VIEWER, by=owner)
    with pytest.raises(people.NotAllowed, match="needs an owner"):
        people.remove_member(membership=second, by=second)


def test_an_owner_of_another_workspace_does_not_count(member: Member, other_workspace: Workspace) -> None:
    owner = member(Role.OWNER)
    member(Role.OWNER, of=other_workspace)
    with pytest.raises(people.NotAllowed, match="needs an owner"):
        people.remove_member(membership=owner, by=owner)


@pytest.mark.parametrize(
    ("by", "whom", "to", "allowed"),
    [
        ("owner", "viewer", "owner", True),
        ("owner", "admin", "viewer", True),
        ("owner", "owner", "viewer", True),
        ("admin", "viewer", "admin", True),
        ("admin", "viewer", "owner", False),
        ("admin", "owner", "viewer", False),
        ("viewer", "viewer", "admin", False),
    ],
)
def test_who_changes_whose_role(by: str, whom: str, to: str, allowed: bool, member: Member) -> None:
    actor, target = member(by, email="actor@acme.example"), member(whom, email="target@acme.example")
    if allowed:
        people.change_role(membership=target, role=to, by=actor)
    else:
        with pytest.raises(people.NotAllowed):
            people.change_role(membership=target, role=to, by=actor)
    target.refresh_from_db()
    assert target.role == (to if allowed else whom)


def test_everybody_may_leave(member: Member, member_client: Callable[..., Client], url) -> None:
    client = member_client(Role.VIEWER)
    mine = Membership.objects.get(role=Role.VIEWER)
    other = member(Role.ADMIN)
    assert client.post(url("member_remove", other.pk))["Location"] == url("people")
    assert Membership.objects.filter(pk=other.pk).exists()
    assert client.post(url("member_remove", mine.pk))["Location"] == "/workspaces/"
    assert client.get(url("people")).status_code == 404


def test_roles_by_the_page(owner_client: Client, member: Member, url) -> None:
    target = member(Role.VIEWER)
    owner_client.post(url("member_role", target.pk), {"role": "admin"})
    target.refresh_from_db()
    assert target.role == Role.ADMIN
    owner_client.post(url("member_role", target.pk), {"role": "emperor"})
    target.refresh_from_db()
    assert target.role == Role.ADMIN


# --- Invitations --------------------------------------------------------------------------------------------


@pytest.fixture
def invited(member: Member, workspace: Workspace) -> Invitation:
    return people.invite(workspace=workspace, email=" New@Example.com ", role=Role.ADMIN, by=member(Role.OWNER))


def path_of(invitation: Invitation) -> str:
    return people.invitation_link(invitation).removeprefix("http://localhost:8000")


def test_the_e_mail(invited: Invitation, mailoutbox) -> None:
    (mail,) = mailoutbox
    assert mail.to == ["new@example.com"]
    assert "Acme" in mail.subject
    ((html, kind),) = mail.alternatives
    assert kind == "text/html"
    link = people.invitation_link(invited)
    assert link in mail.body
    assert f'href="{link}"' in html


def test_a_name_cannot_break_out_of_the_e_mail(member: Member, workspace: Workspace, mailoutbox) -> None:
    workspace.name = "Evil\nBcc: all@example.com <b>"
    workspace.save()
    people.invite(workspace=workspace, email="new@example.com", role=Role.VIEWER, by=member(Role.OWNER))
    (mail,) = mailoutbox
    assert "\n" not in mail.subject
    assert "<b>" not in mail.alternatives[0][0]


def test_an_existing_person_joins_once(invited: Invitation, person: Callable[..., User], workspace: Workspace) -> None:
    client = Client()
    client.force_login(person("new@example.com"))
    path = path_of(invited)
    assert client.get(path).status_code == 200
    assert not workspace.memberships.filter(user__email="new@example.com").exists()  # looking accepts nothing
    assert client.post(path)["Location"] == "/w/acme/"
    assert workspace.memberships.get(user__email="new@example.com").role == Role.ADMIN
    second = Client()
    second.force_login(person("other@example.com"))
    for answer in (second.get(path), second.post(path)):
        assert answer.status_code == 410
        assert b"has been used" in answer.content
    assert not workspace.memberships.filter(user__email="other@example.com").exists()


def test_a_new_person_signs_up_and_joins(invited: Invitation, client: Client, workspace: Workspace) -> None:
    path, count = path_of(invited), Workspace.objects.count()
    assert b"Sign up and join" in client.get(path).content
    page = client.get("/accounts/signup/")
    assert b"workspace_name" not in page.content
    answer = client.post(
        "/accounts/signup/", {"email": "new@example.com", "password1": "correct horse battery"}, follow=True
    )
    assert answer.redirect_chain == [("/workspaces/", 302), (path, 302)]
    assert client.post(path)["Location"] == "/w/acme/"
    assert workspace.memberships.filter(user__email="new@example.com", role=Role.ADMIN).exists()
    assert Workspace.objects.count() == count


def test_who_logs_in_comes_back_to_the_invitation(
    invited: Invitation, client: Client, person: Callable[..., User]
) -> None:
    person("jo@example.com", password="correct horse battery")
    client.get(path_of(invited))
    answer = client.post(
        "/accounts/login/", {"login": "jo@example.com", "password": "correct horse battery"}, follow=True
    )
    assert answer.redirect_chain[-1][0] == path_of(invited)


def test_it_expires(invited: Invitation, client: Client) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=7, minutes=1)):
        answer = client.get(path_of(invited))
    assert answer.status_code == 410
    assert b"has expired" in answer.content


def test_a_forged_link(invited: Invitation, client: Client) -> None:
    path = path_of(invited)
    another = path.replace(f"/{invited.pk}:", f"/{invited.pk + 1}:")
    for bad in (another, path[:-3] + "xx/", f"/invitation/{invited.pk}/"):
        assert client.get(bad).status_code == 410


def test_a_newer_one_replaces_it(invited: Invitation, client: Client, workspace: Workspace) -> None:
    again = people.invite(
        workspace=workspace, email="NEW@example.com", role=Role.VIEWER, by=Membership.objects.get(role=Role.OWNER)
    )
    assert client.get(path_of(invited)).status_code == 410
    assert client.get(path_of(again)).status_code == 200


def test_it_can_be_withdrawn(invited: Invitation, client: Client, owner_client_of_acme: Client, url) -> None:
    assert b"new@example.com" in owner_client_of_acme.get(url("people")).content
    owner_client_of_acme.post(url("invitation_withdraw", invited.pk))
    assert client.get(path_of(invited)).status_code == 410


@pytest.fixture
def owner_client_of_acme(invited: Invitation) -> Client:
    """The owner who has invited."""
    client = Client()
    client.force_login(invited.invited_by)
    return client


def test_a_member_is_not_invited(member: Member, workspace: Workspace, mailoutbox) -> None:
    owner, viewer = member(Role.OWNER), member(Role.VIEWER)
    with pytest.raises(people.NotAllowed, match="already"):
        people.invite(workspace=workspace, email=viewer.user.email.upper(), role=Role.ADMIN, by=owner)
    assert mailoutbox == []


def test_an_admin_invites_no_owner(admin_client: Client, url, workspace: Workspace, mailoutbox) -> None:
    admin_client.post(url("invitation_create"), {"email": "new@example.com", "role": "owner"})
    assert mailoutbox == []
    admin_client.post(url("invitation_create"), {"email": "new@example.com", "role": "viewer"})
    assert [mail.to for mail in mailoutbox] == [["new@example.com"]]


def test_a_member_who_accepts_keeps_the_role(invited: Invitation, member: Member) -> None:
    owner = invited.invited_by
    assert people.accept_invitation(invitation=invited, user=owner).role == Role.OWNER
