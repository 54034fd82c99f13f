"""Two workspaces whose rows have the same ids: whatever one of them asks for, nothing of the other's shows or changes.

The other's names, labels, values and messages all hold a word that stands nowhere else. Its pages are looked at
first, so that whatever is kept in memory or in the cache is the other's.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from syncengine.models import RecordLink
from tenants.admin_sites import workspace_admin_site
from tenants.context import workspace_context
from tenants.models import Role, Workspace, WorkspaceAPIKey
from tenants.urls import workspace_root
from tests import samples

CANARY = "c8f1e5d2b7a94036"
OF_NO_RECORD = {
    "name": ["people"],
    "mapping": ["first_name", "email"],
    "run_pk": [1],
    "object_pk": [1, 2],
    "prefix": ["none"],
}


@pytest.fixture
def alike(workspace: Workspace, other_workspace: Workspace) -> Iterator[None]:
    """The same sync in both workspaces, row by row."""
    with samples.apps():
        for one, text in ((other_workspace, f" {CANARY}"), (workspace, "")):
            with workspace_context(one):
                begin_ids_anew()
                samples.world(text=text)
        yield


def begin_ids_anew() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(sequencename) FROM pg_sequences WHERE schemaname = current_schema()")
        for (name,) in cursor.fetchall():
            cursor.execute(f"ALTER SEQUENCE {name} RESTART WITH 1")


def addresses(workspace: Workspace) -> list[str]:
    """Every page and endpoint, with every id that it may be asked for."""
    links = [RecordLink.objects.get(cause=cause).pk for cause in ("ambiguous", "deleted_in_b")]
    known = OF_NO_RECORD | {"pk": [1, 2], "link_pk": [*links, 1]}
    root = workspace_root(workspace)
    found = []
    for pattern in patterns(get_resolver("syncsite.urls_workspace")):
        route, names = pattern
        if route.startswith("staff/"):
            continue
        for values in itertools.product(*(known[name] for name in names)):
            address = route
            for value in values:
                start, end = address.index("<"), address.index(">")
                address = f"{address[:start]}{value}{address[end + 1 :]}"
            found.append(root + address)
    return found


def patterns(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, list[str]]]:
    """(route, names of its arguments in their order) of each page below."""
    for one in resolver.url_patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLPattern):
            yield route, [part.split(">")[0].split(":")[-1] for part in route.split("<")[1:]]
        else:
            yield from patterns(one, route)


def state_of(workspace: Workspace) -> dict[str, str]:
    """Each table of a workspace, as a digest of its rows."""
    with workspace_context(workspace), connection.cursor() as cursor:
        found = {}
        for name in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT string_agg(row::text, chr(10) ORDER BY row::text) FROM "{name}" row')
            found[name] = hashlib.sha256((cursor.fetchone()[0] or "").encode()).hexdigest()
        return found


def clients(workspace: Workspace, client_of: Callable[[], Client]) -> list[Client | APIClient]:
    _row, key = WorkspaceAPIKey.objects.create_key(workspace=workspace, name="crawl")
    return [client_of(), APIClient(headers={"authorization": f"Bearer {key}"})]


def asked(client: Client | APIClient, address: str) -> str:
    try:
        response = client.get(address)
    except Exception as error:  # What a page breaks on is another test's business; what it says is this one's.
        return str(error)
    return "" if response.streaming else response.content.decode()


@pytest.fixture
def both(
    alike: None, workspace: Workspace, other_workspace: Workspace, member_client: Callable[..., Client]
) -> tuple[list[Client | APIClient], list[Client | APIClient]]:
    """Clients of this workspace, and clients of the other: a page's and the API's each."""
    ours = clients(workspace, lambda: member_client(Role.OWNER))
    theirs = clients(other_workspace, lambda: member_client(Role.OWNER, of=other_workspace, email="o@globex.example"))
    return ours, theirs


Both = tuple[list[Client | APIClient], list[Client | APIClient]]


def test_nothing_of_the_other_shows(both: Both, workspace: Workspace, other_workspace: Workspace) -> None:
    ours, theirs = both
    shown = sum(CANARY in asked(client, one) for client in theirs for one in addresses(other_workspace))
    assert shown > 30, "the word has to show where it belongs, or this test proves nothing"
    leaks = [one for client in ours for one in addresses(workspace) if CANARY in asked(client, one)]
    assert leaks == []


def test_the_other_s_addresses_are_strange(both: Both, other_workspace: Workspace) -> None:
    (page, api), _theirs = both
    for one in addresses(other_workspace):
        if "/api/" in one:
            assert api.get(one).status_code in (401, 403, 404), one
        else:
            assert page.get(one).status_code == 404, one


def test_nothing_of_the_other_changes(both: Both, workspace: Workspace, other_workspace: Workspace) -> None:
    before = state_of(other_workspace)
    (page, api), _theirs = both
    for one in addresses(workspace):
        client = api if "/api/" in one else page
        client.raise_request_exception = False
        for method in ("post", "put", "patch", "delete") if client is api else ("post",):
            with transaction.atomic():
                getattr(client, method)(one, {})
                after = state_of(other_workspace)
                # The next one finds all as this one did.
                transaction.set_rollback(True)
            assert after == before, f"{method} {one}"


def test_staff_see_one_workspace_at_a_time(
    both: Both, workspace: Workspace, other_workspace: Workspace, person: Callable[..., User]
) -> None:
    staff = Client()
    staff.force_login(person("root@example.com", is_staff=True, is_superuser=True))
    seen = {}
    for one in (other_workspace, workspace):
        root = workspace_root(one)
        lists = [
            f"{root}staff/{model._meta.app_label}/{model._meta.model_name}/" for model in workspace_admin_site._registry
        ]
        pages = [*lists, *(f"{address}{pk}/change/" for address in lists for pk in (1, 2))]
        seen[one.slug] = [address for address in pages if CANARY in asked(staff, address)]
    assert len(seen["globex"]) > 5
    assert seen["acme"] == []
