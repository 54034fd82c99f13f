"""One answer to many ambiguous records: the first created wins (rule 5.8)."""

from __future__ import annotations

import itertools

import pytest

from syncengine.core.resolve import Age, first_created

from .build import A, B


def ages(**made: int) -> dict:
    """Each record by its name, a1 or b2, with its day of creation."""
    return {(A if n[0] == "a" else B, n): Age.of(f"2026-01-{day:02}", 0, n) for n, day in made.items()}


def mesh(a: list[str], b: list[str]) -> dict:
    return {**{(A, x): b for x in a}, **{(B, y): a for y in b}}


@pytest.mark.parametrize("order", list(itertools.permutations(["a1", "a2", "b1", "b2"])))
def test_rule_5_8_the_first_created_of_each_side_are_linked_and_no_later_ones(order: tuple[str, ...]) -> None:
    found = mesh(["a1", "a2"], ["b1", "b2"])
    shuffled = {((A if n[0] == "a" else B), n): found[(A if n[0] == "a" else B), n] for n in order}
    assert first_created(shuffled, ages(a1=3, a2=1, b1=2, b2=9)) == [("a2", "b1")]


def test_rule_5_8_a_linked_record_that_came_first_stays_with_its_link() -> None:
    assert first_created({(A, "a2"): ["b1"]}, ages(a1=1, a2=2, b1=1), linked=[(B, "b1")]) == []


def test_rule_5_8_each_takes_the_oldest_of_its_own_candidates() -> None:
    """a1 – b1 – a2 – b2 in a row: the ends of the row do not know each other."""
    row = {(A, "a1"): ["b1"], (B, "b1"): ["a1", "a2"], (A, "a2"): ["b1", "b2"], (B, "b2"): ["a2"]}
    assert first_created(row, ages(a1=1, b1=5, a2=2, b2=4)) == [("a1", "b1"), ("a2", "b2")]
    assert first_created(row, ages(a1=2, b1=1, a2=1, b2=4)) == [("a2", "b1")]


def test_rule_5_8_without_a_time_the_first_seen_comes_first_after_those_with_one() -> None:
    known = {(A, "a1"): Age.of(None, 1, "a1"), (A, "a2"): Age.of(None, 2, "a2"), (A, "a3"): Age.of("2030", 9, "a3")}
    known |= ages(b1=1)
    assert first_created(mesh(["a1", "a2"], ["b1"]), known) == [("a1", "b1")]
    assert first_created(mesh(["a1", "a2", "a3"], ["b1"]), known) == [("a3", "b1")]
