"""From nobody to a workspace of one's own."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from tenants.context import workspace_context
from tenants.models import SLUG_LENGTH, Membership, Plan, Role, Workspace
from tenants.workspaces import RESERVED, SlugTaken, create_workspace, free_slug

SIGN_UP = {"workspace_name": "Müller & Co", "email": "Ada@Example.com", "password1": "correct horse battery"}


def schemas() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace")
        return {name for (name,) in cursor.fetchall()}


def tables_of(workspace: Workspace) -> set[str]:
    with workspace_context(workspace):
        return set(connection.introspection.table_names())


def test_signing_up_makes_a_workspace_with_a_schema(client: Client, workspace: Workspace) -> None:
    response = client.post("/accounts/signup/", SIGN_UP, follow=True)
    made = Workspace.objects.get(slug="muller-co")
    assert response.redirect_chain == [("/workspaces/", 302), ("/w/muller-co/", 302)]
    assert made.schema_name in schemas()
    assert tables_of(made) == tables_of(workspace)
    membership = Membership.objects.get(workspace=made)
    assert (membership.user.email, membership.role) == ("ada@example.com", Role.OWNER)
    assert client.get("/w/muller-co/settings/").status_code == 200


def test_a_workspace_has_no_tables_of_people(workspace: Workspace) -> None:
    assert not {name for name in tables_of(workspace) if name.startswith(("auth_", "tenants_", "account_"))}


def test_a_schema_that_was_left_behind_is_not_taken_over(database: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA w_left_behind")
    assert create_workspace(name="Left behind", owner=None).schema_name == "w_left_behind_2"
    with pytest.raises(SlugTaken):
        create_workspace(name="Left behind", owner=None, slug="left-behind")


def test_nobody_is_left_half_signed_up(client: Client, database: None) -> None:
    Plan.objects.filter(name="free").update(name="gone")  # no workspace can be made
    client.raise_request_exception = False
    assert client.post("/accounts/signup/", SIGN_UP).status_code == 500
    assert not User.objects.filter(email__iexact=SIGN_UP["email"]).exists()


def test_a_name_is_needed(client: Client, database: None) -> None:
    response = client.post("/accounts/signup/", {**SIGN_UP, "workspace_name": " "})
    assert response.status_code == 200
    assert "workspace_name" in response.context["form"].errors
    assert not User.objects.filter(email__iexact=SIGN_UP["email"]).exists()


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Müller & Co", "muller-co"),
        ("Acme", "acme-2"),
        ("Staff", "staff-2"),
        ("日本", "workspace-2"),
        ("___", "workspace-2"),
        ("Data_Base", "data-base"),
        ("x" * 90, "x" * (SLUG_LENGTH - 6)),
    ],
)
def test_the_address_is_made_from_the_name(name: str, slug: str, database: None) -> None:
    assert free_slug(name) == slug


@pytest.mark.parametrize("slug", ["acme", *sorted(RESERVED)[:3]])
def test_an_address_that_is_taken_or_reserved_is_refused(slug: str, database: None) -> None:
    with pytest.raises(SlugTaken):
        create_workspace(name="Some", owner=None, slug=slug)


def test_another_workspace(owner_client: Client, workspace: Workspace) -> None:
    response = owner_client.post("/workspaces/new/", {"name": "Second"})
    assert response["Location"] == "/w/second/"
    assert owner_client.get("/w/second/settings/").status_code == 200
    assert owner_client.get("/workspaces/").status_code == 200


def test_logging_in_and_out(client: Client, person) -> None:
    user = person("jo@example.com", password="correct horse battery")
    answer = client.post("/accounts/login/", {"login": "JO@example.com", "password": "correct horse battery"})
    assert answer["Location"] == "/workspaces/"
    assert client.session["_auth_user_id"] == str(user.pk)
    assert b"no workspace yet" in client.get("/workspaces/").content
    assert client.post("/accounts/logout/")["Location"] == "/"
    assert "_auth_user_id" not in client.session


def test_a_forgotten_password(client: Client, person, mailoutbox) -> None:
    person("jo@example.com", password="correct horse battery")
    client.post("/accounts/password/reset/", {"email": "jo@example.com"})
    link = next(word for word in mailoutbox[0].body.split() if "/accounts/password/reset/key/" in word)
    page = client.get(link.removeprefix("http://testserver"), follow=True)
    answer = client.post(
        page.redirect_chain[-1][0], {"password1": "new horse battery", "password2": "new horse battery"}
    )
    assert answer.status_code == 302
    assert User.objects.get(email="jo@example.com").check_password("new horse battery")
