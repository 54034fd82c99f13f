"""One holder at a time, and a fence against those that were replaced without noticing (rule 10.5)."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import psutil
from django.db import connection, transaction

from ..models import Lease

HOLD = timedelta(seconds=60)
"""Longer than one request may take: a holder renews it before each."""

_TAKE = """
INSERT INTO syncengine_lease AS lease (name, epoch, holder, until)
SELECT name, 1, %(holder)s, %(until)s FROM unnest(%(names)s::text[]) AS name
ON CONFLICT (name) DO UPDATE
   SET epoch = lease.epoch + 1, holder = %(holder)s, until = %(until)s
 WHERE lease.until <= %(now)s OR lease.holder = ''
RETURNING name, epoch
"""


def this_process() -> str:
    """Names this process so that others on the machine can tell whether it still lives."""
    return f"{socket.gethostname()[:30]}/{os.getpid()}/{int(psutil.Process().create_time())}"


def is_dead(holder: str) -> bool:
    """True if the process was on this machine and is no more. Of other machines nobody here knows."""
    host, _, rest = holder.partition("/")
    pid, _, began = rest.partition("/")
    if host != socket.gethostname()[:30] or not pid.isdigit():
        return False
    try:
        process = psutil.Process(int(pid))
        return int(process.create_time()) != int(began) or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class LeaseLost(Exception):
    """Somebody else holds it now: store nothing, send nothing more."""


@dataclass(frozen=True, slots=True)
class Held:
    """Leases held together, each with the epoch under which it was taken."""

    holder: str
    epochs: tuple[tuple[str, int], ...]

    @property
    def epoch(self) -> int:
        """Of the first name: what operations are stamped with."""
        return self.epochs[0][1]


def take(names: Sequence[str], *, holder: str, now: datetime) -> Held | None:
    """All of these, or none (None): another holder is still at work with one of them."""
    ordered = sorted(set(names))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TAKE, {"names": ordered, "holder": holder, "now": now, "until": now + HOLD})
        got = dict(cursor.fetchall())
        if len(got) < len(ordered):
            transaction.set_rollback(True)
            return None
    return Held(holder, tuple((name, got[name]) for name in names))


def free_dead(name: str) -> bool:
    """Free everything held by the process that holds this, if it has died. True if so."""
    holder = Lease.objects.filter(name=name).values_list("holder", flat=True).first()
    if not holder or not is_dead(holder):
        return False
    Lease.objects.filter(holder=holder).update(holder="")
    return True


def renew(held: Held, *, now: datetime) -> None:
    """Raises LeaseLost where one of them has gone to somebody else."""
    with transaction.atomic():
        _lock(held)
        Lease.objects.filter(name__in=[name for name, _ in held.epochs]).update(until=now + HOLD)


def release(held: Held) -> None:
    """Let the next one in. Those that are not ours any more stay as they are."""
    for name, epoch in held.epochs:
        Lease.objects.filter(name=name, epoch=epoch).update(holder="")


@contextmanager
def fenced(held: Held) -> Iterator[None]:
    """A transaction in which everything is stored under the leases, or nothing (raises LeaseLost)."""
    with transaction.atomic():
        _lock(held)
        yield


def _lock(held: Held) -> None:
    """Nobody takes them over until this transaction ends."""
    names = [name for name, _ in held.epochs]
    now = dict(Lease.objects.select_for_update().filter(name__in=names).order_by("name").values_list("name", "epoch"))
    if any(now.get(name) != epoch for name, epoch in held.epochs):
        raise LeaseLost(", ".join(names))
