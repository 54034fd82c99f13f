"""One rate budget an account, shared by all workers and syncs (rule 10.5).

What is known of an account is one row; whoever takes reserves turns under its lock and waits until they come, so that
nobody asks twice. The arithmetic is that of `rates`. All times are the database's own, so that clocks of several
machines need not agree.

An app that says "too fast" although its published limit is kept shares it with somebody else: from then on only a
*share* of the limit is used, which grows back with time. A part is kept for fresh edits: a bulk pass leaves it alone,
so that an edit goes ahead of it however busy the account is; of the day's quota, too.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from . import rates
from .contract import QuotaUsedUp, RateLimited
from .desk import Desk, desk_here
from .models import RateBudget
from .rates import FRESH_AHEAD, LEAST_SHARE, RESERVE, Known, Lane, Rate

__all__ = ["CUT", "LEAST_SHARE", "LONGEST_WAIT", "RESERVE", "Budget", "Lane", "Rate", "quota_left"]

LONGEST_WAIT = FRESH_AHEAD
PAUSE = 10.0
"""Seconds to pause where the app says "too fast" and not for how long."""
LONGEST_PAUSE = 3600.0
CUT = 0.7
"""What is left of the share each time the app says "too fast"."""
STALE = 1.0
"""Seconds for which a turn that has come may be used."""
FROZEN = 5.0
"""Whoever wakes so much later than its turn came was frozen: others may have taken over its work."""

_LOCK = """
SELECT used_until, paused_until, share, slowed_at, sent, day_left, day_ends, clock_timestamp(),
       set_config('synchronous_commit', 'off', TRUE)
  FROM connectors_ratebudget WHERE account_id = %s FOR UPDATE
"""
"""Until the transaction ends nobody else reserves. It need not wait for the disk: what a database that crashed has
forgotten of the last moment is made up for by the time that it takes to start."""
_MAKE = """
INSERT INTO connectors_ratebudget (account_id, used_until) VALUES (%s, to_timestamp(0)) ON CONFLICT DO NOTHING
"""
_PAUSED = """
SELECT EXTRACT(EPOCH FROM paused_until - clock_timestamp()) FROM connectors_ratebudget WHERE account_id = %s
"""


@dataclass(frozen=True, slots=True)
class Expected:
    """A turn that was reserved for whoever comes next; `at` by this machine's own steady clock."""

    at: float


