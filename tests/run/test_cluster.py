"""A real cluster on the test database: it works, shows a pulse, and ends as a whole when a part is killed."""

import os
import signal
import subprocess
import sys
import time
from urllib.parse import quote

import psutil
import pytest
from django.conf import settings
from django.db import connection
from django_q.tasks import async_task

SECONDS = 30


def until(condition, seconds=SECONDS):
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return answer


def database_url():
    d = connection.settings_dict
    return f"postgresql://{d['USER']}:{quote(d['PASSWORD'])}@{d['HOST']}:{d['PORT']}/{d['NAME']}"


def title(process):
    """What the process calls itself; where the command line was longer, blanks follow. Nothing, once it has ended."""
    try:
        return " ".join(process.cmdline()).rstrip()
    except psutil.NoSuchProcess:  # A zombie is one, too.
        return ""


class Cluster:
    def __init__(self, directory):
        self.pulse = directory / "pulse"
        keys = {"SECRET_KEY": settings.SECRET_KEY, "SYNCSITE_KEYS": settings.SYNCSITE_KEYS[0]}
        environment = {**os.environ, **keys, "DATABASE_URL": database_url(), "SYNCSITE_PULSE": str(self.pulse)}
        with open(directory / "log", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "syncsite.cluster"], env=environment, stdout=log, stderr=log
            )

    def family(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def find(self, role):
        """Process ids of "idle" workers, the "monitor" or the "pusher"."""
        return [p.pid for p in self.family() if title(p).endswith(f" {role}")]

    def wait_up(self):
        until(lambda: len(self.find("idle")) == settings.QUEUE_WORKERS and self.find("pusher") and self.find("monitor"))
        return self


@pytest.fixture
def cluster(committed, tmp_path):
    started = []

    def start():
        started.append(Cluster(tmp_path))
        return started[-1].wait_up()

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
        each.process.wait()


def touch_soon(path):
    async_task("pathlib.Path.touch", path)
    return until(path.exists)


def test_works_and_shows_a_pulse(cluster, tmp_path):
    running = cluster()
    assert touch_soon(tmp_path / "done")
    until(running.pulse.exists)


def test_stops_when_asked_and_leaves_nobody(cluster):
    running = cluster()
    family = running.family()
    running.process.send_signal(signal.SIGTERM)
    running.process.wait(SECONDS)
    assert not any(process.is_running() for process in family)


@pytest.mark.parametrize("role", ["idle", "monitor", "pusher"])
def test_ends_as_a_whole_when_a_part_is_killed(cluster, tmp_path, role):
    running = cluster()
    family = running.family()
    os.kill(running.find(role)[0], signal.SIGKILL)
    running.process.wait(5)
    until(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in family), 5)
    cluster()
    assert touch_soon(tmp_path / "done")


def test_nobody_outlives_a_killed_parent(cluster):
    running = cluster()
    family = running.family()
    running.process.kill()
    running.process.wait()
    until(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in family), 5)
