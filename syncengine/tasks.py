"""What the queue calls, each in its workspace's schema, with ids only (see `tenants.tasks`)."""

from __future__ import annotations

from tenants import due

from .run.runner import run_slice
from .services import DUE_KIND


def run_sync(sync_id: int) -> None:
    """One slice of a sync; it is due again when the slice says so."""
    due.done(DUE_KIND, sync_id, run_slice(sync_id).at)
