"""The brake: whether a plan does more than a person would expect (rule 11.4). Pure."""

from __future__ import annotations

from dataclasses import dataclass

WITHIN_HOURS = 24


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a sync may do within 24 hours without being asked for: so many, or that share of its links, whichever
    is more."""

    changes: int = 500
    """Records changed or created."""
    changes_percent: int = 20
    clears: int = 10
    """Values cleared, and records archived or deleted."""
    clears_percent: int = 1

    def most_changes(self, links: int) -> int:
        return max(self.changes, links * self.changes_percent // 100)

    def most_clears(self, links: int) -> int:
        return max(self.clears, links * self.clears_percent // 100)


@dataclass(frozen=True, slots=True)
class Totals:
    """What was done, or is to be done."""

    changes: int = 0
    clears: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(self.changes + other.changes, self.clears + other.clears)


@dataclass(frozen=True, slots=True)
class Over:
    """By how much a plan is over the brake. A number is None where it is not what is over."""

    totals: Totals
    """Of the plan, with what was done within 24 hours."""
    most_changes: int | None
    most_clears: int | None


def judge(thresholds: Thresholds, planned: Totals, done: Totals, links: int, *, counted: bool = False) -> Over | None:
    """None: the plan may be carried out. What plans nothing of a kind is not over by what was done of it before.

    `counted`: a person started the run with its counts before them; then only clears and deletes are braked.
    """
    totals = planned + done
    changes = planned.changes > 0 and not counted and totals.changes > thresholds.most_changes(links)
    clears = planned.clears > 0 and totals.clears > thresholds.most_clears(links)
    if not changes and not clears:
        return None
    return Over(
        totals,
        thresholds.most_changes(links) if changes else None,
        thresholds.most_clears(links) if clears else None,
    )
