"""Random cases of the planner (`./run harness planner` runs millions), and that they would find what is wrong."""

from __future__ import annotations

import pytest

from tests.harness.pure import drive
from tests.harness.pure.case import case_number
from tests.harness.pure.drive import fault_of
from tests.harness.pure.shrinking import shrunk, told
from tests.harness.seeds import PLANNER


def test_rule_3_8_cases_come_to_rest_and_lose_nothing() -> None:
    wrong = {seed: fault for seed in [*PLANNER, *range(1, 1500)] if (fault := fault_of(case_number(seed)))}
    assert wrong == {}


def test_a_case_is_the_same_each_time() -> None:
    assert case_number(5) == case_number(5) != case_number(6)


def test_one_baseline_for_both_sides_is_found_and_told_in_a_few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drive, "baselines_after", lambda planned, side, answered, now: (answered, answered))
    found = next(seed for seed in range(1, 1000) if fault_of(case_number(seed)))
    case = shrunk(case_number(found))
    assert fault_of(case) is not None
    assert len(case.pairs) == 1 and len(case.settings.mappings) <= 2
    assert len(told(case).splitlines()) <= 15
