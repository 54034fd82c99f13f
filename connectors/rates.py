"""How fast an account may be asked: the arithmetic of its budget, without a database or a clock.

Two kinds of limit are kept exactly. A *bucket* fills at a rate, and what is not used adds up to a burst: kept as one
time, `used_until`, when the last granted request would have its turn if they were sent evenly. A *window* allows so
many requests in any so many seconds: the times of the latest are kept, and a request has its turn when the oldest one
that counts has left the window. So what was not used while we did something else is made up for afterwards, which a
bucket that never exceeds the window could not do; and a window is used almost to its end without being exceeded.

Beside both, a day has a quota. Times are seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

LEAST_SHARE = 0.1
RECOVERY = 0.1 / 60
"""Of the published limit, a second: three minutes after one "too fast" the whole of it is used again."""
RESERVE = 0.2
"""Of a burst: kept for fresh edits."""
WINDOW_RESERVE = 0.02
"""Of a window, which has nothing to spare while a bulk pass goes on: fresh edits also go ahead by `BULK_AHEAD`."""
MARGIN = 0.015
"""Of a window: two requests may come to the app closer to each other than they were sent."""
CATCH_UP = 1.0
"""Seconds of even sending that a bulk pass may make up for at once."""
CELLS = 100
"""A window's requests are remembered by so many parts of it."""
BULK_AHEAD = 1.0
"""Seconds ahead in which all bulk passes together may have reserved turns: a fresh edit waits no longer than that."""
FRESH_AHEAD = 15.0
"""Seconds that a worker waits for its turn; longer, and it does something else meanwhile."""
DAY = 86400.0
DAY_RESERVE = 0.3
"""Of the day's quota: kept for fresh edits when the day begins, and less and less as it goes by."""


class Lane(Enum):
    """Who asks."""

    FRESH = "fresh"
    """What people edited just now, and what they wait for."""
    BULK = "bulk"
    """A pass over all records."""

    @property
    def ahead(self) -> float:
        """Seconds by which a turn may be reserved before it comes."""
        return BULK_AHEAD if self is Lane.BULK else FRESH_AHEAD


@dataclass(frozen=True, slots=True)
class Rate:
    """What an app allows: so many requests a second on the average, and a burst of them at once."""

    per_second: float
    burst: int
    window: float | None = None
    """Seconds over which the app counts: in any of these, `per_second` times as many, at once or evenly."""

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

    def in_window(self, lane: Lane, share: float = 1.0) -> int:
        """Requests that this lane may have in a window."""
        assert self.window is not None
        most = max(1, int(self.per_second * self.window * share + 1e-6))
        kept = max(1, round(most * WINDOW_RESERVE)) if lane is Lane.BULK and most >= 10 else 0
        return most - kept


@dataclass(frozen=True, slots=True)
class Known:
    """What all workers together know of one account."""

    used_until: float = 0.0
    """Of a bucket: see above. Of a window: when the next turn of a bulk pass comes, sent evenly."""
    paused_until: float = 0.0
    share: float = 1.0
    """Of the published limit, at `slowed_at`; it grows back from then on."""
    slowed_at: float | None = None
    sent: tuple[tuple[float, int], ...] = ()
    """Of a window: (time of a turn, requests), by time."""
    day_left: int | None = None
    """Requests left of the day's quota."""
    day_ends: float = 0.0

    def share_at(self, now: float) -> float:
        grown = RECOVERY * max(0.0, now - self.slowed_at) if self.slowed_at is not None else 0.0
        return min(1.0, self.share + grown)


@dataclass(frozen=True, slots=True)
class Turn:
    """When so many requests may be sent, and what is known once they are reserved."""

    wait: float
    """Seconds from now."""
    then: Known


def reserve(known: Known, *, now: float, requests: int, rate: Rate | None, lane: Lane = Lane.FRESH) -> Turn:
    """The next turn of so many requests by the rate; nobody is overtaken but by a fresh edit."""
    if rate is None:
        return Turn(max(0.0, known.paused_until - now), known)
    if rate.window is None:
        return _of_bucket(known, now, requests, rate, lane)
    return _of_window(known, now, requests, rate, lane)


