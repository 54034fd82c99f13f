"""How often a stream is looked at, and why."""

from __future__ import annotations

import pytest

from syncengine.core.pace import SPREAD, Allowance, Bounds, Pace, PaceReason, Seen, pace_of, spread

BOUNDS = Bounds(30, 300)
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


@pytest.mark.parametrize(
    ("seen", "seconds", "reason"),
    [
        (Seen(quiet_for=0), 30, PaceReason.CHANGING),
        (Seen(quiet_for=9 * MINUTE), 30, PaceReason.CHANGING),
        (Seen(quiet_for=10 * MINUTE), 60, PaceReason.QUIET),
        (Seen(quiet_for=30 * MINUTE), 120, PaceReason.QUIET),
        (Seen(quiet_for=50 * HOUR), 300, PaceReason.QUIET),
        (Seen(quiet_for=None), 300, PaceReason.QUIET),
        (Seen(quiet_for=0, tells=True), 300, PaceReason.NOTICES),
        (Seen(quiet_for=0, least=40), 40, PaceReason.APP),
        (Seen(quiet_for=50 * HOUR, least=40), 300, PaceReason.QUIET),
        (Seen(quiet_for=0, takes=100), 500, PaceReason.LONG_LOOK),
    ],
)
def test_rule_10_1_busy_streams_are_looked_at_more_often_than_quiet_ones(
    seen: Seen, seconds: int, reason: PaceReason
) -> None:
    assert pace_of(seen, BOUNDS) == Pace(seconds, reason)


def test_rule_10_1_looks_of_an_account_fit_into_what_is_left_of_the_day() -> None:
    """Five streams, of which a look takes seven requests: 12,000 are left for a day."""
    left = Allowance(requests=12_000, ends_in=DAY, a_round=7)
    pace = pace_of(Seen(quiet_for=0), BOUNDS, left)
    assert pace == Pace(51, PaceReason.QUOTA)
    assert DAY / pace.seconds * left.a_round <= left.requests


def test_rule_10_1_where_nothing_is_left_for_looks_the_next_is_tomorrow() -> None:
    assert pace_of(Seen(quiet_for=0), BOUNDS, Allowance(6, 5 * HOUR, 7)) == Pace(5 * 3600, PaceReason.QUOTA)


def test_a_quota_that_is_ample_changes_nothing() -> None:
    assert pace_of(Seen(quiet_for=0), BOUNDS, Allowance(1e6, DAY, 7)).reason is PaceReason.CHANGING


def test_what_stays_quiet_is_noted_anew_a_few_times_only() -> None:
    paces = {pace_of(Seen(quiet_for=n * 10.0), BOUNDS).seconds for n in range(10_000)}
    assert len(paces) == 5


def test_small_differences_are_not_worth_noting() -> None:
    pace = Pace(100, PaceReason.QUOTA)
    assert Pace(110, PaceReason.QUOTA).is_near(pace) and Pace(90, PaceReason.QUOTA).is_near(pace)
    assert not Pace(111, PaceReason.QUOTA).is_near(pace) and not Pace(100, PaceReason.APP).is_near(pace)
    assert not pace.is_near(None)


def test_bounds_that_contradict_each_other_give_the_shortest() -> None:
    assert pace_of(Seen(quiet_for=DAY), Bounds(60, 30)).seconds == 60


def test_streams_that_began_together_come_apart_by_their_names() -> None:
    found = [spread(60, f"memory:acct{n}:contacts") for n in range(1000)]
    assert found == [spread(60, f"memory:acct{n}:contacts") for n in range(1000)]
    assert 60 * (1 - SPREAD) <= min(found) < 50 and 58 < max(found) <= 60
    tenths = [sum(48 + 1.2 * n <= one < 49.2 + 1.2 * n for one in found) for n in range(10)]
    assert min(tenths) > 50, "they spread evenly"


def test_what_is_kept_is_read_back_or_taken_for_nothing() -> None:
    pace = Pace(60, PaceReason.QUIET)
    assert Pace.from_json(pace.to_json()) == pace
    assert Pace.from_json({}) is None and Pace.from_json({"seconds": 60, "reason": "of tomorrow"}) is None
