"""A real queue cluster and a real dispatcher, as processes on the test database."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from syncsite.lifeline import die_with_parent
from syncsite.place import CHECKOUT

STOP_SECONDS = 60
COMMANDS = {
    "cluster": ("-m", "syncsite.cluster"),
    "dispatcher": ("manage.py", "dispatcher", "--every", "0.3"),
}


@contextmanager
def at_work(directory: Path) -> Iterator[None]:
    """Both run in the block; it fails, with their last words, if one of them ended by itself. Logs go there."""
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in COMMANDS.items():
            running[name] = _start(directory / f"{name}.log", command)
        yield
        for name, process in running.items():
            assert process.poll() is None, (directory / f"{name}.log").read_text(errors="replace")[-4000:]
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait(STOP_SECONDS)


def _start(log: Path, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
    us = os.getpid()
    with log.open("wb") as said:
        return subprocess.Popen(
            [sys.executable, *command], cwd=CHECKOUT, env=environment(), stdout=said, stderr=said,
            preexec_fn=lambda: die_with_parent(us),
        )  # fmt: skip


def environment() -> dict[str, str]:
    """The keys and the database of these tests."""
    d = connection.settings_dict
    return {
        **os.environ,
        "DATABASE_URL": f"postgresql://{d['USER']}:{quote(d['PASSWORD'])}@{d['HOST']}:{d['PORT']}/{d['NAME']}",
        "SECRET_KEY": settings.SECRET_KEY,
        "SYNCSITE_KEYS": ",".join(settings.SYNCSITE_KEYS),
        "SYNCSITE_ALLOW_PRIVATE_ADDRESSES": "true",
    }
