"""Work on the queue runs in its workspace, and leaves nothing behind in the worker."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from django_q.models import OrmQ
from django_q.signals import pre_execute

from tenants import tasks, workspaces
from tenants.context import NoWorkspace, current_workspace, public_context, workspace_context
from tenants.models import Workspace

HERE = "tests.tenants.test_tasks"
seen: list[tuple] = []


def note(*ids: int | str) -> None:
    """What the tasks of these tests do."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        seen.append((current_workspace().slug, cursor.fetchone()[0], *ids))


def fail() -> None:
    raise ZeroDivisionError


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    seen.clear()
    yield
    seen.clear()


def active_schema() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        return cursor.fetchone()[0]


def test_a_task_runs_in_the_schema_that_it_was_put_on_from(
    workspace: Workspace, other_workspace: Workspace, run_queue: Callable[[], int]
) -> None:
    tasks.enqueue(f"{HERE}.note", 7, "x")
    with workspace_context(other_workspace):
        tasks.enqueue(f"{HERE}.note", 8)
    assert run_queue() == 2
    assert seen == [("acme", workspace.schema_name, 7, "x"), ("globex", other_workspace.schema_name, 8)]


def test_afterwards_the_schema_is_the_one_of_before(workspace: Workspace, other_workspace: Workspace) -> None:
    with public_context():
        tasks.run(workspace.schema_name, f"{HERE}.note", 1)
        assert active_schema() == "public"
        with pytest.raises(ZeroDivisionError):
            tasks.run(other_workspace.schema_name, f"{HERE}.fail")
        assert active_schema() == "public"


def test_a_worker_starts_each_task_in_the_public_schema(workspace: Workspace) -> None:
    """Whatever the last one has left: the signal of the queue's library, as its workers send it."""
    connection.set_tenant(workspace)
    pre_execute.send(sender="django_q", func=note, task={})
    assert active_schema() == "public"


def test_the_row_holds_ids_only(workspace: Workspace) -> None:
    tasks.enqueue(f"{HERE}.note", 7)
    task = OrmQ.objects.get().task
    assert (task["func"], task["args"], task["kwargs"]) == (tasks.RUN, ("w_acme", f"{HERE}.note", 7), {})


@pytest.mark.parametrize("wrong", [1.5, None, True, {"a": 1}, SimpleNamespace()])
def test_anything_else_is_refused(wrong: object, in_workspace: Workspace) -> None:
    with pytest.raises(TypeError, match="takes ids"):
        tasks.enqueue(f"{HERE}.note", wrong)
    assert not OrmQ.objects.exists()


def test_a_path_that_leads_nowhere_is_refused(in_workspace: Workspace) -> None:
    with pytest.raises(ImportError):
        tasks.enqueue(f"{HERE}.nothing")


def test_outside_of_a_workspace_nothing_is_put_on(database: None) -> None:
    with pytest.raises(NoWorkspace):
        tasks.enqueue(f"{HERE}.note")


def test_a_task_goes_with_the_transaction_around_it(workspace: Workspace) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        tasks.enqueue(f"{HERE}.note")
        raise ZeroDivisionError
    assert not OrmQ.objects.exists()


def test_gone_and_suspended_workspaces_are_left_alone(workspace: Workspace, run_queue: Callable[[], int]) -> None:
    tasks.run("w_gone", f"{HERE}.note")
    tasks.enqueue(f"{HERE}.note")
    workspaces.suspend(workspace)
    assert run_queue() == 1
    assert seen == []


def test_this_module_is_the_one_that_tasks_import() -> None:
    assert sys.modules[HERE].seen is seen
