"""Several apps and batches are asked at once, and everything else happens in one thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError

import pytest

from connectors.contract import Idempotency, WriteKind
from connectors.desk import Unattended, desk_here
from connectors.testing.memory import contacts
from syncengine.run.lanes import OneByOne, threads
from syncengine.run.relay import Line, Steps, alone, together

from .conftest import World


def one(name: str, calls: list[Callable[[], str]], seen: list[str]) -> Steps[None]:
    """Asks these questions and writes down what was answered, and in which thread."""
    home = threading.get_ident()
    for call in calls:
        try:
            answer = yield call
        except ValueError as error:
            answer = f"caught {error}"
        assert threading.get_ident() == home
        seen.append(f"{name} {answer}")


def refuse() -> str:
    raise ValueError("no")


def test_alone_asks_in_order_and_hands_errors_back() -> None:
    seen: list[str] = []
    alone(one("a", [lambda: "1", refuse, lambda: "3"], seen))
    assert seen == ["a 1", "a caught no", "a 3"]


def test_one_call_of_each_line_is_under_way() -> None:
    """Each line's call waits for the other's: one after another they would wait for ever."""
    meeting = threading.Barrier(2, timeout=20)
    seen: list[str] = []

    def meet() -> str:
        meeting.wait()
        return "met"

    with threads() as lanes:
        together(
            [Line(iter([one("a", [meet, meet], seen)])), Line(iter([one("b", [meet, meet], seen)]))],
            lanes,
            halt=lambda: None,
        )
    assert sorted(seen) == ["a met", "a met", "b met", "b met"]


def test_as_many_pieces_of_a_line_are_under_way_as_it_has_room_for() -> None:
    lock, meeting = threading.Lock(), threading.Barrier(3, timeout=20)
    now, most, seen = 0, 0, list[str]()

    def call() -> str:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        meeting.wait()
        with lock:
            now -= 1
        return "x"

    with threads() as lanes:
        together([Line((one(f"{n}", [call], seen) for n in range(9)), lambda: 3)], lanes, halt=lambda: None)
    assert most == 3 and len(seen) == 9


def test_one_by_one_all_is_asked_in_the_order_in_which_it_was_begun() -> None:
    seen: list[str] = []

    def line(name: str) -> Line:
        return Line(one(f"{name}{n}", [lambda: "1", lambda: "2"], seen) for n in range(2))

    together([line("a"), line("b")], OneByOne(), halt=lambda: None)
    assert seen == ["a0 1", "b0 1", "a0 2", "b0 2", "a1 1", "b1 1", "a1 2", "b1 2"]


def test_an_error_lets_the_others_store_what_they_have_in_hand_and_begins_nothing_more() -> None:
    seen: list[str] = []
    halted = threading.Event()

    def fails() -> Steps[None]:
        yield lambda: "x"
        raise KeyError("stopped")

    def goes_on() -> Iterator[Steps[None]]:
        def waits() -> Steps[None]:
            answer = yield lambda: str(halted.wait(20))
            seen.append(f"stored {answer}")

        while True:
            yield waits()

    with threads() as lanes, pytest.raises(KeyError, match="stopped"):
        together([Line(iter([fails()])), Line(goes_on(), lambda: 2)], lanes, halt=halted.set)
    assert seen == ["stored True"] * 2


def test_what_kills_the_process_is_not_handed_back() -> None:
    def dies() -> str:
        raise SystemExit

    with threads() as lanes, pytest.raises(SystemExit):
        together([Line(iter([one("a", [dies], [])])), Line(iter([one("b", [refuse], [])]))], lanes, halt=lambda: None)


def test_what_threads_want_of_the_database_is_done_in_the_thread_that_has_it() -> None:
    home, desk = threading.get_ident(), desk_here()
    seen: list[bool] = []

    def call() -> str:
        seen.append(desk.ask(threading.get_ident) == home)
        return "x"

    with threads() as lanes:
        together([Line((one("a", [call], []) for _ in range(5)), lambda: 2)], lanes, halt=lambda: None)
        lost = lanes.begin(lambda: desk.ask(lambda: "nobody comes round any more"))
    assert seen == [True] * 5
    with pytest.raises((Unattended, CancelledError)):
        lost.result()
    with threads() as lanes:
        assert lanes.first_of([lanes.begin(lambda: desk.ask(lambda: "there"))]).result() == "there"


def test_a_first_run_writes_several_batches_of_both_sides_at_once(make_world: Callable[..., World]) -> None:
    facts = {"batch": {WriteKind.CREATE: 2}, "idempotency": Idempotency.KEY}
    world = make_world(contacts(**facts), contacts(**facts), facts={"at_once": 4})
    for number in range(31):
        world.a.add(first=f"Left {number}", last="Lee", mail=f"left{number}@example.com")
        world.b.add(first=f"Right {number}", last="Lee", mail=f"right{number}@example.com")
    while not world.slice(lanes=threads).quiet:
        pass
    assert world.states() == {"in_sync": 62}
    assert len(world.a.all_values()) == len(world.b.all_values()) == 62
    written = world.writes
    world.wait(seconds=60)
    assert world.slice(lanes=threads).quiet
    assert world.writes == written
