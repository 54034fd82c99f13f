"""When a plan is too much to be carried out unasked: the whole table."""

from __future__ import annotations

import pytest

from syncengine.core.brake import Over, Thresholds, Totals, judge

USUAL = Thresholds()


@pytest.mark.parametrize(
    ("planned", "done", "links", "over"),
    [
        # so many, whichever is more
        (Totals(500, 10), Totals(), 0, (None, None)),
        (Totals(501), Totals(), 0, (500, None)),
        (Totals(0, 11), Totals(), 0, (None, 10)),
        (Totals(501, 11), Totals(), 0, (500, 10)),
        # or that share of the links
        (Totals(2000, 100), Totals(), 10_000, (None, None)),
        (Totals(2001), Totals(), 10_000, (2000, None)),
        (Totals(0, 101), Totals(), 10_000, (None, 100)),
        (Totals(501), Totals(), 2500, (500, None)),
        (Totals(502), Totals(), 2514, (None, None)),
        # within 24 hours
        (Totals(1), Totals(500), 0, (500, None)),
        (Totals(1), Totals(499), 0, (None, None)),
        (Totals(0, 1), Totals(0, 10), 0, (None, 10)),
        # what was done before does not brake what plans nothing of its kind
        (Totals(1), Totals(0, 99), 0, (None, None)),
        (Totals(), Totals(9999, 99), 0, (None, None)),
    ],
)
def test_rule_11_4_so_many_or_that_share_of_the_links(
    planned: Totals, done: Totals, links: int, over: tuple[int | None, int | None]
) -> None:
    found = judge(USUAL, planned, done, links)
    assert ((found.most_changes, found.most_clears) if found else (None, None)) == over


def test_rule_11_4_started_with_the_counts_in_view_only_clears_are_braked() -> None:
    assert judge(USUAL, Totals(100_000, 10), Totals(), 0, counted=True) is None
    assert judge(USUAL, Totals(100_000, 11), Totals(), 0, counted=True) == Over(Totals(100_000, 11), None, 10)


def test_rule_11_4_thresholds_are_settings() -> None:
    strict = Thresholds(changes=0, changes_percent=0, clears=0, clears_percent=0)
    assert judge(strict, Totals(1), Totals(), 1_000_000) == Over(Totals(1), 0, None)
    assert judge(Thresholds(changes_percent=100), Totals(900), Totals(), 900) is None
