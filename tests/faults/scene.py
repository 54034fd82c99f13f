"""A sync of two far accounts with real workers, and how it stands: what the tests of this folder start from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from connectors import accounts, registry
from connectors.testing.memory import MemoryApp, MemoryObject, contacts
from syncengine import services
from syncengine.models import Lease, Operation, OperationState, RecordLink, RunState, Sync, SyncRun
from tenants.models import Due

from .connector import FarConnector
from .far_end import FarEnd, serving
from .workers import Workers, at_work

ANN = {"first": "Ann", "last": "Lee"}


@contextmanager
def far_sync(directory: Path, right: MemoryObject, *clusters: str) -> Iterator[tuple[FarEnd, Sync, Workers]]:
    """A sync of two far accounts, due at once, with workers that wait for it."""
    left = contacts(read="delta", tombstones=True)
    apps = [MemoryApp(left, identity="left", label="Left"), MemoryApp(right, identity="right", label="Right")]
    with serving(*apps) as end, registry.installed(FarConnector()):
        objects = [
            accounts.connect(
                app="far",
                name=app.identity.label,
                values={"account": app.identity.id, "address": end.address, "password": "open sesame"},
                actor="test",
            ).objects_offered.get(name="contacts")
            for app in apps
        ]
        sync = services.create_sync(object_a=objects[0], object_b=objects[1], actor="test")
        with at_work(directory, *clusters) as workers:
            yield end, sync, workers


def fill(end: FarEnd, count: int) -> None:
    for n in range(count):
        end.apps["left"]["contacts"].add(ANN, mail=f"p{n}@example.com")


def is_done(sync: Sync, count: int) -> bool:
    open_ones = Operation.objects.filter(state__in=[OperationState.PLANNED, OperationState.SENDING])
    linked = RecordLink.objects.filter(a_id__isnull=False, b_id__isnull=False, state="in_sync")
    return linked.count() == count and not open_ones.exists()


def at_rest() -> bool:
    """The run has ended, nobody is at work, and nothing is due soon."""
    soon = Due.objects.filter(at__lte=timezone.now() + timedelta(minutes=5))
    running = SyncRun.objects.filter(state=RunState.RUNNING)
    return not any(rows.exists() for rows in (running, Lease.objects.exclude(holder=""), soon))


def assert_once(end: FarEnd, count: int) -> None:
    right = end.apps["right"]["contacts"]
    assert len(right.rows) == right.created_by_write == count
    assert len({v["mail"] for v in right.all_values().values()}) == count
    assert RecordLink.objects.count() == count and end.apps["left"]["contacts"].created_by_write == 0
