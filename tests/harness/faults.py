"""Would they notice? `./run harness faults` puts three faults in, one at a time, and says which seed found each.

They are put in in memory only, for as long as a `with` block lasts.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from typing import Any
from unittest import mock

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncsite.settings")

MINUTES = 5
"""In so many each fault has to be found."""


@contextmanager
def checkpoint_before_page() -> Iterator[None]:
    """The checkpoint moves before the page that it stands for is stored (against rule 10.3)."""
    from syncengine.models import Stream
    from syncengine.run.read import Reader

    store = Reader._store_page

    def hasty(self: Reader, page: Any, *more: Any) -> Any:
        Stream.objects.filter(pk=self.stream.pk).update(cursor=page.cursor, passing=page.more)
        return store(self, page, *more)

    with mock.patch.object(Reader, "_store_page", hasty):
        yield


@contextmanager
def one_baseline() -> Iterator[None]:
    """Both sides take what the written side answered (against rule 3.7)."""

    def shared(planned: Any, side: Any, answered: Any, now: Any) -> Any:
        return answered, answered

    with (
        mock.patch("syncengine.run.outcomes.baselines_after", shared),
        mock.patch("tests.harness.pure.drive.baselines_after", shared),
    ):
        yield


@contextmanager
def sent_before_written() -> Iterator[None]:
    """A creation is sent before its row says so (against rule 10.4)."""
    from connectors.contract import WriteKind
    from syncengine.run.apply import Applier

    mark = Applier._mark_sending

    def late(self: Applier, side: Any, packet: Any, **more: Any) -> None:
        if packet[0].kind != WriteKind.CREATE:
            mark(self, side, packet, **more)

    with mock.patch.object(Applier, "_mark_sending", late):
        yield


FAULTS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "the checkpoint moved before its page is stored": checkpoint_before_page,
    "one baseline for both sides": one_baseline,
    "a create sent before its row is written": sent_before_written,
}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run harness faults", description=__doc__.split("\n")[0])
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first seed")
    given = parser.parse_args(arguments)
    from tests.harness.whole.database import inside, workspaces

    good = True
    with workspaces(1) as (slug,), inside(slug):
        for name, put_in in FAULTS.items():
            with put_in():
                good &= _found(name, _by_engine, given.first)
                if put_in is one_baseline:
                    good &= _found(name, _by_planner, given.first)
    return 0 if good else 1


def _found(name: str, search: Callable[[int, float], tuple[str, str] | None], first: int) -> bool:
    began = time.monotonic()
    found = search(first, began + MINUTES * 60)
    seconds = time.monotonic() - began
    if found is None:
        print(f"{name}: NOT FOUND within {MINUTES} minutes", flush=True)
        return False
    print(f"{name}: found by {found[0]} after {seconds:.0f} s: {found[1]}", flush=True)
    return True


def _by_engine(first: int, until: float) -> tuple[str, str] | None:
    from tests.harness.whole.trial import Amiss, Trial

    for seed in count(first):
        try:
            Trial(seed, ["deaths"]).run()
        except Amiss as error:
            return f"engine seed {seed}", str(error)
        if time.monotonic() > until:
            return None
    return None


def _by_planner(first: int, until: float) -> tuple[str, str] | None:
    from tests.harness.pure.case import case_number
    from tests.harness.pure.drive import fault_of

    for seed in count(first):
        fault = fault_of(case_number(seed))
        if fault is not None:
            return f"planner case {seed}", fault
        if time.monotonic() > until:
            return None
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
