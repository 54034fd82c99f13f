"""Both apps are asked at once, and everything else happens in one thread."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from syncengine.run.relay import Steps, alone, together

from .conftest import World


def one(name: str, calls: list[Callable[[], str]], seen: list[str]) -> Steps[str]:
    """Asks these questions and writes down what was answered, and in which thread."""
    home = threading.get_ident()
    for call in calls:
        try:
            answer = yield call
        except ValueError as error:
            answer = f"caught {error}"
        assert threading.get_ident() == home
        seen.append(f"{name} {answer}")
    return name


def refuse() -> str:
    raise ValueError("no")


def test_alone_asks_in_order_and_hands_errors_back() -> None:
    seen: list[str] = []
    assert alone(one("a", [lambda: "1", refuse, lambda: "3"], seen)) == "a"
    assert seen == ["a 1", "a caught no", "a 3"]


def test_together_has_one_call_of_each_side_under_way() -> None:
    """Each side's call waits for the other's: one after another they would wait for ever."""
    meeting = threading.Barrier(2, timeout=20)
    seen: list[str] = []

    def meet() -> str:
        meeting.wait()
        return "met"

    ends = together([one("a", [meet, meet], seen), one("b", [meet, meet], seen)], halt=lambda: None)
    assert ends == ["a", "b"]
    assert sorted(seen) == ["a met", "a met", "b met", "b met"]


def test_an_error_of_one_side_lets_the_other_store_what_it_has_in_hand() -> None:
    seen: list[str] = []
    halted = threading.Event()

    def fails() -> Steps[str]:
        yield lambda: "x"
        raise KeyError("stopped")

    def goes_on() -> Steps[str]:
        while not halted.is_set():
            answer = yield lambda: str(halted.wait(20))
            seen.append(f"stored {answer}")
        return "b"

    with pytest.raises(KeyError, match="stopped"):
        together([fails(), goes_on()], halt=halted.set)
    assert seen == ["stored True"]


def test_what_kills_the_process_is_not_handed_back() -> None:
    def dies() -> str:
        raise SystemExit

    with pytest.raises(SystemExit):
        together([one("a", [dies], []), one("b", [lambda: "1"], [])], halt=lambda: None)


def test_a_first_run_writes_to_both_sides_at_once(make_world: Callable[..., World]) -> None:
    world = make_world()
    for number in range(7):
        world.a.add(first=f"Left {number}", last="Lee", mail=f"left{number}@example.com")
        world.b.add(first=f"Right {number}", last="Lee", mail=f"right{number}@example.com")
    while not world.slice(together=True).quiet:
        pass
    assert world.states() == {"in_sync": 14}
    assert len(world.a.all_values()) == len(world.b.all_values()) == 14
    written = world.writes
    world.wait(seconds=60)
    assert world.slice(together=True).quiet
    assert world.writes == written
