"""Which workspace the database speaks of. Nothing else in the code switches schemas."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from .models import Workspace


class NoWorkspace(RuntimeError):
    """Code that belongs into a workspace ran outside of any."""


@contextmanager
def workspace_context(workspace: Workspace) -> Iterator[Workspace]:
    """Inside, tables are those of this workspace (and the shared ones); afterwards those of before.

    Contexts nest, and threads do not see each other's. Nothing lazy may leave it: a queryset that is made here
    and read outside reads another schema.
    """
    previous = connection.tenant
    connection.set_tenant(workspace)
    try:
        yield workspace
    finally:
        connection.set_tenant(previous)


@contextmanager
def public_context() -> Iterator[None]:
    """Inside, only the shared tables exist; afterwards those of before."""
    previous = connection.tenant
    connection.set_schema_to_public()
    try:
        yield
    finally:
        connection.set_tenant(previous)


def current_workspace() -> Workspace:
    """The workspace that the database speaks of. Raises NoWorkspace outside of any."""
    from .models import Workspace

    workspace = connection.tenant
    if not isinstance(workspace, Workspace):
        raise NoWorkspace("This needs a workspace: call it within workspace_context().")
    return workspace