def _of_bucket(known: Known, now: float, requests: int, rate: Rate, lane: Lane) -> Turn:
    used = max(known.used_until, now) + requests * rate.turn / known.share_at(now)
    at = max(used - rate.head_start_of(lane), known.paused_until)
    return Turn(max(0.0, at - now), replace(known, used_until=used))


def _of_window(known: Known, now: float, requests: int, rate: Rate, lane: Lane) -> Turn:
    """At the first time at which all that were sent in the window before it, or have a turn later, leave room.

    So no window holds too many, whoever reserves next: of the requests in a window, look at the last one that was
    reserved; all the others were counted then.
    """
    assert rate.window is not None
    span = rate.window * (1 + MARGIN)
    most = rate.in_window(lane, known.share_at(now))
    requests = min(requests, most)
    sent = [one for one in known.sent if one[0] > now - span]
    at, total = max(now, known.paused_until), 0
    for time, number in reversed(sent):
        total += number
        if total > most - requests:
            at = max(at, time + span)
            break
    used = known.used_until
    if lane is Lane.BULK:
        even = max(used, now - CATCH_UP)
        at = max(at, even)
        used = max(even, at - CATCH_UP) + requests * span / most
    return Turn(at - now, replace(known, used_until=used, sent=_with(sent, at, requests, span / CELLS)))


def _with(sent: list[tuple[float, int]], at: float, requests: int, cell: float) -> tuple[tuple[float, int], ...]:
    """Those of one cell count from the last of them, so that what is kept stays small and errs on the safe side."""
    same = [one for one in sent if one[0] // cell == at // cell]
    rest = [one for one in sent if one[0] // cell != at // cell]
    merged = (max(at, *(time for time, _ in same), at), requests + sum(number for _, number in same))
    return tuple(sorted([*rest, merged]))


def slow_down(known: Known, *, now: float, pause: float, cut: float, rate: Rate | None) -> Known:
    """The app said "too fast": everyone pauses, and a smaller share of the limit is used from then on.

    The pause also spends the burst: after it, requests go out one by one. What was under way when the app said so,
    and is told the same, says nothing new: the share is cut once a pause.
    """
    head_start = rate.head_start if rate is not None and rate.window is None else 0.0
    paused = known.paused_until > now
    return replace(
        known,
        used_until=max(known.used_until, now + pause + head_start),
        paused_until=max(known.paused_until, now + pause),
        share=known.share if paused else max(LEAST_SHARE, known.share_at(now) * cut),
        slowed_at=max(known.slowed_at or 0.0, now + pause),
    )


# --- The day's quota -----------------------------------------------------------------------------------------


def of_today(known: Known, *, now: float, per_day: int | None) -> Known:
    """With the quota of a new day where the last one is over. None as `per_day`: nothing is known of a quota."""
    if known.day_left is None and per_day is None:
        return known
    if known.day_left is None or now >= known.day_ends:
        left = per_day if per_day is not None else None
        return replace(known, day_left=left, day_ends=now + DAY)
    return known


def wait_for_quota(known: Known, *, now: float, requests: int, per_day: int | None, lane: Lane) -> float:
    """Seconds until the day's quota has room for these (0: now). `known` is of today.

    A bulk pass leaves a part of it to fresh edits, as large as the rest of the day: so it is spread over the day once
    it has taken the rest.
    """
    if known.day_left is None:
        return 0.0
    rest = max(0.0, known.day_ends - now)
    if known.day_left < requests:
        return rest
    if lane is Lane.FRESH or per_day is None:
        return 0.0
    spare = (known.day_left - requests) / (per_day * DAY_RESERVE) * DAY
    return min(rest, max(0.0, rest - spare))


def left_of_day(known: Known, *, now: float, per_day: int | None) -> float | None:
    """Which part of the day's quota is left (0 to 1); None where there is none, or nothing is known of it."""
    today = of_today(known, now=now, per_day=per_day)
    if per_day is None or today.day_left is None:
        return None
    return min(1.0, max(0.0, today.day_left / per_day))
