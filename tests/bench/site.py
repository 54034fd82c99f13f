"""A workspace to measure in, and what a benchmark says about the machine it ran on."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import django
import psutil


def set_up() -> None:
    """Django, on the database of DATABASE_URL, migrated."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncsite.settings")
    os.environ["SYNCSITE_ALLOW_PRIVATE_ADDRESSES"] = "true"
    django.setup()
    from django.core.management import call_command

    call_command("migrate_schemas", shared=True, verbosity=0)


@contextmanager
def workspace() -> Iterator[Any]:
    """A workspace of its own, for as long as the block runs."""
    from tenants.context import workspace_context
    from tenants.workspaces import create_workspace

    made = create_workspace(name=f"Bench {datetime.now(UTC):%H%M%S}", owner=None)
    try:
        with workspace_context(made):
            yield made
    finally:
        made.delete(force_drop=True)


def add_crowd_arguments(parser: argparse.ArgumentParser) -> None:
    """What benchmarks have in common in which people edit while a real queue is at work (`tests.bench.crowd`)."""
    parser.add_argument("--edited", type=float, default=1.0, help="percent of the records edited a minute (1)")
    parser.add_argument("--clusters", type=int, default=2)
    parser.add_argument("--interval", type=int, help="seconds between two looks; otherwise it follows from the edits")
    parser.add_argument("--webhook", action="store_true")


def drop(schema: str) -> None:
    """A workspace that was made by another process is over."""
    from tenants.models import Workspace

    Workspace.objects.get(schema_name=schema).delete(force_drop=True)


def machine() -> dict[str, Any]:
    """Where figures come from."""
    return {
        "cores": psutil.cpu_count(),
        "python": platform.python_version(),
        "commit": _commit(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def _commit() -> str:
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"
