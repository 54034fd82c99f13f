"""How often a stream is looked at: more often while it changes, less often while it is quiet, within bounds.

Pure arithmetic in seconds. The reason travels with the result, since people are told it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from math import ceil

QUIET_FACTOR = 10
"""What has not changed for ten minutes is looked at every minute."""
SAFETY_NET = 300.0
"""Where the app tells of changes by itself, looks only find what it forgot to tell: twice within the ten minutes of
rule 10.1."""
MOST_OF_THE_TIME = 0.2
"""Looks that take long fill at most this share of the time."""
SPREAD = 0.2
"""Streams of one interval come apart by up to this share of it."""
DAY = 86_400.0


class PaceReason(StrEnum):
    CHANGING = "changing"
    """Something has changed lately."""
    QUIET = "quiet"
    NOTICES = "notices"
    """The app tells of changes by itself."""
    QUOTA = "quota"
    """The requests of a day have to last."""
    LONG_LOOK = "long_look"
    APP = "app"
    """The connector asks for no more."""
    FIXED = "fixed"
    """Somebody has set it."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds, of the plan and the operator."""

    shortest: float
    longest: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a stream."""

    quiet_for: float | None = None
    """Seconds since something was new in it; None: nobody knows."""
    tells: bool = False
    """The app tells of its changes by itself, and did so for the latest."""
    takes: float = 0.0
    """Seconds that the last pass over it took."""
    least: float = 0.0
    """Seconds that the connector wants between two looks."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an app allows in a day, as far as it is meant for looks."""

    requests: float
    """Left for looks until the day ends."""
    ends_in: float
    """Seconds until there are new ones."""
    a_round: int
    """Requests that one look at each stream of the account takes."""

    @property
    def interval(self) -> float:
        """Seconds between two rounds so that they last until the day ends."""
        if self.requests < self.a_round:
            return max(self.ends_in, 1.0)
        return self.ends_in * self.a_round / self.requests


@dataclass(frozen=True, slots=True)
class Pace:
    seconds: int
    reason: PaceReason

    def is_near(self, other: Pace | None) -> bool:
        """So little apart that the difference is not worth noting."""
        return (
            other is not None
            and self.reason is other.reason
            and abs(self.seconds - other.seconds) * 10 <= other.seconds
        )

    def to_json(self) -> dict[str, object]:
        return {"seconds": self.seconds, "reason": self.reason.value}

    @classmethod
    def from_json(cls, data: dict[str, object]) -> Pace | None:
        """None for what is empty or of another version."""
        seconds, reason = data.get("seconds"), data.get("reason")
        if not isinstance(seconds, int) or reason not in PaceReason._value2member_map_:
            return None
        return cls(seconds, PaceReason(str(reason)))


def pace_of(seen: Seen, bounds: Bounds, allowance: Allowance | None = None) -> Pace:
    """Seconds from one look to the next. What the app demands goes beyond the bounds, never below them."""
    found = _wished(seen, bounds)
    demands = [
        (seen.least, PaceReason.APP),
        (seen.takes / MOST_OF_THE_TIME, PaceReason.LONG_LOOK),
        (allowance.interval if allowance else 0.0, PaceReason.QUOTA),
    ]
    for seconds, reason in demands:
        if seconds > found.seconds:
            found = Pace(ceil(seconds), reason)
    return found


def _wished(seen: Seen, bounds: Bounds) -> Pace:
    shortest, longest = ceil(bounds.shortest), ceil(max(bounds.longest, bounds.shortest))
    if seen.tells:
        return Pace(max(ceil(SAFETY_NET), longest), PaceReason.NOTICES)
    if seen.quiet_for is None:
        return Pace(longest, PaceReason.QUIET)
    # By doubling, so that a stream which stays quiet is not noted anew at each look.
    seconds = shortest
    while seconds < longest and seconds * 2 * QUIET_FACTOR <= seen.quiet_for:
        seconds *= 2
    if seconds == shortest:
        return Pace(shortest, PaceReason.CHANGING)
    return Pace(min(seconds, longest), PaceReason.QUIET)


def spread(seconds: float, name: str) -> float:
    """The interval for this stream: shorter by a share that follows from its name alone, so that streams which began
    together do not stay together."""
    number = int.from_bytes(blake2b(name.encode(), digest_size=4).digest())
    return seconds * (1 - SPREAD * number / 0xFFFFFFFF)
