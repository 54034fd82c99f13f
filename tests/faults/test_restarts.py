"""PostgreSQL is restarted and killed while everybody uses it: nothing is lost or made twice, and all go on by
themselves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Idempotency, WriteKind
from connectors.testing.memory import contacts
from syncengine import services

from .own_server import OwnServer, own_server
from .scene import assert_once, far_sync, fill, is_done
from .workers import Workers

RECOVERED_SECONDS = 30
"""Within so long after the database is back, records are written again (docs/operations.md)."""
COUNT = 60


@pytest.fixture
def server(django_db_blocker: Any) -> Iterator[OwnServer]:
    with django_db_blocker.unblock(), own_server() as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("idempotency", [Idempotency.NONE, Idempotency.KEY])
def test_rule_10_4_postgresql_restarted_under_load(server: OwnServer, tmp_path: Path, idempotency: Idempotency) -> None:
    """Two planned restarts and a kill, with two clusters at work."""
    right = contacts(batch={WriteKind.CREATE: 3}, idempotency=idempotency, deadline=0)
    with far_sync(tmp_path, right, "first", "second") as (end, sync, workers):
        fill(end, COUNT)
        end.latency = 0.2
        services.start(sync, actor="test")
        took = [
            cut(workers, end, number, deed)
            for number, deed in enumerate([server.restart, server.restart, server.crash])
        ]
        workers.until(lambda: is_done(sync, COUNT), "not done")
        assert_once(end, COUNT)
        assert max(took) < RECOVERED_SECONDS, took


def cut(workers: Workers, end: Any, number: int, deed: Any) -> float:
    """Do it in the middle of the run. Seconds until the next record is made."""
    workers.until(lambda: end.created() >= 12 * (number + 1), "it does not go on")
    deed()
    before, began = end.created(), time.monotonic()
    assert before < COUNT, "it was over already"
    workers.until(lambda: end.created() > before, "nothing is written any more")
    return time.monotonic() - began
