"""A real queue with many workspaces on it: clusters and dispatcher as processes, people who edit, and how long each
edit takes to be in the other app."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from django.db import connection

from tests.bench.many import Pair, drop_workspaces, make_workspaces
from tests.bench.shared_far_end import NAME, PLACE, SharedAccount


@dataclass(slots=True)
class Edits:
    """When each was made, and by its text where it has to arrive."""

    made: dict[str, float] = field(default_factory=dict)
    to: dict[str, list[str]] = field(default_factory=dict)
    """Account → texts that have to arrive there."""

    def waits(self, directory: Path, until: float) -> tuple[list[float], int]:
        """(seconds from an edit to its arrival, how many have not arrived), of those made before."""
        found, missing = [], 0
        for name, texts in self.to.items():
            arrived = arrivals(directory / name)
            for text in texts:
                if self.made[text] < until:
                    if text in arrived:
                        found.append(arrived[text] - self.made[text])
                    else:
                        missing += 1
        return sorted(found), missing


def arrivals(path: Path) -> dict[str, float]:
    """Text → when it was first written there."""
    import json

    found: dict[str, float] = {}
    if path.exists():
        for line in path.read_text().splitlines():
            change = json.loads(line)
            text = change["values"].get("job_title")
            if text is not None:
                found.setdefault(text, change["at"])
    return found


@dataclass(slots=True)
class Crowd:
    directory: Path
    pairs: list[Pair]
    workers: Any
    accounts: dict[str, SharedAccount] = field(default_factory=dict)
    number: int = 0
    untouched: dict[str, list[int]] = field(default_factory=dict)
    """Account of side A → records that nobody has edited yet: an edit over another one would not arrive."""

    def edit_for(self, seconds: float, *, a_second: float, burst: int, tell: bool, seed: int = 1) -> Edits:
        """People edit records of both sides at random, evenly over time; with `tell` the app tells of each burst."""
        dice, edits = random.Random(seed), Edits()
        began, count = time.monotonic(), 0
        while (now := time.monotonic() - began) < seconds:
            if count > now * a_second:
                time.sleep(0.01)
                continue
            self._edit(dice, edits, burst, tell)
            count += burst
        return edits

    def _edit(self, dice: random.Random, edits: Edits, burst: int, tell: bool) -> None:
        pair, left = dice.choice(self.pairs), dice.random() < 0.5
        source, target = (pair.a, pair.b) if left else (pair.b, pair.a)
        app = self.accounts.setdefault(source, SharedAccount(self.directory, source))
        ids = []
        left_over = self.untouched.get(pair.a) or dice.sample(range(app.records), app.records)
        self.untouched[pair.a] = left_over[burst:]
        for number in left_over[:burst]:
            self.number += 1
            text = f"Edit {self.number}"
            edits.made[text] = app.edit(number, job_title=text)
            edits.to.setdefault(target, []).append(text)
            ids.append(str(number))
        if tell:
            _tell(pair, pair.stream_a if left else pair.stream_b, ids)

    def settle(self, edits: Edits, until: float, patience: float) -> tuple[list[float], int]:
        """As `Edits.waits`, when all have arrived, or patience is at its end."""
        deadline = time.monotonic() + patience
        while True:
            found, missing = edits.waits(self.directory, until)
            if not missing or time.monotonic() > deadline:
                return found, missing
            time.sleep(2)


def _tell(pair: Pair, stream_id: int, ids: Sequence[str]) -> None:
    """What the endpoint of a webhook does."""
    from syncengine import services
    from syncengine.models import Stream
    from tenants.context import workspace_context

    with workspace_context(pair.workspace):
        services.mark_dirty(Stream.objects.get(pk=stream_id), ids)


@contextmanager
def crowd(workspaces: int, syncs: int, records: int, *, clusters: int, interval: int | None) -> Iterator[Crowd]:
    """Workspaces at rest, with workers that look after them."""
    from connectors import registry
    from tests.bench.shared_far_end import connector
    from tests.faults.workers import Workers

    directory = Path(tempfile.mkdtemp(prefix="bench-"))
    os.environ[PLACE] = str(directory)
    (directory / "workers").mkdir()
    variables = {"LOG_LEVEL": "WARNING", "CONN_MAX_AGE": "600"}
    workers = Workers(directory / "workers", {NAME: "tests.bench.shared_far_end:connector"}, variables)
    try:
        drop_workspaces()
        with registry.installed(connector):
            pairs = make_workspaces(workspaces, syncs, records, interval=interval)
            for number in range(clusters):
                workers.start(f"cluster-{number}")
            workers.start("dispatcher", "dispatcher")
            yield Crowd(directory, pairs, workers)
    finally:
        workers.stop()
        drop_workspaces()
        shutil.rmtree(directory)


@contextmanager
def spending(workers: Any) -> Iterator[dict[str, float]]:
    """Seconds of CPU of the worker processes, of PostgreSQL, and of this process, filled in when the block ends."""
    found: dict[str, float] = {}
    before = _spent(workers)
    began = time.monotonic()
    yield found
    after = _spent(workers)
    found.update(
        {name: round(after[name] - before[name], 1) for name in after}, wall=round(time.monotonic() - began, 1)
    )


def _spent(workers: Any) -> dict[str, float]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        server = psutil.Process(cursor.fetchone()[0]).parent()
    assert server is not None
    clusters = [p.pid for name, p in workers.running.items() if name != "dispatcher"]
    return {
        "workers": sum(map(_tree, clusters)),
        "dispatcher": _tree(workers.running["dispatcher"].pid),
        "database": _tree(server.pid),
        "bench": time.process_time(),
        "machine": _machine(),
    }


def _tree(pid: int) -> float:
    """CPU of a process and all its descendants, those that have ended too."""
    total = 0.0
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for one in family:
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _machine() -> float:
    """CPU that all processes of the machine took, others' too: how busy it was."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait)


def percentiles(waits: Sequence[float]) -> dict[str, float]:
    def at(share: float) -> float:
        return round(waits[min(int(len(waits) * share), len(waits) - 1)], 2)

    return {"p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": round(waits[-1], 2)} if waits else {}


@contextmanager
def watched(workers: Any) -> Iterator[None]:
    """Whoever ends meanwhile is started again, as the supervisor does."""
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.5):
            workers.restart_ended()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
