"""The whole site as `./run` starts it, as a process with data of its own, to be watched and to be hurt."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

from syncsite.demo import book, check, sales
from syncsite.lifeline import die_with_parent
from syncsite.place import CHECKOUT, make_directory

UP_SECONDS = 180
STOP_SECONDS = 90


class Site:
    """A with-block: in it the site runs; afterwards it is stopped, and its data are gone."""

    def __init__(self, data: Path, *options: str) -> None:
        """`data` has to be within reach of PostgreSQL's user."""
        self.data = data
        self.port = _free_port()
        self._options = options
        self._said = data / "said"

    def __enter__(self) -> Site:
        make_directory(self.data)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.data)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def said(self) -> str:
        return self._said.read_text()

    def start(self) -> None:
        """Returns when the site says that it is running."""
        self.process = self._python("syncsite.up", "--port", str(self.port), *self._options)
        deadline = time.monotonic() + UP_SECONDS
        while "SyncSite is running" not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.2)

    def stop(self, signal_number: int = signal.SIGTERM) -> int:
        """The exit code."""
        self.process.send_signal(signal_number)
        return self.process.wait(STOP_SECONDS)

    def call(self, *arguments: str) -> str:
        """What `./run ARGUMENTS` prints. Raises CalledProcessError."""
        done = self._run("syncsite.up", *arguments)
        done.check_returncode()
        return done.stdout

    def in_step(self, seconds: float) -> check.Verdict:
        """How the two counterparts compare, as soon as they are in step, or after so many seconds."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                verdict = check.compare(map(check.human_of_card, self.cards()), self.contacts())
                if verdict.good or time.monotonic() > deadline:
                    return verdict
            except check.Unusable:
                assert time.monotonic() < deadline, "a counterpart does not answer"
            time.sleep(2)

    def cards(self) -> list[book.Card]:
        return book.read(book.found(self.data / "demo" / "book"))

    def contacts(self) -> list[check.Human]:
        return [check.human_of_contact(row) for row in sales.contacts(self.sales())]

    def sales(self) -> sales.Sales:
        return sales.found(self.data / "demo" / "sales")

    def processes(self, pattern: str) -> list[psutil.Process]:
        """Those under the supervisor whose command line has this in it."""
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if re.search(pattern, " ".join(process.cmdline())):
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return found

    def log(self, name: str) -> str:
        return (self.data / "logs" / f"{name}.log").read_text(errors="replace")

    def _environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        return {**ours, "SYNCSITE_DATA": str(self.data), "STATIC_ROOT": str(self.data / "static")}

    def _python(self, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        with open(self._said, "wb") as said:
            command = [sys.executable, "-m", module, *arguments]
            us = os.getpid()
            return subprocess.Popen(
                command, cwd=CHECKOUT, env=self._environment(), stdout=said, stderr=said,
                preexec_fn=lambda: die_with_parent(us, signal.SIGTERM),
            )  # fmt: skip

    def _run(self, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=CHECKOUT, env=self._environment(), capture_output=True, text=True, timeout=120,
        )  # fmt: skip


_NOT_INHERITED = {"DATABASE_URL", "SECRET_KEY", "SYNCSITE_KEYS", "SITE_URL", "SYNCSITE_PULSE"}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