class Budget:
    """The budget of one account, as one worker sees it. None as `rate`: the app sets no limit.

    May be asked in any thread; the database is asked in the one that made it (see `desk`).
    """

    def __init__(
        self,
        account_id: int,
        rate: Rate | None,
        *,
        lane: Lane = Lane.FRESH,
        per_day: int | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rate = rate
        self._account_id = account_id
        self._lane = lane
        self._per_day = per_day
        self._sleep = sleep
        self._desk: Desk = desk_here()
        self._looked = False
        self._expected: deque[Expected] = deque()
        self._paused_until = 0.0
        self._waits = threading.local()

    @property
    def waited(self) -> float:
        """Seconds that this thread has waited for its turns so far."""
        return float(getattr(self._waits, "total", 0.0))

    def take(self, requests: int = 1) -> None:
        """Wait for the turn of so many requests. Raises RateLimited (nothing taken) over `LONGEST_WAIT`."""
        if self.rate is None and self._per_day is None:
            self._look_once()
            return
        at = self._turn_expected() if requests == 1 else None
        if at is not None:
            self._wait_until(at)
            return
        wait = self._desk.ask(lambda: self._reserve(requests))
        while wait > self._lane.ahead:
            # Not reserved yet: others may go ahead until then.
            self._wait(wait - self._lane.ahead)
            wait = self._desk.ask(lambda: self._reserve(requests))
        if wait > 0:
            self._wait_until(time.monotonic() + wait)
            self._desk.ask(self._wait_for_pause)

    def expect(self) -> None:
        """Reserve a turn for whoever takes next, as far as that can be done now: called in the thread at the desk,
        which will have other things to do when the turn comes."""
        if self.rate is None or self._paused_until > time.monotonic():
            return
        try:
            wait = self._reserve(1)
        except RateLimited:
            return  # Whoever takes is told.
        if wait <= self._lane.ahead:
            self._expected.append(Expected(time.monotonic() + wait))

    def slow_down(self, after: float | None) -> None:
        """Everyone pauses for `after` seconds."""
        pause = min(max(PAUSE if after is None else after, 0.0), LONGEST_PAUSE)
        self._paused_until = max(self._paused_until, time.monotonic() + pause)
        self._desk.ask(lambda: self._slow_down(pause))
        self._looked = False

    def remaining(self, requests: int, resets_after: float | None = None) -> None:
        """The app told how many requests of the day's quota are left, and in how many seconds a new day begins."""
        self._desk.ask(lambda: self._note_quota(max(0, requests), resets_after))

    # --- Waiting ---------------------------------------------------------------------------------------------

    def _turn_expected(self) -> float | None:
        while self._expected:
            try:
                turn = self._expected.popleft()
            except IndexError:
                return None
            if turn.at > time.monotonic() - STALE and turn.at >= self._paused_until:
                return turn.at
        return None

    def _wait_until(self, at: float) -> None:
        """Raises RateLimited where that is long over: whoever was frozen meanwhile sends nothing more."""
        began = time.monotonic()
        if at > began:
            self._wait(at - began)
        late = time.monotonic() - max(at, began)
        if late > FROZEN:
            raise _too_long(0.0)

    def _wait(self, seconds: float) -> None:
        self._sleep(seconds)
        self._waits.total = self.waited + seconds

    def _look_once(self) -> None:
        """An app without a limit may have asked for a pause all the same: looked up once a run, no more."""
        if not self._looked:
            self._looked = True
            self._desk.ask(self._wait_for_pause)

    def _wait_for_pause(self) -> None:
        """The app may have said "too fast" to somebody else, before this run or while this one waited."""
        with connection.cursor() as cursor:
            cursor.execute(_PAUSED, [self._account_id])
            row = cursor.fetchone()
        wait = float(row[0]) if row is not None and row[0] is not None else 0.0
        if wait > LONGEST_WAIT:
            raise _too_long(wait)
        if wait > 0:
            self._wait(wait)

    # --- What is known, in the database --------------------------------------------------------------------------

    def _reserve(self, requests: int) -> float:
        """Seconds until the turn of these. Longer than the lane's `ahead`: nothing is reserved. Raises RateLimited."""
        with transaction.atomic():
            known, now = self._locked()
            known = rates.of_today(known, now=now, per_day=self._per_day)
            quota = rates.wait_for_quota(known, now=now, requests=requests, per_day=self._per_day, lane=self._lane)
            if quota > 0:
                raise _used_up_today(quota)
            turn = rates.reserve(known, now=now, requests=requests, rate=self.rate, lane=self._lane)
            if turn.wait <= self._lane.ahead:
                left = turn.then.day_left
                self._keep(replace(turn.then, day_left=left - requests if left is not None else None))
        if turn.wait > LONGEST_WAIT:
            raise _too_long(turn.wait)
        return turn.wait

    def _slow_down(self, pause: float) -> None:
        with transaction.atomic():
            known, now = self._locked()
            self._keep(rates.slow_down(known, now=now, pause=pause, cut=CUT, rate=self.rate))

    def _note_quota(self, requests: int, resets_after: float | None) -> None:
        with transaction.atomic():
            known, now = self._locked()
            known = rates.of_today(known, now=now, per_day=self._per_day)
            ends = known.day_ends or now + rates.DAY
            self._keep(replace(known, day_left=requests, day_ends=ends if resets_after is None else now + resets_after))

    def _locked(self) -> tuple[Known, float]:
        """What is known, until the transaction ends; and the time by the database."""
        with connection.cursor() as cursor:
            cursor.execute(_LOCK, [self._account_id])
            row = cursor.fetchone()
            if row is None:
                cursor.execute(_MAKE, [self._account_id])
                cursor.execute(_LOCK, [self._account_id])
                row = cursor.fetchone()
        return _known(row), row[7].timestamp()

    def _keep(self, known: Known) -> None:
        RateBudget.objects.filter(pk=self._account_id).update(
            used_until=_time(known.used_until),
            paused_until=_time(known.paused_until) if known.paused_until else None,
            share=known.share,
            slowed_at=_time(known.slowed_at) if known.slowed_at is not None else None,
            sent=[[round(at * 1000), number] for at, number in known.sent],
            day_left=known.day_left,
            day_ends=_time(known.day_ends) if known.day_ends else None,
        )


def day_left(account_id: int, per_day: int, now: datetime) -> tuple[float, float]:
    """(requests that may still be sent today, seconds until a new day begins) of an app that allows so many a day."""
    today = rates.of_today(_known_of_day(account_id), now=now.timestamp(), per_day=per_day)
    return float(today.day_left or 0), today.day_ends - now.timestamp()


def quota_left(account_id: int, per_day: int | None, now: datetime) -> float | None:
    """Which part of the day's quota of requests is left (0 to 1); None where the app has none."""
    if per_day is None:
        return None
    return rates.left_of_day(_known_of_day(account_id), now=now.timestamp(), per_day=per_day)


def _known_of_day(account_id: int) -> Known:
    """What is known of the account's quota, without a lock."""
    row = RateBudget.objects.filter(pk=account_id).values_list("day_left", "day_ends").first()
    left, ends = row if row is not None else (None, None)
    return Known(day_left=left, day_ends=ends.timestamp() if ends is not None else 0.0)


def _known(row: Any) -> Known:
    used_until, paused_until, share, slowed_at, sent, day_left, day_ends = row[:7]
    return Known(
        used_until=used_until.timestamp(),
        paused_until=paused_until.timestamp() if paused_until is not None else 0.0,
        share=share,
        slowed_at=slowed_at.timestamp() if slowed_at is not None else None,
        sent=tuple((at / 1000, number) for at, number in _list(sent)),
        day_left=day_left,
        day_ends=day_ends.timestamp() if day_ends is not None else 0.0,
    )


def _list(sent: Any) -> list[tuple[int, int]]:
    """A column of JSON comes as text where it is not asked for through the ORM."""
    return json.loads(sent) if isinstance(sent, str) else sent


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _too_long(after: float) -> RateLimited:
    return RateLimited(_("The requests that this account allows are used up for the moment."), after=after)


def _used_up_today(after: float) -> QuotaUsedUp:
    return QuotaUsedUp(_("The requests that this account allows in a day are used up for now."), after=after)
