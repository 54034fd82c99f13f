"""What holds for every page: where its parts come from, and its words on errors."""

from __future__ import annotations

import re

import pytest
from django.template.loader import render_to_string
from django.test import Client

from tenants.models import Role, Workspace
from tenants.urls import public_url

PUBLIC = ("/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/nowhere/")
OWN_ACCOUNT = ("account_email", "account_change_password", "mfa_index", "usersessions_list", "workspaces")


def policy_of(response) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in response["Content-Security-Policy"].split(";"))
    return {name: value for name, _space, value in parts}


def assert_strict(response) -> None:
    policy = policy_of(response)
    assert policy["default-src"] == "'self'"
    assert "unsafe" not in response["Content-Security-Policy"]
    html = response.content.decode()
    assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", html) == []
    assert re.findall(r"\sstyle=|<style|\son[a-z]+=", html) == []
    assert re.findall(r"""(?:src|href)=["'](?:https?:)?//""", html) == []


@pytest.mark.parametrize("path", PUBLIC)
def test_public_pages_are_strict(path: str, client: Client, database: None) -> None:
    assert_strict(client.get(path))


@pytest.mark.parametrize("view", OWN_ACCOUNT)
def test_pages_of_ones_account_are_strict(view: str, owner_client: Client) -> None:
    response = owner_client.get(public_url(view), {"all": ""}, follow=True)
    assert response.status_code == 200
    assert_strict(response)


@pytest.mark.parametrize("view", ["settings", "people", "api_keys"])
def test_pages_of_a_workspace_are_strict(view: str, owner_client: Client, url) -> None:
    assert_strict(owner_client.get(url(view)))


def test_the_policy_is_relaxed_for_the_admin_only(staff_client: Client, owner_client: Client, url) -> None:
    assert "'unsafe-eval'" in policy_of(staff_client.get(public_url("admin:index")))["script-src"]
    assert "'unsafe-eval'" in policy_of(staff_client.get(url("workspace_admin:index")))["script-src"]
    assert "unsafe" not in owner_client.get(public_url("admin:index"), follow=True)["Content-Security-Policy"]


@pytest.mark.parametrize("template", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html"])
def test_error_pages_need_nothing(template: str) -> None:
    """They stand without a request and without a database."""
    assert "</html>" in render_to_string(template)


def test_links_within_a_workspace_keep_its_prefix_and_public_ones_do_not(owner_client: Client, url) -> None:
    html = owner_client.get(url("people")).content.decode()
    assert 'href="/w/acme/settings/"' in html
    assert 'action="/accounts/logout/"' in html
    assert 'href="/workspaces/new/"' in html


def test_the_switcher_names_all_of_ones_workspaces(member_client, other_workspace: Workspace, url) -> None:
    client = member_client(Role.OWNER, email="jo@example.com")
    assert b"Globex" not in client.get(url("people")).content
    other_workspace.memberships.create(user_id=client.session["_auth_user_id"], role=Role.VIEWER)
    html = client.get(url("people")).content.decode()
    assert 'href="/w/globex/"' in html
    assert client.get("/workspaces/").status_code == 200  # no longer straight in


def test_the_theme_is_a_cookie(client: Client, database: None) -> None:
    client.cookies["theme"] = "dark"
    assert b'data-bs-theme="dark"' in client.get("/").content
    client.cookies["theme"] = '"><script>'
    assert b"data-bs-theme" not in client.get("/").content


def test_an_unknown_address_of_the_api_answers_in_json(api_client, url) -> None:
    response = api_client.get("/w/acme/api/v1/nowhere")
    assert response.status_code == 404
    assert response.json() == {"detail": "Not found."}
