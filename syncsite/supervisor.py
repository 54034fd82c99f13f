"""Keeps a set of processes alive, and leaves none behind. Linux; single-threaded; no Django.

Each child runs in a session of its own and is ended by the kernel should the supervisor die. One that ends is
started again, after a pause that grows while it keeps ending. One that shows no pulse is killed first.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from pwd import struct_passwd

import psutil

from syncsite.lifeline import PULSE_VARIABLE, adopt_orphans, die_with_parent
from syncsite.place import as_user

TURN_SECONDS = 0.25
PULSE_SECONDS = 90.0
"""Without a sign of life for so long, a child that has a pulse is taken for stalled."""
LONG_LIFE = 20.0
"""A child that lived so long is started again at once."""
PAUSES = (0.0, 0.5, 1.0, 2.0, 5.0)
LOG_BYTES = 20_000_000
LOOK_SECONDS = 5.0
"""Between two looks at what may be the matter with a child that runs."""
TELL_SECONDS = 60.0
"""What goes on being the matter is told again after this, and after each doubling of it."""

_WAITED_FOR = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}


class Stopped(Exception):
    """Somebody asked the supervisor to stop while it waited for something else."""


@dataclass(frozen=True, slots=True)
class Child:
    """A process to be kept alive."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    """On top of the supervisor's own."""
    user: struct_passwd | None = None
    before: Callable[[], object] | None = None
    """Called before each start. What it raises counts as an early end of the child."""
    stop_signal: int = signal.SIGTERM
    grace: float = 15.0
    """Seconds between the stop signal and SIGKILL."""
    last_signal: int = signal.SIGKILL
    """What the kernel sends when the supervisor dies."""
    stage: int = 0
    """Stopped in this order, the lowest first; those of one stage together."""
    pulse: bool = False
    """It calls `lifeline.beat` while all is well."""
    ailment: Callable[[], str] | None = None
    """What is the matter with it though it runs, in a few words; blank: nothing. Answers within seconds."""


@dataclass(slots=True)
class _Life:
    child: Child
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    start_at: float = 0.0
    ails: str = ""
    ails_since: float = 0.0
    told_at: float = 0.0
    look_at: float = 0.0


