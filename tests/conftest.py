"""What every test starts from: two workspaces that are made once, and people who are in one of them.

A test that asks for `workspace` runs inside its schema and in one transaction, which is rolled back. A test with
threads, processes or a browser asks for `committed` as well: it may commit, others see what it does, and what it
leaves is cleared away.

The database is the one of DATABASE_URL, else an embedded PostgreSQL that is started for the session.
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.runner import DiscoverRunner
from django_q.conf import Conf as QueueConf
from psycopg import sql
from pytest_django.live_server_helper import LiveServer
from rest_framework.test import APIClient

from syncsite import embedded
from syncsite.settings import database as describe_database
from tenants import tasks
from tenants.context import public_context, workspace_context
from tenants.models import Membership, Plan, Role, Workspace, WorkspaceAPIKey
from tenants.plans import DEFAULT
from tenants.urls import workspace_url
from tenants.workspaces import create_workspace

NAMES = ("Acme", "Globex")
KEPT = ("django_migrations", "django_content_type", "auth_permission", "tenants_plan", "tenants_workspace")
"""Tables whose rows outlive a test that commits."""


def pytest_configure(config: pytest.Config) -> None:
    if not settings.SYNCSITE_KEYS:
        settings.SYNCSITE_KEYS = [base64.urlsafe_b64encode(os.urandom(32)).decode()]
    if not QueueConf.SECRET_KEY:
        # The queue's library has copied the key already.
        settings.SECRET_KEY = QueueConf.SECRET_KEY = "only-for-tests"
    # Static files from where they are written, not from the last `collectstatic`.
    settings.STATIC_ROOT = tempfile.mkdtemp()
    config.add_cleanup(lambda: os.rmdir(settings.STATIC_ROOT))
    if "DATABASE_URL" not in os.environ and not config.option.collectonly:
        os.environ["DATABASE_URL"] = embedded.start(server_directory(), durable=False)
        connection.settings_dict.update(describe_database(os.environ["DATABASE_URL"]))
        config.add_cleanup(lambda: embedded.stop(server_directory()))


def server_directory() -> Path:
    return embedded.default_directory().with_name("test-postgres")


# --- Database -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_blocker: Any, django_test_environment: None, django_db_modify_db_settings: None
) -> Iterator[None]:
    """The test database, with two workspaces."""
    runner = DiscoverRunner(verbosity=0, interactive=False)
    with django_db_blocker.unblock():
        made = runner.setup_databases()
        assert_test_database()
        for name in NAMES:
            create_workspace(name=name, owner=None)
    yield
    with django_db_blocker.unblock():
        runner.teardown_databases(made)


def assert_test_database() -> None:
    name = connection.settings_dict["NAME"]
    assert name.startswith("test_"), f"{name} is no test database: nothing is emptied there"


@pytest.fixture
def database(request: pytest.FixtureRequest) -> None:
    """The database: within a transaction, unless the test asks for `committed`."""
    request.getfixturevalue("committed" if "committed" in request.fixturenames else "db")


@pytest.fixture
def committed(request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The test commits; afterwards all is empty but the two workspaces, as they were made."""
    if "db" in request.fixturenames or request.node.get_closest_marker("django_db"):
        raise pytest.UsageError("`committed` and `db` (or the mark django_db) exclude each other")
    with django_db_blocker.unblock():
        yield
        with public_context():
            empty_database()
        connection.close()


def empty_database() -> None:
    assert_test_database()
    for workspace in Workspace.objects.exclude(name__in=NAMES):
        workspace.delete(force_drop=True)
    free = Plan.objects.get(name=DEFAULT)
    Workspace.objects.update(plan=free, time_zone="UTC", country="", suspended_at=None)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '20s'")
        cursor.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'public' OR schemaname LIKE 'w\\_%%'"
        )
        tables = [sql.Identifier(*row) for row in cursor.fetchall() if row[1] not in KEPT]
        cursor.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(", ").join(tables)))


@pytest.fixture
def workspace(database: None) -> Iterator[Workspace]:
    """Acme. The test runs inside it."""
    found = Workspace.objects.select_related("plan").get(slug="acme")
    with workspace_context(found):
        yield found


@pytest.fixture
def other_workspace(database: None) -> Workspace:
    """Globex, which is nobody's business here."""
    return Workspace.objects.select_related("plan").get(slug="globex")


@pytest.fixture
def in_workspace(workspace: Workspace) -> Workspace:
    """For a test that needs the schema and not the object."""
    return workspace


# --- People and their browsers ------------------------------------------------------------------------------


@pytest.fixture
def person(database: None) -> Callable[..., User]:
    """Make a person: `person("jo@example.com", is_staff=True)`."""

    def make(email: str, **fields: Any) -> User:
        return User.objects.create_user(username=email, email=email, **fields)

    return make


@pytest.fixture
def member(person: Callable[..., User], workspace: Workspace) -> Callable[..., Membership]:
    """Make a member: `member("viewer")`, in Acme unless another workspace is given."""

    def make(role: str, *, of: Workspace | None = None, email: str = "") -> Membership:
        user = person(email or f"{role}@{(of or workspace).slug}.example")
        return Membership.objects.create(user=user, workspace=of or workspace, role=role)

    return make


@pytest.fixture
def member_client(member: Callable[..., Membership]) -> Callable[..., Client]:
    """A client logged in as a new member: `member_client("viewer").get(url("home"))`."""

    def make(role: str, **options: Any) -> Client:
        client = Client()
        client.force_login(member(role, **options).user)
        return client

    return make


@pytest.fixture
def owner_client(member_client: Callable[..., Client]) -> Client:
    return member_client(Role.OWNER)


@pytest.fixture
def admin_client(member_client: Callable[..., Client]) -> Client:
    """An admin of the workspace (not Django's superuser)."""
    return member_client(Role.ADMIN)


@pytest.fixture
def viewer_client(member_client: Callable[..., Client]) -> Client:
    return member_client(Role.VIEWER)


@pytest.fixture
def stranger_client(member_client: Callable[..., Client], other_workspace: Workspace) -> Client:
    """Logged in, and an owner elsewhere."""
    return member_client(Role.OWNER, of=other_workspace)


@pytest.fixture
def staff_client(person: Callable[..., User]) -> Client:
    client = Client()
    client.force_login(person("staff@example.com", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def api_client(workspace: Workspace) -> APIClient:
    """A client with an API key of the workspace."""
    _row, key = WorkspaceAPIKey.objects.create_key(workspace=workspace, name="tests")
    return APIClient(headers={"authorization": f"Bearer {key}"})


@pytest.fixture
def url(workspace: Workspace) -> Callable[..., str]:
    """Path of a page of the workspace: `url("sync", 7)`."""

    def make(name: str, *args: Any, **kwargs: Any) -> str:
        return workspace_url(workspace, name, *args, **kwargs)

    return make


# --- The site as a process, the queue -----------------------------------------------------------------------


@pytest.fixture
def live_site(committed: None) -> Iterator[str]:
    """The site on a port of 127.0.0.1, for a browser: its address without a slash at the end."""
    server = LiveServer("127.0.0.1")
    yield server.url
    server.stop()


@pytest.fixture
def run_queue(database: None) -> Callable[[], int]:
    """Do what is on the queue, as a worker would, until it is empty: the number of tasks done."""
    from django_q.models import OrmQ

    def work() -> int:
        done = 0
        with public_context():
            while (row := OrmQ.objects.order_by("pk").first()) is not None:
                task = row.task
                row.delete()
                assert task["func"] == tasks.RUN
                tasks.run(*task["args"])
                done += 1
        return done

    return work
