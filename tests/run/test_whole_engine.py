"""The whole engine under every fault, in trials that a seed repeats exactly (`./run harness engine` runs thousands)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager

import pytest

from tenants.models import Workspace
from tests.harness.faults import checkpoint_before_page, sent_before_written
from tests.harness.seeds import ENGINE
from tests.harness.whole.trial import Amiss, Trial

PutIn = Callable[[], AbstractContextManager[None]]
SEEDS, MORE = range(1001, 1009), range(1009, 1200)


def live_through(seed: int, features: Collection[str] | None = None) -> Trial:
    trial = Trial(seed, features).run()
    assert sum(len(app.people.rows) for app in trial.apps) >= 30
    assert trial.steps >= 60 and trial.checks > 0
    return trial


@pytest.mark.parametrize(("seed", "features"), ENGINE)
def test_rule_3_8_what_was_found_once_does_not_come_back(workspace: Workspace, seed: int, features: str) -> None:
    live_through(seed, features.split(",") if features else ())


@pytest.mark.parametrize("seed", SEEDS)
def test_rule_3_8_whatever_happens_all_is_right_in_the_end(workspace: Workspace, seed: int) -> None:
    live_through(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", MORE)
def test_rule_3_8_whatever_happens_all_is_right_in_the_end_in_many_trials(workspace: Workspace, seed: int) -> None:
    live_through(seed)


def test_a_seed_repeats_exactly(workspace: Workspace) -> None:
    assert live_through(7).log == live_through(7).log


@pytest.mark.parametrize(("put_in", "seed"), [(sent_before_written, 1), (checkpoint_before_page, 8)])
def test_a_fault_that_is_put_in_is_found(workspace: Workspace, put_in: PutIn, seed: int) -> None:
    """The seeds that find them soonest (`./run harness faults`). The planner's cases find the third one."""
    with put_in(), pytest.raises(Amiss):
        for one in range(seed, seed + 10):  # The first of them finds it, as long as the engine does what it does.
            Trial(one, ["deaths"]).run()
