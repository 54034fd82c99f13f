"""Real clusters and a real dispatcher on the test database, which are started again when they end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from syncsite.lifeline import die_with_parent
from syncsite.place import CHECKOUT
from tests.journeys.workers import COMMANDS, STOP_SECONDS, environment

from .connector import NAME

PATIENCE = 90
PLUGIN = {NAME: "tests.faults.connector:connector"}


class Workers:
    """Processes by name; `until` watches over them while it waits."""

    def __init__(
        self, directory: Path, plugin: Mapping[str, str] = PLUGIN, variables: Mapping[str, str] | None = None
    ) -> None:
        """`plugin`: names of connectors → where they are. `variables`: for their environment."""
        self.directory, self.variables = directory, dict(variables or {})
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.frozen: set[str] = set()
        _plugin(directory, plugin)

    def start(self, name: str, kind: str = "cluster") -> None:
        us = os.getpid()
        path = os.pathsep.join([str(self.directory), str(CHECKOUT)])
        with (self.directory / f"{name}.log").open("ab") as said:
            self.running[name] = subprocess.Popen(
                [sys.executable, *COMMANDS[kind]], cwd=CHECKOUT,
                env={**environment(), **self.variables, "PYTHONPATH": path},
                stdout=said, stderr=said, preexec_fn=lambda: die_with_parent(us),
            )  # fmt: skip

    def until(self, condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """Whoever ended meanwhile is started again, as the supervisor does."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"{what}\n{self.said()}"
            self.restart_ended()
            time.sleep(0.1)

    def restart_ended(self) -> None:
        for name, process in list(self.running.items()):
            if process.poll() is not None:
                self.start(name, "dispatcher" if name == "dispatcher" else "cluster")

    def said(self) -> str:
        logs = sorted(self.directory.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in logs)

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def at_work(directory: Path, *clusters: str) -> Iterator[Workers]:
    workers = Workers(directory)
    try:
        for name in clusters:
            workers.start(name)
        workers.start("dispatcher", "dispatcher")
        yield workers
    finally:
        workers.stop()


def _plugin(directory: Path, connectors: Mapping[str, str]) -> None:
    """Installs these connectors for whoever has the directory in their path."""
    facts = directory / "far_end-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: far-end\nVersion: 1.0\n")
    points = "\n".join(["[syncsite.connectors]", *(f"{name} = {where}" for name, where in connectors.items()), ""])
    (facts / "entry_points.txt").write_text(points)
