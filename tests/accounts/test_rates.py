"""How fast an account may be asked (rule 10.5): the arithmetic, without a database."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.rates import (
    BULK_AHEAD,
    DAY,
    DAY_RESERVE,
    Known,
    Lane,
    Rate,
    left_of_day,
    of_today,
    reserve,
    slow_down,
    wait_for_quota,
)

TEN = Rate(per_second=10, burst=5)
WINDOW = Rate(per_second=11, burst=1, window=10)
"""110 in any 10 seconds."""


def test_rule_10_5_a_burst_at_once_and_then_turn_by_turn():
    known, waits = Known(), []
    for _ in range(8):
        turn = reserve(known, now=100.0, requests=1, rate=TEN)
        known = turn.then
        waits.append(round(turn.wait, 6))
    assert waits == [0, 0, 0, 0, 0, 0.1, 0.2, 0.3]


def test_rule_10_5_what_is_not_used_adds_up_to_the_burst_and_no_more():
    known = reserve(Known(), now=0, requests=5, rate=TEN).then
    assert reserve(known, now=1000, requests=5, rate=TEN).wait == 0
    assert reserve(known, now=1000, requests=6, rate=TEN).wait == pytest.approx(0.1)


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 4)), min_size=1, max_size=60))
def test_rule_10_5_no_second_holds_more_than_rate_and_burst(steps):
    now, known, sent = 0.0, Known(), []
    for pause, requests in steps:
        now += pause
        turn = reserve(known, now=now, requests=requests, rate=TEN)
        known = turn.then
        sent += [now + turn.wait] * requests
    for start in sent:
        in_window = sum(start <= moment < start + 1 for moment in sent)
        assert in_window <= TEN.burst + TEN.per_second * 1 + 4


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 40), st.sampled_from(Lane)), min_size=1, max_size=80))
def test_rule_10_5_no_window_holds_more_than_the_app_allows_whoever_reserves(steps):
    now, known, sent = 1_000_000.0, Known(), []
    for pause, requests, lane in steps:
        now += pause
        turn = reserve(known, now=now, requests=requests, rate=WINDOW, lane=lane)
        if turn.wait <= lane.ahead:
            known = turn.then
            sent += [now + turn.wait] * requests
    for start in sent:
        assert sum(start <= moment < start + 10 for moment in sent) <= 110


def test_rule_10_5_a_window_that_was_not_used_is_free_at_once():
    known, waits = Known(), []
    for _ in range(111):
        turn = reserve(known, now=50.0, requests=1, rate=WINDOW)
        known = turn.then
        waits.append(turn.wait)
    assert waits[:110] == [0] * 110
    assert waits[110] == pytest.approx(10.15)


def bulk_pass(seconds, *, away=()):
    """Times at which a bulk pass sends that asks as soon as it may, but for the times when it is away."""
    now, known, sent = 0.0, Known(), []
    while now < seconds:
        turn = reserve(known, now=now, requests=1, rate=WINDOW, lane=Lane.BULK)
        if turn.wait <= 0:
            known = turn.then
            sent.append(now)
        else:
            now += min(turn.wait, 0.05)
        for begin, end in away:
            if begin <= now < end:
                now = end
    return sent


def test_rule_10_5_a_bulk_pass_uses_a_window_almost_whole_and_evenly():
    sent = bulk_pass(100)
    assert len([at for at in sent if at >= 10]) >= 0.95 * 11 * 90
    gaps = [b - a for a, b in pairwise(sent[200:])]
    assert max(gaps) < 0.2


def test_rule_10_5_what_was_not_used_while_the_worker_was_away_is_made_up_for():
    away = [(at, at + 0.6) for at in range(20, 100, 20)]
    assert len([at for at in bulk_pass(100, away=away) if at >= 10]) >= 0.95 * 11 * 90


def test_rule_10_5_a_fresh_edit_goes_ahead_of_a_bulk_pass_that_uses_all():
    known, now = Known(), 0.0
    for now in (step / 100 for step in range(3000)):
        turn = reserve(known, now=now, requests=1, rate=WINDOW, lane=Lane.BULK)
        if turn.wait <= BULK_AHEAD:
            known = turn.then
    waits = []
    for _ in range(5):
        turn = reserve(known, now=now, requests=1, rate=WINDOW, lane=Lane.FRESH)
        known = turn.then
        waits.append(turn.wait)
    assert max(waits) <= BULK_AHEAD + 0.5
    assert reserve(known, now=now, requests=1, rate=WINDOW, lane=Lane.BULK).wait > waits[-1]


def test_rule_10_5_a_pause_holds_in_a_window_too_and_then_less_of_it_is_used():
    known = slow_down(Known(), now=100.0, pause=3, cut=0.5, rate=WINDOW)
    waits = []
    for _ in range(56):
        turn = reserve(known, now=100.0, requests=1, rate=WINDOW)
        known = turn.then
        waits.append(turn.wait)
    assert waits[:55] == [3] * 55 and waits[55] > 13


# --- the day's quota


def known_of_day(left, *, ends=DAY):
    return Known(day_left=left, day_ends=ends)


def test_a_day_begins_with_the_whole_quota_and_ends():
    known = of_today(Known(), now=1000.0, per_day=500)
    assert (known.day_left, known.day_ends) == (500, 1000 + DAY)
    used = replace(known, day_left=0)
    assert of_today(used, now=999 + DAY, per_day=500) == used
    assert of_today(used, now=1000 + DAY, per_day=500).day_left == 500
    assert of_today(Known(), now=0, per_day=None).day_left is None


def test_a_bulk_pass_leaves_the_rest_of_the_day_to_fresh_edits():
    def wait(left, lane, now=0.0):
        return wait_for_quota(known_of_day(left), now=now, requests=1, per_day=1000, lane=lane)

    kept = int(1000 * DAY_RESERVE)
    assert wait(kept + 1, Lane.BULK) == 0
    assert wait(kept, Lane.BULK) == pytest.approx(DAY / kept), "until another one is no longer needed"
    assert wait(kept // 2, Lane.BULK, now=DAY / 2 - 1) > 0 == wait(kept // 2, Lane.BULK, now=DAY / 2 + DAY / kept)
    assert wait(1, Lane.FRESH) == 0
    assert wait(0, Lane.FRESH) == DAY


def test_how_much_of_the_day_is_left_is_told_as_a_part():
    assert left_of_day(known_of_day(250), now=0, per_day=1000) == 0.25
    assert left_of_day(known_of_day(250), now=DAY, per_day=1000) == 1
    assert left_of_day(Known(), now=0, per_day=1000) == 1
    assert left_of_day(Known(), now=0, per_day=None) is None
