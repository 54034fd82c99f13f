"""One rate budget an account, shared by all workers and syncs (rule 10.5).

A token bucket kept as one time: `used_until` is when the last granted request would have its turn if
requests were sent evenly. A request may be sent up to `burst` turns ahead of that. Whoever takes reserves
turns by one statement and waits until they come, so that nobody asks twice and nobody is overtaken. All
times are the database's own, so that clocks of several machines need not agree.

An app that says "too fast" although its published limit is kept shares it with somebody else: from then on only a
*share* of the limit is used, which grows back with time. A part of the burst is kept for fresh edits: a bulk pass
leaves it alone, so that an edit goes ahead of it however busy the account is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from django.db import connection
from django.utils.translation import gettext as _

from .contract import RateLimited

LONGEST_WAIT = 15.0
"""Seconds that a worker waits for its turn; longer, and it does something else meanwhile."""
PAUSE = 10.0
"""Seconds to pause where the app says "too fast" and not for how long."""
LONGEST_PAUSE = 3600.0
CUT = 0.7
"""What is left of the share each time the app says "too fast"."""
LEAST_SHARE = 0.1
RECOVERY = 0.1 / 60
"""Of the published limit, a second: three minutes after one "too fast" the whole of it is used again."""
RESERVE = 0.2
"""Of the burst: kept for fresh edits."""


class Lane(Enum):
    """Who asks."""

    FRESH = "fresh"
    """What people edited just now, and what they wait for."""
    BULK = "bulk"
    """A pass over all records."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What an app allows: so many requests a second, and a burst of them at once."""

    per_second: float
    burst: int

    @property
    def turn(self) -> float:
        """Seconds from one request to the next."""
        return 1 / self.per_second

    @property
    def head_start(self) -> float:
        """Seconds by which a request may be sent before its turn."""
        return self.burst * self.turn

    def head_start_of(self, lane: Lane) -> float:
        """Bulk leaves the reserve alone, as far as the burst is large enough to have one."""
        kept = int(self.burst * RESERVE) if lane is Lane.BULK else 0
        return (self.burst - kept) * self.turn


def reserve(*, used_until: float, now: float, requests: int, rate: Rate) -> tuple[float, float]:
    """(the new `used_until`, seconds to wait): the arithmetic that `TAKE` does in SQL."""
    used = max(used_until, now) + requests * rate.turn
    return used, max(0.0, used - rate.head_start - now)


SHARE = f"""
LEAST(1, budget.share + {RECOVERY} * COALESCE(GREATEST(0, EXTRACT(EPOCH FROM statement_timestamp() - budget.slowed_at)),
                                          0))
"""
"""Of the published limit that is used now."""

TAKE = f"""
INSERT INTO connectors_ratebudget AS budget (account_id, used_until)
VALUES (%(account)s, statement_timestamp() + make_interval(secs => %(cost)s))
ON CONFLICT (account_id) DO UPDATE
SET used_until = GREATEST(budget.used_until, statement_timestamp()) + make_interval(secs => %(cost)s / ({SHARE}))
WHERE GREATEST(
        GREATEST(budget.used_until, statement_timestamp())
            + make_interval(secs => %(cost)s / ({SHARE}) - %(head_start)s),
        budget.paused_until
      ) <= statement_timestamp() + make_interval(secs => %(longest)s)
RETURNING EXTRACT(EPOCH FROM
    GREATEST(used_until - make_interval(secs => %(head_start)s), paused_until) - statement_timestamp())
"""
"""Answers the seconds to wait, or no row (and takes nothing) where that would be too long."""

WAITING = """
SELECT EXTRACT(EPOCH FROM
    GREATEST(used_until - make_interval(secs => %(head_start)s), paused_until) - statement_timestamp())
FROM connectors_ratebudget WHERE account_id = %(account)s
"""

PAUSED = """
SELECT EXTRACT(EPOCH FROM paused_until - statement_timestamp())
FROM connectors_ratebudget WHERE account_id = %(account)s
"""

SLOW_DOWN = f"""
INSERT INTO connectors_ratebudget AS budget (account_id, used_until, paused_until, share, slowed_at)
VALUES (%(account)s, statement_timestamp() + make_interval(secs => %(pause)s + %(whole_head_start)s),
        statement_timestamp() + make_interval(secs => %(pause)s), {CUT},
        statement_timestamp() + make_interval(secs => %(pause)s))
ON CONFLICT (account_id) DO UPDATE
SET used_until = GREATEST(budget.used_until, EXCLUDED.used_until),
    paused_until = GREATEST(budget.paused_until, EXCLUDED.paused_until),
    share = CASE WHEN budget.paused_until > statement_timestamp() THEN budget.share
                 ELSE GREATEST({LEAST_SHARE}, ({SHARE}) * {CUT}) END,
    slowed_at = GREATEST(budget.slowed_at, EXCLUDED.slowed_at)
"""
"""The pause also spends the burst: after it, requests go out one by one. What was under way when the app said so,
and is told the same, says nothing new: the share is cut once a pause."""


class Budget:
    """The budget of one account, as one worker sees it. None as `rate`: the app sets no limit."""

    def __init__(
        self,
        account_id: int,
        rate: Rate | None,
        *,
        lane: Lane = Lane.FRESH,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._account_id = account_id
        self._lane = lane
        self._rate = rate
        self._sleep = sleep
        self._looked = False

    def take(self, requests: int = 1) -> None:
        """Wait for the turn of so many requests. Raises RateLimited (nothing taken) over `LONGEST_WAIT`."""
        if self._rate is None:
            self._look_once()
            return
        wait = self._query(TAKE, cost=requests * self._rate.turn, longest=LONGEST_WAIT)
        if wait is None:
            raise _too_long(self._query(WAITING) or LONGEST_WAIT)
        if wait > 0:
            self._sleep(wait)
            self._wait_for_pause()

    def slow_down(self, after: float | None) -> None:
        """Everyone pauses for `after` seconds."""
        pause = min(max(PAUSE if after is None else after, 0.0), LONGEST_PAUSE)
        with connection.cursor() as cursor:
            cursor.execute(SLOW_DOWN, self._arguments(pause=pause))
        self._looked = False

    def _look_once(self) -> None:
        """An app without a limit may have asked for a pause all the same: looked up once a run, no more."""
        if not self._looked:
            self._looked = True
            self._wait_for_pause()

    def _wait_for_pause(self) -> None:
        """The app may have said "too fast" to somebody else, before this run or while this one waited."""
        wait = self._query(PAUSED)
        if wait is not None and wait > LONGEST_WAIT:
            raise _too_long(wait)
        if wait is not None and wait > 0:
            self._sleep(wait)

    def _query(self, sql: str, **arguments: float) -> float | None:
        with connection.cursor() as cursor:
            cursor.execute(sql, self._arguments(**arguments))
            row = cursor.fetchone()
        return None if row is None or row[0] is None else float(row[0])

    def _arguments(self, **arguments: float) -> dict[str, float]:
        own, whole = (self._rate.head_start_of(self._lane), self._rate.head_start) if self._rate else (0.0, 0.0)
        return {"account": self._account_id, "head_start": own, "whole_head_start": whole, **arguments}


def _too_long(after: float) -> RateLimited:
    return RateLimited(_("The requests that this account allows are used up for the moment."), after=after)
