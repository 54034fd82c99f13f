"""The table of rules and tests is true, and no test speaks of a rule that there is not."""

from __future__ import annotations

from tests import invariants


def test_the_table_is_up_to_date() -> None:
    assert invariants.PAGE.read_text() == invariants.page(), "run: python -m tests.invariants"


def test_every_number_is_a_rule() -> None:
    assert set(invariants.tests_by_rule()) <= invariants.known_rules()
