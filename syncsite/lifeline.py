"""No process outlives the one that started it, and each that can hang shows a pulse. Linux; no Django."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

PULSE_VARIABLE = "SYNCSITE_PULSE"
"""Environment variable: the file whose modification time is the process's sign of life."""

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int, signal_number: int = signal.SIGKILL) -> None:
    """From now on the kernel sends this process the signal when its parent ends, however it ends.

    Call it in the child, with the parent's process id as taken before the fork. It survives an exec.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), signal_number)


def adopt_orphans() -> None:
    """Whatever descendant loses its parent becomes a child of this process, not of the machine's first."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def bind_forks() -> None:
    """Every process forked from this one by Python dies with its own parent, at any depth."""
    parents: list[int] = []
    os.register_at_fork(
        before=lambda: parents.append(os.getpid()),
        after_in_parent=parents.pop,
        after_in_child=lambda: die_with_parent(parents[-1]),
    )


def beat(pulse: Path | None = None) -> None:
    """Show a sign of life: on this file, else on the one that the supervisor named, if it did."""
    named = os.environ.get(PULSE_VARIABLE)
    path = pulse or (Path(named) if named else None)
    if path is not None:
        path.touch()
