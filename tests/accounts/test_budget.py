"""Requests of one account share one budget over all workers (rule 10.5)."""

import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from connectors import accounts
from connectors.budget import CUT, LONGEST_WAIT, Budget, Lane, quota_left
from connectors.contract import QuotaUsedUp, RateLimited
from connectors.models import ConnectedAccount, RateBudget
from connectors.rates import BULK_AHEAD, DAY, DAY_RESERVE, LEAST_SHARE, RESERVE, Rate
from syncengine.run.lanes import threads
from tenants.context import workspace_context

TEN = Rate(per_second=10, burst=5)


class Sleeper:
    """Stands in for sleeping: remembers, and lets no time pass."""

    def __init__(self):
        self.slept = []

    def __call__(self, seconds):
        self.slept.append(seconds)


@pytest.fixture
def account(in_workspace):
    return ConnectedAccount.objects.create(app="people", name="Acme", remote_id="acme")


@pytest.fixture
def sleeper():
    return Sleeper()


# --- in the database


def test_rule_10_5_the_database_reckons_alike(account, sleeper):
    budget = Budget(account.pk, TEN, sleep=sleeper)
    for _ in range(5):
        budget.take()
    assert sleeper.slept == []
    budget.take(3)
    assert sleeper.slept == [pytest.approx(0.3, abs=0.1)]
    budget.take()
    assert sleeper.slept[1] == pytest.approx(0.4, abs=0.1)


def test_rule_10_5_a_wait_longer_than_a_slice_is_refused_and_takes_nothing(account, sleeper):
    budget = Budget(account.pk, Rate(per_second=1, burst=1), sleep=sleeper)
    budget.take(14)
    before = RateBudget.objects.get().used_until
    with pytest.raises(RateLimited) as caught:
        budget.take(5)
    assert RateBudget.objects.get().used_until == before
    assert caught.value.after == pytest.approx(18, abs=0.5)
    assert max(sleeper.slept) < LONGEST_WAIT


def test_rule_10_5_when_the_app_says_too_fast_everybody_pauses(account, sleeper):
    mine, yours = (Budget(account.pk, TEN, sleep=sleeper) for _ in range(2))
    mine.take()
    mine.slow_down(3)
    yours.take()
    assert sleeper.slept[0] == pytest.approx(3.1, abs=0.1)
    mine.slow_down(60)
    with pytest.raises(RateLimited) as caught:
        yours.take()
    assert caught.value.after == pytest.approx(60, abs=0.5)
    yours.slow_down(1)
    with pytest.raises(RateLimited):
        mine.take()


def test_rule_10_5_whoever_waits_hears_of_a_pause(account):
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 1:
            Budget(account.pk, TEN).slow_down(5)

    Budget(account.pk, TEN, sleep=sleep).take(8)
    assert slept == [pytest.approx(0.3, abs=0.1), pytest.approx(5, abs=0.1)]


def test_slowing_down_without_a_time_and_with_an_absurd_one(account, sleeper):
    budget = Budget(account.pk, TEN, sleep=sleeper)
    budget.slow_down(None)
    budget.take()
    assert sleeper.slept[0] == pytest.approx(10.1, abs=0.2)
    budget.slow_down(10**9)
    with pytest.raises(RateLimited) as caught:
        budget.take()
    assert caught.value.after == pytest.approx(3600, abs=1)


def test_an_app_without_a_limit_costs_nothing(account, sleeper, django_assert_num_queries):
    budget = Budget(account.pk, None, sleep=sleeper)
    with django_assert_num_queries(1):
        for _ in range(100):
            budget.take()
    assert not RateBudget.objects.exists() and sleeper.slept == []
    budget.slow_down(3)
    budget.take()
    Budget(account.pk, None, sleep=sleeper).take()
    assert sleeper.slept == [pytest.approx(3, abs=0.1)] * 2


def test_rule_10_5_twenty_workers_share_one_budget(committed, workspace):
    account = ConnectedAccount.objects.create(app="people", name="Acme", remote_id="acme")
    rate = Rate(per_second=100, burst=20)
    granted, errors, stop = [], [], time.monotonic() + 1.0
    start = threading.Barrier(20)

    def work():
        try:
            with workspace_context(workspace):
                budget = Budget(account.pk, rate)
                start.wait()
                while time.monotonic() < stop:
                    budget.take()
                    granted.append(time.monotonic())
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    began = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    expected = rate.burst + rate.per_second * (max(granted) - began)
    assert 0.6 * expected < len(granted) <= expected + 1


def test_rule_10_5_a_client_takes_from_its_accounts_budget(apps, in_workspace):
    apps.people.manifest = replace(apps.people.manifest, requests_per_second=50.0, burst=2)
    account = apps.connect()
    assert not RateBudget.objects.exists(), "an account that is only tested has no budget yet"
    with accounts.open_client(account) as client:
        for _ in range(3):
            client.identify()
    assert RateBudget.objects.get().account == account


# --- what it learns, and what it keeps


def grant_of(account):
    """Seconds that one more request moves the budget on by: its turn."""
    before = RateBudget.objects.get().used_until
    Budget(account.pk, TEN, sleep=lambda _seconds: None).take()
    return (RateBudget.objects.get().used_until - before).total_seconds()


def slow_down_at(account, *, ago):
    """As if the app had said "too fast", and its pause had ended so many seconds ago."""
    Budget(account.pk, TEN).slow_down(0)
    moved = timezone.now() - timedelta(seconds=ago)
    RateBudget.objects.update(paused_until=moved, slowed_at=moved)


