"""A far end that counts requests in a sliding window, as a vendor does, and takes its time to answer."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from connectors.contract import Environment, Outcome, Page, RateLimited, Write
from tests.bench.far_end import FarClient, FarConnector, FarEnd


@dataclass(slots=True)
class Window:
    """At most `requests` in any `seconds`. What arrived when, and what was refused."""

    requests: int
    seconds: float
    latency: float
    answered: list[tuple[float, str]] = field(default_factory=list)
    """(time of arrival, method) of all that was answered."""
    refused: int = 0
    most_at_once: int = 0
    _now: int = 0
    _recent: deque[float] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def arrive(self, method: str) -> None:
        """Raises RateLimited where the window is full."""
        with self._lock:
            now = time.monotonic()
            while self._recent and self._recent[0] <= now - self.seconds:
                self._recent.popleft()
            if len(self._recent) >= self.requests:
                self.refused += 1
                raise RateLimited("Too fast.")
            self._recent.append(now)
            self.answered.append((now, method))
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)

    def leave(self) -> None:
        with self._lock:
            self._now -= 1

    def use(self, method: str, *, before: str = "") -> dict[str, Any]:
        """How much was used of what was allowed, from the first to the last of these requests.

        `before`: only until the first request of that method.
        """
        end = min((at for at, other in self.answered if other == before), default=float("inf"))
        times = [at for at, other in self.answered if other == method and at < end]
        if len(times) < 2:
            return {"requests": len(times)}
        span = max(times) - min(times)
        allowed = self.requests * span / self.seconds
        times.sort()
        pauses = sorted((b - a for a, b in pairwise(times)), reverse=True)
        return {
            "requests": len(times),
            "seconds": round(span, 1),
            "used": round(len(times) / max(1.0, allowed), 4),
            "longest_pauses": [round(pause, 2) for pause in pauses[:3]],
        }


class LimitedEnd(FarEnd):
    """`ahead`: how many pages of a first pass may be asked for before their turn (0: they are a chain)."""

    def __init__(self, identity: str, records: int, window: Window, *, ahead: int = 0, **facts: Any) -> None:
        super().__init__(identity, records, **facts)
        self.window, self.ahead = window, ahead
        self._lock = threading.Lock()

    def read(self, cursor: str | None) -> Page:
        with self._lock:
            return self._with_places(super().read(cursor))

    def write(self, writes: Sequence[Write]) -> list[Outcome]:
        with self._lock:
            return super().write(writes)

    def _with_places(self, page: Page) -> Page:
        what, _, rest = page.cursor.partition(":")
        if not page.more or what != "all":
            return page
        start, _, since = rest.partition(":")
        places = range(int(start) + self.page, self.total, self.page)
        return Page(
            page.records,
            page.cursor,
            more=True,
            listing=page.listing,
            ahead=tuple(f"all:{place}:{since}" for place in places[: self.ahead]),
        )


class LimitedClient(FarClient):
    app: LimitedEnd

    def __init__(self, app: LimitedEnd, env: Environment) -> None:
        super().__init__(app, env)

    def _asked(self, method: str, answer: Callable[[], Any]) -> Any:
        self.env.take()
        window = self.app.window
        try:
            window.arrive(method)
        except RateLimited as error:
            self.env.slow_down(error.after)
            raise
        try:
            time.sleep(window.latency / 2)
            with self.app.spent.counting(method):
                found = answer()
            time.sleep(window.latency / 2)
            return found
        finally:
            window.leave()


class LimitedConnector(FarConnector):
    """Says of itself what its accounts allow."""

    def __init__(self, *apps: LimitedEnd, at_once: int, **facts: Any) -> None:
        window = apps[0].window
        super().__init__(
            *apps,
            requests_per_second=window.requests / window.seconds,
            window=window.seconds,
            at_once=at_once,
            **facts,
        )

    def connect(self, settings: Mapping[str, str], env: Environment) -> LimitedClient:
        app = self.apps[settings["account"]]
        assert isinstance(app, LimitedEnd)
        return LimitedClient(app, env)