class Supervisor:
    """Use it as a with-block: leaving it, in whatever way, stops every child."""

    def __init__(self, directory: Path, say: Callable[[str], None]) -> None:
        """`directory` takes logs and pulses; `say` gets a sentence for whoever watches."""
        self._directory = directory
        self._say = say
        self._lives: dict[str, _Life] = {}
        self._calls: dict[int, int | None] = {}
        self._stop_asked = 0
        self._old_mask: set[signal.Signals] = set()
        self._next_rotation = 0.0

    def __enter__(self) -> Supervisor:
        adopt_orphans()
        self._old_mask = set(signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED_FOR))
        return self

    def __exit__(self, *_: object) -> None:
        self._stop_all()
        signal.pthread_sigmask(signal.SIG_SETMASK, self._old_mask)

    def start(self, child: Child) -> None:
        """Start the child, and from now on keep it alive."""
        life = self._lives[child.name] = _Life(child)
        self._start(life)

    def log_of(self, name: str) -> Path:
        return self._directory / f"{name}.log"

    def call(self, name: str, command: Sequence[str]) -> int:
        """Run a command to its end and answer its exit code, looking after the children meanwhile.

        Raises Stopped.
        """
        process = self._spawn(Child(name, command))
        self._calls[process.pid] = None
        try:
            while (code := self._calls[process.pid]) is None:
                self._turn()
            return code
        finally:
            if self._calls.pop(process.pid) is None:
                _kill_group(process.pid)
                process.wait()
            else:
                process.returncode = 0  # reaped: nothing left to wait for

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Whether it became ready in time. Raises Stopped."""
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline:
                return False
            self._turn()
        return True

    def watch(self) -> None:
        """Keep the children alive until somebody asks to stop."""
        try:
            while True:
                self._turn()
        except Stopped:
            return

    def _turn(self) -> None:
        """Wait for the next thing that happens, at most a moment, and see to it."""
        self._wait(TURN_SECONDS)
        if self._stop_asked:
            raise Stopped
        now = time.monotonic()
        for life in self._lives.values():
            if life.process is None and now >= life.start_at:
                self._start(life)
            elif life.process is not None and life.child.pulse and self._silence(life) > PULSE_SECONDS:
                self._say(f"{life.child.name} shows no sign of life: it is started anew")
                self._kill(life.process.pid)
            elif life.process is not None and life.child.ailment is not None and now >= life.look_at:
                life.look_at = now + LOOK_SECONDS
                self._look_after(life, life.child.ailment(), now)
        if now >= self._next_rotation:
            self._next_rotation = now + 60
            self._rotate_logs()

    def _look_after(self, life: _Life, ails: str, now: float) -> None:
        """Say what is the matter with a child that runs, again while it lasts, and that it is over."""
        if ails and not life.ails:
            life.ails_since, life.told_at = now, now + TELL_SECONDS
            self._say(f"{life.child.name} runs, but {ails}")
        elif ails and now >= life.told_at:
            since = now - life.ails_since
            life.told_at = now + since
            self._say(f"{life.child.name} runs, but {ails}, for {since:.0f} seconds now")
        elif life.ails and not ails:
            self._say(f"{life.child.name} is well again, after {now - life.ails_since:.0f} seconds")
        life.ails = ails

    def _wait(self, seconds: float) -> None:
        got = signal.sigtimedwait(_WAITED_FOR, seconds)
        if got is not None and got.si_signo != signal.SIGCHLD:
            self._stop_asked += 1
        self._reap()

    def _reap(self) -> None:
        """Take note of every process that has ended, adopted ones too."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            pid = ended.si_pid
            life = next((x for x in self._lives.values() if x.process and x.process.pid == pid), None)
            if life is not None or pid in self._calls:
                _kill_group(pid)  # while the dead one still holds its number, so that no stranger is hit
            _, status = os.waitpid(pid, 0)
            code = os.waitstatus_to_exitcode(status)
            if pid in self._calls:
                self._calls[pid] = code
            if life is not None:
                self._ended(life, code)

    def _ended(self, life: _Life, code: int) -> None:
        assert life.process is not None
        life.process.returncode = code
        life.process = None
        if self._stop_asked:
            return
        life.ails = ""
        self._postpone(life)
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        self._say(f"{life.child.name} {how}: it is started again")

    def _postpone(self, life: _Life) -> None:
        """Set the time of the next start: at once after a long life, later with each early end."""
        now = time.monotonic()
        life.failures = 0 if now - life.started > LONG_LIFE else life.failures + 1
        life.start_at = now + PAUSES[min(max(life.failures - 1, 0), len(PAUSES) - 1)]

    def _start(self, life: _Life) -> None:
        life.started = time.monotonic()
        life.look_at = life.started + LOOK_SECONDS
        try:
            if life.child.before is not None:
                life.child.before()
            if life.child.pulse:
                self._pulse_of(life.child).touch()
            life.process = self._spawn(life.child)
        except Exception as error:
            self._postpone(life)
            self._say(f"{life.child.name} cannot be started: {error}")

    def _spawn(self, child: Child) -> subprocess.Popen[bytes]:
        us = os.getpid()
        mask = self._old_mask

        def prepare() -> None:
            die_with_parent(us, child.last_signal)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)

        environment = {**os.environ, **child.environment}
        if child.pulse:
            environment[PULSE_VARIABLE] = str(self._pulse_of(child))
        with open(self.log_of(child.name), "ab") as log:
            return subprocess.Popen(
                list(child.command),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                cwd="/" if child.user else None, start_new_session=True, preexec_fn=prepare,
                **as_user(child.user),
            )  # fmt: skip

    def _pulse_of(self, child: Child) -> Path:
        return self._directory / f"{child.name}.pulse"

    def _silence(self, life: _Life) -> float:
        return time.time() - self._pulse_of(life.child).stat().st_mtime

    def _kill(self, pid: int) -> None:
        """The process, its group and its descendants, for good. It is reaped like any other."""
        try:
            family = psutil.Process(pid).children(recursive=True)
        except psutil.NoSuchProcess:
            family = []
        _kill_group(pid)
        for process in family:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue

    def _stop_all(self) -> None:
        self._stop_asked = max(self._stop_asked, 1)
        self._reap()
        for stage in sorted({life.child.stage for life in self._lives.values()}):
            self._stop_stage([x for x in self._lives.values() if x.child.stage == stage])
        for orphan in psutil.Process().children(recursive=True):
            orphan.kill()
        deadline = time.monotonic() + 5
        while psutil.Process().children() and time.monotonic() < deadline:
            self._wait(0.05)

    def _stop_stage(self, lives: Sequence[_Life]) -> None:
        asked = time.monotonic()
        impatience = self._stop_asked
        told = False
        for life in lives:
            if life.process is not None:
                os.kill(life.process.pid, life.child.stop_signal)
        while left := [life for life in lives if life.process is not None]:
            waited = time.monotonic() - asked
            for life in left:
                if waited > life.child.grace or self._stop_asked > impatience:
                    assert life.process is not None
                    self._kill(life.process.pid)
            if waited > 3 and not told:
                told = True
                names = ", ".join(life.child.name for life in left)
                self._say(f"waiting for {names} to finish what is in hand (Ctrl-C again: at once)")
            self._wait(0.05)

    def _rotate_logs(self) -> None:
        """Children append, so a log may be cut under them; its last part is kept beside it."""
        for log in self._directory.glob("*.log"):
            if log.stat().st_size > LOG_BYTES:
                shutil.copyfile(log, log.with_suffix(".log.1"))
                os.truncate(log, 0)


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return