def test_rule_10_5_too_fast_within_the_limit_means_a_smaller_share_of_it(account):
    slow_down_at(account, ago=0)
    assert grant_of(account) == pytest.approx(0.1 / CUT, rel=0.1)
    slow_down_at(account, ago=0)
    assert grant_of(account) == pytest.approx(0.1 / CUT**2, rel=0.1)
    for _ in range(20):
        slow_down_at(account, ago=0)
    assert grant_of(account) == pytest.approx(0.1 / LEAST_SHARE, rel=0.1)


def test_rule_10_5_the_share_grows_back_to_the_whole_and_never_over_it(account):
    slow_down_at(account, ago=60)
    assert grant_of(account) == pytest.approx(0.1 / (CUT + 0.1), rel=0.05)
    slow_down_at(account, ago=3600)
    assert grant_of(account) == pytest.approx(0.1, rel=0.05)


def test_rule_10_5_several_answers_of_one_moment_cut_the_share_once(account):
    for _ in range(5):
        Budget(account.pk, TEN).slow_down(30)
    assert RateBudget.objects.get().share == pytest.approx(CUT)


def test_rule_10_5_a_bulk_pass_leaves_a_reserve_to_fresh_edits(account):
    rate, slept = Rate(per_second=10, burst=10), {lane: [] for lane in Lane}
    bulk, fresh = (Budget(account.pk, rate, lane=lane, sleep=slept[lane].append) for lane in (Lane.BULK, Lane.FRESH))
    reserve_ = int(rate.burst * RESERVE)
    bulk.take(rate.burst - reserve_)
    assert slept[Lane.BULK] == []
    fresh.take(reserve_)
    assert slept[Lane.FRESH] == []
    bulk.take()
    assert slept[Lane.BULK] == [pytest.approx((1 + reserve_) / 10, abs=0.1)]


def test_rule_10_5_a_burst_of_one_is_for_everybody():
    rate = Rate(per_second=1, burst=1)
    assert rate.head_start_of(Lane.BULK) == rate.head_start_of(Lane.FRESH) == 1


# --- a window, and turns reserved for whoever comes next

WINDOW = Rate(per_second=11, burst=1, window=10)


def test_rule_10_5_a_window_is_kept_in_the_database(account, sleeper):
    budget = Budget(account.pk, WINDOW, sleep=sleeper)
    for _ in range(110):
        budget.take()
    assert sleeper.slept == []
    assert sum(number for _, number in RateBudget.objects.get().sent) == 110
    budget.take()
    assert sleeper.slept == [pytest.approx(8, abs=2.2)]


def test_rule_10_5_a_turn_that_was_expected_is_taken_without_asking_again(account, sleeper, django_assert_num_queries):
    budget = Budget(account.pk, Rate(per_second=10, burst=1), lane=Lane.BULK, sleep=sleeper)
    for _ in range(3):
        budget.expect()
    with django_assert_num_queries(0):
        for _ in range(3):
            budget.take()
    assert sleeper.slept == [pytest.approx(0.1, abs=0.05), pytest.approx(0.2, abs=0.05)]
    for _ in range(30):
        budget.expect()
    assert RateBudget.objects.get().used_until - timezone.now() < timedelta(seconds=BULK_AHEAD + 0.3)


def test_rule_10_5_whoever_was_frozen_while_it_waited_sends_nothing(account, monkeypatch):
    now = time.monotonic()
    monkeypatch.setattr("connectors.budget.time.monotonic", lambda: now)

    def frozen(seconds):
        nonlocal now
        now += seconds + 60

    budget = Budget(account.pk, Rate(per_second=1, burst=1), sleep=frozen)
    budget.take()
    with pytest.raises(RateLimited):
        budget.take()


def test_rule_10_5_the_budget_is_asked_in_the_thread_that_has_the_database(account):
    budget = Budget(account.pk, TEN, sleep=lambda _seconds: None)
    opened = []

    def call():
        for _ in range(3):
            budget.take()
        opened.append(connection.connection)

    with threads() as lanes:
        begun = [lanes.begin(call) for _ in range(4)]
        for one in begun:
            lanes.first_of([one]).result()
    assert opened == [None] * 4
    assert RateBudget.objects.get().used_until > timezone.now() + timedelta(seconds=1)


# --- the day's quota


def test_a_days_quota_is_counted_and_told_as_the_reason(account, sleeper):
    assert quota_left(account.pk, 10, timezone.now()) == 1
    bulk, fresh = (Budget(account.pk, None, lane=lane, per_day=10, sleep=sleeper) for lane in (Lane.BULK, Lane.FRESH))
    bulk.take(6)
    assert quota_left(account.pk, 10, timezone.now()) == 0.4
    bulk.take()
    with pytest.raises(QuotaUsedUp, match="in a day") as caught:
        bulk.take()
    assert caught.value.after == pytest.approx(DAY / 10 / DAY_RESERVE, abs=5)
    fresh.take(3)
    with pytest.raises(QuotaUsedUp) as caught:
        fresh.take()
    assert caught.value.after == pytest.approx(DAY, abs=5)
    assert sleeper.slept == [] and quota_left(account.pk, 10, timezone.now()) == 0


def test_what_the_app_tells_of_its_quota_counts(account, sleeper):
    budget = Budget(account.pk, TEN, per_day=1000, sleep=sleeper)
    budget.take()
    budget.remaining(1, 3600)
    budget.take()
    with pytest.raises(QuotaUsedUp) as caught:
        budget.take()
    assert caught.value.after == pytest.approx(3600, abs=5)
    budget.remaining(500)
    budget.take()
    assert quota_left(account.pk, 1000, timezone.now()) == pytest.approx(0.5, abs=0.01)
    assert quota_left(account.pk, 1000, timezone.now() + timedelta(days=1)) == 1
    assert quota_left(account.pk, None, timezone.now()) is None
