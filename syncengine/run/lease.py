"""One holder at a time, and a fence against those that were replaced without noticing (rule 10.5)."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psutil
from django.db import connection, transaction
from django.db.models import F, QuerySet

from ..models import Lease

HOLD = timedelta(seconds=60)
"""Longer than one request may take: a holder renews it before each."""
KEPT = timedelta(seconds=10)
"""For so long after a renewal nobody else can have taken a lease, and asking for it again would tell nothing."""
SAME_START = 3
"""Seconds by which the start of one process may seem to differ."""

_TAKE = """
INSERT INTO syncengine_lease AS lease (name, epoch, holder, until, deaths, wanted)
SELECT name, 1, %(holder)s, %(until)s, 0, FALSE FROM unnest(%(names)s::text[]) AS name
ON CONFLICT (name) DO UPDATE
   SET epoch = lease.epoch + 1, holder = %(holder)s, until = %(until)s, wanted = FALSE,
       deaths = CASE WHEN lease.holder = '' THEN lease.deaths ELSE lease.deaths + 1 END
 WHERE lease.until <= %(now)s OR lease.holder = ''
RETURNING name, epoch, deaths
"""

_EPOCHS = "SELECT name, epoch FROM syncengine_lease WHERE name = ANY(%s)"
"""Asked around everything that is stored or sent: written out, since the ORM would take longer than the database."""

_RELEASE = """
WITH held AS (
    SELECT lease.name
      FROM syncengine_lease AS lease
      JOIN unnest(%(names)s::text[], %(epochs)s::bigint[]) AS ours (name, epoch) USING (name, epoch)
     ORDER BY lease.name FOR UPDATE OF lease
)
UPDATE syncengine_lease AS lease SET holder = '', deaths = %(deaths)s
  FROM held WHERE lease.name = held.name
RETURNING lease.wanted
"""
"""Whoever locks several leases does so in the order of their names: two who meet wait, and do not block each other."""


def lease_name(sync: int) -> str:
    """Of the right to be the one writer of this sync."""
    return f"sync:{sync}"


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
        # The start is reckoned from the time of boot, which moves a little when the clock is set.
        same = abs(process.create_time() - int(began)) < SAME_START
        return not same or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class LeaseLost(Exception):
    """Somebody else holds it now: store nothing, send nothing more."""


@dataclass(slots=True)
class Held:
    """Leases held together, each with the epoch under which it was taken."""

    holder: str
    epochs: tuple[tuple[str, int], ...]
    deaths: int = 0
    """Holders of the first name that died one after another before this one, since something was achieved."""
    renewed_at: datetime | None = None

    @property
    def epoch(self) -> int:
        """Of the first name: what operations are stamped with."""
        return self.epochs[0][1]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.epochs]


def take(names: Sequence[str], *, holder: str, now: datetime) -> Held | None:
    """All of these, or none (None): another holder is still at work with one of them, and is told to let us in."""
    ordered = sorted(set(names))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TAKE, {"names": ordered, "holder": holder, "now": now, "until": now + HOLD})
        got = {name: (epoch, deaths) for name, epoch, deaths in cursor.fetchall()}
        if len(got) < len(ordered):
            transaction.set_rollback(True)
    if len(got) < len(ordered):
        _update(Lease.objects.filter(name__in=set(ordered) - set(got)), wanted=True)
        return None
    return Held(holder, tuple((name, got[name][0]) for name in names), got[names[0]][1], now)


def free_dead(name: str) -> bool:
    """Free everything held by the process that holds this, if it has died. True if so."""
    holder = Lease.objects.filter(name=name).values_list("holder", flat=True).first()
    if not holder or not is_dead(holder):
        return False
    _update(Lease.objects.filter(holder=holder), holder="", deaths=F("deaths") + 1)
    return True


def free_own(name: str) -> None:
    """Free everything that this process holds, if it holds this. For one that is at work with nothing any more."""
    ours = this_process()
    if Lease.objects.filter(name=name, holder=ours).exists():
        _update(Lease.objects.filter(holder=ours), holder="")


def renew(held: Held, *, now: datetime) -> None:
    """Raises LeaseLost where one of them has gone to somebody else."""
    with transaction.atomic():
        _lock(held)
        Lease.objects.filter(name__in=held.names).update(until=now + HOLD)
    held.renewed_at = now


def keep(held: Held, *, now: datetime) -> None:
    """Renew them if it is time. What is stored is fenced all the same. Raises LeaseLost as `renew` does."""
    if held.renewed_at is None or not timedelta(0) <= now - held.renewed_at < KEPT:
        renew(held, now=now)


def check(held: Held) -> None:
    """Just before a request is sent. Raises LeaseLost where one of them has gone to somebody else."""
    _compare(held, _EPOCHS)


def release(held: Held, *, deaths: int = 0) -> bool:
    """Let the next one in: True if somebody waits for it. Those that are not ours any more stay as they are."""
    params = {"names": held.names, "epochs": [epoch for _, epoch in held.epochs], "deaths": deaths}
    with connection.cursor() as cursor:
        cursor.execute(_RELEASE, params)
        return any(wanted for (wanted,) in cursor.fetchall())


@contextmanager
def fenced(held: Held) -> Iterator[None]:
    """A transaction in which everything is stored under the leases, or nothing (raises LeaseLost)."""
    with transaction.atomic():
        _lock(held)
        yield


def achieved(held: Held) -> None:
    """Within `fenced`: what is stored need not be done again, so that a death from now on counts as the first."""
    if held.deaths:
        Lease.objects.filter(name=held.names[0]).update(deaths=0)
        held.deaths = 0


def _lock(held: Held) -> None:
    """Nobody takes them over until this transaction ends."""
    _compare(held, f"{_EPOCHS} ORDER BY name FOR UPDATE")


def _update(leases: QuerySet[Lease], **changes: Any) -> None:
    with transaction.atomic():
        names = list(leases.select_for_update().order_by("name").values_list("name", flat=True))
        Lease.objects.filter(name__in=names).update(**changes)


def _compare(held: Held, sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, [held.names])
        now = dict(cursor.fetchall())
    if any(now.get(name) != epoch for name, epoch in held.epochs):
        raise LeaseLost(", ".join(held.names))
