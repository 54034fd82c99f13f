"""Which schema the database speaks of."""

from __future__ import annotations

import threading

import pytest
from django.db import ProgrammingError, close_old_connections, connection, transaction

from tenants.context import NoWorkspace, current_workspace, public_context, workspace_context
from tenants.models import Workspace


def active_schema() -> str:
    """What the server itself looks into first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        return cursor.fetchone()[0]


def test_contexts_nest_and_go_back(workspace: Workspace, other_workspace: Workspace) -> None:
    with public_context():
        assert active_schema() == "public"
        with workspace_context(workspace), workspace_context(other_workspace):
            assert active_schema() == other_workspace.schema_name
            with public_context():
                assert active_schema() == "public"
            assert current_workspace() == other_workspace
        assert active_schema() == "public"
    assert active_schema() == workspace.schema_name


def test_an_error_goes_back_too(workspace: Workspace, other_workspace: Workspace) -> None:
    with pytest.raises(ZeroDivisionError), workspace_context(other_workspace):
        raise ZeroDivisionError
    assert current_workspace() == workspace
    assert active_schema() == workspace.schema_name


def test_a_rollback_keeps_the_workspace(workspace: Workspace, other_workspace: Workspace) -> None:
    """SET is undone with its transaction: the schema must be set anew, or reads go elsewhere."""
    with workspace_context(other_workspace):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            assert active_schema() == other_workspace.schema_name
            raise ZeroDivisionError
        assert active_schema() == other_workspace.schema_name
    assert active_schema() == workspace.schema_name


def test_outside_of_any_workspace(db: None) -> None:
    with pytest.raises(NoWorkspace):
        current_workspace()


def test_the_way_of_the_library_into_a_workspace_is_closed(workspace: Workspace) -> None:
    """It keeps the schema of before in one list for all threads."""
    with pytest.raises(RuntimeError, match="workspace_context"), workspace:
        pass


def test_a_table_that_is_missing_is_not_read_elsewhere(workspace: Workspace) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {workspace.schema_name}.syncengine_syncrun CASCADE")
        with pytest.raises(ProgrammingError, match="does not exist"), transaction.atomic():
            cursor.execute("SELECT * FROM syncengine_syncrun")


def test_no_table_of_a_workspace_has_a_namesake_among_the_shared_ones(workspace: Workspace) -> None:
    """Or what is missing in one would be read from the other."""
    with connection.cursor() as cursor:
        own = set(connection.introspection.table_names(cursor))
    with public_context(), connection.cursor() as cursor:
        shared = set(connection.introspection.table_names(cursor))
    assert own and shared
    assert own & shared == {"django_migrations"}


def server_process() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def test_a_connection_that_has_seen_many_workspaces_is_closed(committed: None, monkeypatch) -> None:
    """The server remembers the tables of each for as long as it stays."""
    monkeypatch.setattr("tenants.postgresql.base.SCHEMAS_A_CONNECTION", 2)
    one, other = Workspace.objects.order_by("slug")
    connection.close()
    begun = server_process()
    with workspace_context(one):
        close_old_connections()
        assert server_process() == begun
    with workspace_context(other), public_context():
        pass
    with workspace_context(other):
        close_old_connections()
        assert server_process() != begun
        assert active_schema() == other.schema_name


def test_threads_do_not_see_each_others_workspace(committed: None) -> None:
    workspaces = list(Workspace.objects.order_by("slug"))
    wrong: list[str] = []
    turn = threading.Barrier(len(workspaces))

    def switch(mine: Workspace, other: Workspace) -> None:
        turn.wait()
        for _ in range(100):
            with workspace_context(mine):
                with workspace_context(other):
                    if active_schema() != other.schema_name:
                        wrong.append(other.slug)
                if active_schema() != mine.schema_name:
                    wrong.append(mine.slug)
        connection.close()

    pairs = [(workspaces[0], workspaces[1]), (workspaces[1], workspaces[0])]
    threads = [threading.Thread(target=switch, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
