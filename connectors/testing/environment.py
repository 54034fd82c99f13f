"""An `Environment` for tests: it grants everything at once and remembers what was asked of it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class OpenEnvironment:
    """Lets a connector reach this machine, never waits, and counts."""

    allow_private_addresses: bool = True
    allow_files: bool = True
    taken: int = 0
    """Requests asked for so far."""
    pauses: list[float | None] = field(default_factory=list)
    """What the app said with each "too fast"."""

    told: list[tuple[int, float | None]] = field(default_factory=list)
    """What the app said of the day's quota."""

    def take(self, requests: int = 1) -> None:
        self.taken += requests

    def slow_down(self, after: float | None) -> None:
        self.pauses.append(after)

    def remaining(self, requests: int, resets_after: float | None = None) -> None:
        self.told.append((requests, resets_after))
