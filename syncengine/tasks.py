"""What the queue calls, each in its workspace's schema, with ids only (see `tenants.tasks`)."""

from __future__ import annotations

from django.utils import timezone

from tenants import due

from .run.runner import run_slice
from .services import DUE_KIND


def run_sync(sync_id: int) -> None:
    """One slice of a sync; it is due again when the slice says so, and those that it has news for are due now."""
    found = run_slice(sync_id)
    due.done(DUE_KIND, sync_id, found.at)
    for other in found.others:
        due.schedule(DUE_KIND, other, timezone.now())
