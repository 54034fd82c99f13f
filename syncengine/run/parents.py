"""The syncs of an account pair run parents first, so that what refers to a record finds it (rule 7.5)."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..core.mapping import Side
from ..core.topology import rank
from ..models import Lease, RunState, Sync, SyncRun, SyncState
from .associations import syncs_between
from .lease import HOLD, lease_name

LOOK_AGAIN = timedelta(seconds=3)
PATIENCE = timedelta(minutes=2)
"""Without a sign of life for so long, parents are not waited for: their children's associations follow later."""


def come_first(sync: Sync, now: datetime) -> bool:
    """True while a sync of parents, in its first run as this one is, gets on well.

    Ranks are a strict order, so that no two ever wait for each other.
    """
    if sync.initial_done:
        return False
    ours = _rank(sync)
    parents = [
        one.pk
        for one in syncs_between(*(sync.pair.stream(side).object.account_id for side in Side))
        if one.state == SyncState.ON and not (one.initial_done or one.attention or one.setbacks) and _rank(one) < ours
    ]
    return bool(parents) and _lives(parents, now)


def _rank(sync: Sync) -> int:
    """Of the two kinds of a sync the later one: persons may be contacts on one side and leads on the other."""
    return max(rank(sync.pair.stream(side).object.kind) for side in Side)


def _lives(syncs: list[int], now: datetime) -> bool:
    """One of them was at work, or was started, not long ago."""
    names = [lease_name(pk) for pk in syncs]
    at_work = Lease.objects.filter(name__in=names, until__gt=now + HOLD - PATIENCE)
    started = SyncRun.objects.filter(sync__in=syncs, state=RunState.RUNNING, started_at__gt=now - PATIENCE)
    return at_work.exists() or started.exists()
