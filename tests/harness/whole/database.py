"""A database for trials outside of pytest: made anew, with one workspace for each process."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def workspaces(count: int) -> Iterator[list[str]]:
    """Slugs of so many workspaces in a test database on the server of DATABASE_URL."""
    import django

    django.setup()
    from django.db import connection
    from django.test.runner import DiscoverRunner
    from django_q.conf import Conf

    from tenants.workspaces import create_workspace

    os.environ.setdefault("SECRET_KEY", "only-for-trials")
    Conf.SECRET_KEY = Conf.SECRET_KEY or "only-for-trials"
    logging.disable(logging.CRITICAL)
    runner = DiscoverRunner(verbosity=0, interactive=False)
    made = runner.setup_databases()
    try:
        slugs = [create_workspace(name=f"Trial {n}", owner=None).slug for n in range(1, count + 1)]
        connection.close()
        yield slugs
    finally:
        connection.close()
        runner.teardown_databases(made)


@contextmanager
def inside(slug: str) -> Iterator[None]:
    """In this workspace, on a connection of this process's own."""
    from tenants.context import workspace_context
    from tenants.models import Workspace

    with workspace_context(Workspace.objects.select_related("plan").get(slug=slug)):
        yield
