"""The supervisor: what is killed comes back, what hangs is killed, and nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise

import psutil
import pytest

# A child that writes its process id, makes a child of its own, and waits.
FAMILY = """
import os, subprocess, sys, time
from syncsite.lifeline import bind_forks
bind_forks()
if os.fork() == 0:
    time.sleep(600)
open(sys.argv[1], "a").write(f"{os.getpid()}\\n")
time.sleep(600)
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
POLITE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (open(sys.argv[1], "w").write("bye"), sys.exit()))
time.sleep(600)
"""
FLEETING = "import sys, time; open(sys.argv[1], 'a').write(f'{time.time()}\\n')"
BEATING = """
import sys, time
from syncsite.lifeline import beat
open(sys.argv[1], "a").write("born\\n")
for _ in range(int(sys.argv[2])):
    beat()
    time.sleep(0.1)
time.sleep(600)
"""


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return answer


class Running:
    def __init__(self, directory, children, pulse_seconds):
        self.log = directory / "said"
        with open(self.log, "w") as said:
            command = [sys.executable, "-m", "tests.run.supervised", str(directory), json.dumps(children)]
            self.process = subprocess.Popen([*command, str(pulse_seconds)], stdout=said, stderr=said)
        until(lambda: "up at" in self.said)

    @property
    def said(self):
        return self.log.read_text()

    def descendants(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


@pytest.fixture
def supervise(tmp_path):
    """Start a supervisor over children: (name, code, *arguments) or such with more fields of `Child`."""
    running = []

    def start(*children, pulse_seconds=60.0, **fields):
        described = [
            {"name": name, "command": [sys.executable, "-c", code, *map(str, arguments)], **fields}
            for name, code, *arguments in children
        ]
        running.append(Running(tmp_path, described, pulse_seconds))
        return running[-1]

    yield start
    for each in running:
        if each.process.poll() is None:
            each.stop()


def pids(file):
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_child_that_is_killed_comes_back_without_its_old_family(supervise, tmp_path):
    supervisor = supervise(("family", FAMILY, tmp_path / "pids"))
    first = until(lambda: pids(tmp_path / "pids"))[0]
    grandchild = until(lambda: psutil.Process(first).children())[0].pid
    os.kill(first, signal.SIGKILL)
    second = until(lambda: pids(tmp_path / "pids")[1:])[0]
    assert alive(second)
    until(lambda: not alive(grandchild))
    assert "family was killed by signal 9: it is started again" in supervisor.said


def test_a_child_that_keeps_ending_is_started_with_growing_pauses(supervise, tmp_path):
    supervise(("fleeting", FLEETING, tmp_path / "times"))
    until(lambda: (tmp_path / "times").exists() and len((tmp_path / "times").read_text().split()) >= 4)
    times = [float(line) for line in (tmp_path / "times").read_text().split()]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses[1] > 0.4
    assert pauses[2] > pauses[1]


def test_a_child_without_a_pulse_is_killed_and_started_again(supervise, tmp_path):
    supervisor = supervise(("stalling", BEATING, tmp_path / "births", 5), pulse_seconds=2.0, pulse=True)
    until(lambda: (tmp_path / "births").exists() and len((tmp_path / "births").read_text().split()) == 2)
    assert "stalling shows no sign of life" in supervisor.said


def test_a_child_with_a_pulse_is_left_alone(supervise, tmp_path):
    supervise(("beating", BEATING, tmp_path / "births", 100), pulse_seconds=1.0, pulse=True)
    time.sleep(4)
    assert (tmp_path / "births").read_text().split() == ["born"]


def test_what_is_the_matter_with_a_child_that_runs_is_told(supervise, tmp_path):
    """PostgreSQL runs while it recovers, and takes no connections: nobody would notice by its process."""
    (tmp_path / "ails").write_text("")
    supervisor = supervise(("postgres", DEAF), ailment=str(tmp_path / "ails"), grace=0.1)
    time.sleep(0.5)
    assert "but" not in supervisor.said
    (tmp_path / "ails").write_text("takes no connections (the database system is in recovery mode)")
    until(
        lambda: "postgres runs, but takes no connections (the database system is in recovery mode)" in supervisor.said
    )
    until(lambda: "seconds now" in supervisor.said)
    (tmp_path / "ails").write_text("")
    until(lambda: "postgres is well again, after" in supervisor.said)


def test_a_command_is_run_to_its_end(supervise, tmp_path):
    assert "called: 7" in supervise().said


def test_stops_everything_when_asked(supervise, tmp_path):
    supervisor = supervise(("family", FAMILY, tmp_path / "pids"), ("polite", POLITE, tmp_path / "bye"))
    until(lambda: pids(tmp_path / "pids") and len(supervisor.descendants()) == 3)
    family = supervisor.descendants()
    time.sleep(0.3)
    assert supervisor.stop() == 0
    assert supervisor.said.endswith("stopped\n")
    assert not any(process.is_running() for process in family)
    assert (tmp_path / "bye").read_text() == "bye"


def test_who_does_not_listen_is_killed_after_the_grace(supervise):
    supervisor = supervise(("deaf", DEAF), grace=1.0)
    time.sleep(0.5)
    family = supervisor.descendants()
    asked = time.monotonic()
    assert supervisor.stop() == 0
    assert 0.9 < time.monotonic() - asked < 10
    assert not any(process.is_running() for process in family)


def test_a_second_request_to_stop_does_not_wait(supervise):
    supervisor = supervise(("deaf", DEAF), grace=60.0)
    time.sleep(0.5)
    supervisor.process.send_signal(signal.SIGINT)
    until(lambda: "waiting for deaf" in supervisor.said)
    supervisor.process.send_signal(signal.SIGINT)
    assert supervisor.process.wait(10) == 0


def test_nothing_outlives_a_killed_supervisor(supervise, tmp_path):
    supervisor = supervise(("family", FAMILY, tmp_path / "pids"), ("deaf", DEAF))
    until(lambda: pids(tmp_path / "pids") and len(supervisor.descendants()) == 3)
    family = [process.pid for process in supervisor.descendants()]
    supervisor.process.kill()
    supervisor.process.wait()
    until(lambda: not any(alive(pid) for pid in family), 5)
