"""Processes that die, freeze and meet, on the real thing: real workers, a real queue, and a far end that counts."""

from __future__ import annotations

import os
import signal
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from connectors.contract import Idempotency, WriteKind
from connectors.testing.memory import MemoryObject, contacts
from syncengine import services
from syncengine.models import Lease, Operation, RecordLink, Sync
from tenants.context import workspace_context
from tenants.models import Due, Workspace

from .far_end import FarEnd
from .scene import assert_once, at_rest, far_sync, fill, is_done
from .workers import Workers

ONE = {WriteKind.CREATE: 1, WriteKind.UPDATE: 1}


def who_waits(end: FarEnd, workers: Workers) -> int:
    """The process whose answer is kept back."""
    workers.until(lambda: end.held is not None, "no creation")
    assert end.held is not None
    return end.held.process


def killed_after_each(directory: Path, right: MemoryObject, count: int) -> None:
    """kill -9 after the far end has made the k-th record and before anybody heard of it, for every k."""
    with far_sync(directory, right, "cluster") as (end, sync, workers):
        fill(end, count)
        end.hold_answer_of_create(1)
        services.start(sync, actor="test")
        for number in range(1, count + 1):
            os.kill(who_waits(end, workers), signal.SIGKILL)
            if number < count:
                end.hold_next(number + 1)
            else:
                end.release()
        workers.until(lambda: is_done(sync, count), "not done")
        assert_once(end, count)


@pytest.mark.parametrize("idempotency", [Idempotency.KEY, Idempotency.NONE])
def test_rule_10_4_killed_before_the_answer_was_read(
    committed: None, workspace: Workspace, tmp_path: Path, idempotency: Idempotency
) -> None:
    killed_after_each(tmp_path, contacts(batch=ONE, idempotency=idempotency, deadline=0), 2)


@pytest.mark.slow
@pytest.mark.parametrize("idempotency", list(Idempotency))
def test_rule_10_4_killed_before_each_answer_of_a_run_was_read(
    committed: None, workspace: Workspace, tmp_path: Path, idempotency: Idempotency
) -> None:
    killed_after_each(tmp_path, contacts(batch=ONE, idempotency=idempotency, deadline=0), 10)


def test_rule_10_5_a_frozen_worker_that_wakes_stores_nothing_and_sends_nothing(
    committed: None, workspace: Workspace, tmp_path: Path
) -> None:
    right = contacts(batch=ONE, idempotency=Idempotency.KEY)
    with far_sync(tmp_path, right, "first") as (end, sync, workers):
        fill(end, 5)
        Sync.objects.update(interval=3600)
        end.hold_answer_of_create(2)
        services.start(sync, actor="test")
        frozen = who_waits(end, workers)
        os.kill(frozen, signal.SIGSTOP)
        try:
            end.release()
            past = timezone.now() - timedelta(minutes=5)
            Lease.objects.update(until=past)
            Due.objects.update(claimed_until=past)
            workers.start("second")
            workers.until(lambda: is_done(sync, 5) and at_rest(), "nobody took over")
            assert_once(end, 5)
            before, asked = state(), end.asked_by(frozen)
        finally:
            os.kill(frozen, signal.SIGCONT)
        time.sleep(3)
        assert end.asked_by(frozen) - asked <= 1 and end.created() == 5
        now = state()
        assert now == before
        assert_once(end, 5)


def state() -> list[Any]:
    links = RecordLink.objects.order_by("pk").values_list("a_id", "b_id", "state", "baseline_a", "baseline_b")
    return [*links, *Operation.objects.order_by("pk").values_list("pk", "state", "epoch", "ended_at")]


def test_rule_10_5_two_clusters_and_ten_notices_of_one_edit(
    committed: None, workspace: Workspace, tmp_path: Path
) -> None:
    right = contacts(batch={WriteKind.CREATE: 3}, idempotency=Idempotency.NONE)
    with far_sync(tmp_path, right, "first", "second") as (end, sync, workers):
        fill(end, 40)
        services.start(sync, actor="test")
        workers.until(lambda: is_done(sync, 40), "not done")
        assert_once(end, 40)
        stream = sync.pair.stream_a
        end.apps["left"]["contacts"].edit("7", job="Cook")
        in_threads(workspace, 10, lambda: services.mark_dirty(stream, ["7", "8"]))
        far = end.apps["right"]
        workers.until(lambda: far.calls["update"] > 0, "the notice brought nothing", 20)
        time.sleep(2)
        assert far.calls["update"] == 1 and end.apps["left"].calls["update"] == 0
        link = RecordLink.objects.get(a_id="7")
        assert far["contacts"].values(link.b_id or "")["job"] == "Cook"


def in_threads(workspace: Workspace, count: int, work: Any) -> None:
    errors: list[BaseException] = []

    def one() -> None:
        try:
            with workspace_context(workspace):
                work()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not errors, errors
