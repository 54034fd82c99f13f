"""Kills the worker again and again in the middle of the demo's first run: `./run harness kills`.

The same records have to be on both sides in the end as after an undisturbed run: none missing, none double.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from syncsite.place import data_directory
from tests.harness.site import Site

AT_WORK = r"^qcluster .* processing .*run"
ANYBODY = r"qcluster|gunicorn|radicale|dispatcher|^postgres|bin/postgres"
DATABASE = r"bin/postgres -D"
REST_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Outcome:
    """What both sides hold once they are at rest."""

    cards: int
    contacts: int
    in_step: int
    amiss: tuple[str, ...]
    killed: tuple[str, ...]


UNDISTURBED = (787, 776, 761)
"""Cards, contacts and people in step after a first run of the demo that nobody disturbed."""


def trial(data: Path, *, kills: int, seed: int, whom: str = AT_WORK) -> Outcome:
    """A first run of the demo with so many kills at random moments, to its rest."""
    dice = random.Random(seed)
    killed: list[str] = []
    with Site(data) as site:
        while len(killed) < kills:
            time.sleep(dice.uniform(0.2, 3.0))
            if (victim := _choose(site, whom, dice)) is not None:
                killed.append(victim)
                print(f"{len(killed)}: killed {victim}", flush=True)
            elif _rests(site):
                break
        verdict = site.in_step(REST_SECONDS)
        amiss = [*verdict.differing, *verdict.only_in_book, *verdict.only_in_sales, *verdict.twice]
        return Outcome(len(site.cards()), len(site.contacts()), verdict.in_step, tuple(amiss), tuple(killed))


def _choose(site: Site, whom: str, dice: random.Random) -> str | None:
    found = site.processes(whom)
    if not found:
        return None
    victim = dice.choice(found)
    try:
        name = " ".join(victim.cmdline())[:90]
        victim.kill()
    except psutil.NoSuchProcess:
        return None
    return name


def _rests(site: Site) -> bool:
    try:
        return site.in_step(0).good
    except AssertionError:
        return False


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run harness kills", description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--anybody", action="store_true", help="any process under the supervisor, not only workers")
    parser.add_argument("--database", action="store_true", help="PostgreSQL itself, while everybody uses it")
    given = parser.parse_args(arguments)
    whom = DATABASE if given.database else ANYBODY if given.anybody else AT_WORK
    outcome = trial(data_directory() / "kills", kills=given.kills, seed=given.seed, whom=whom)
    print(outcome)
    good = not outcome.amiss and (outcome.cards, outcome.contacts, outcome.in_step) == UNDISTURBED
    print("as undisturbed" if good else f"not as undisturbed: {UNDISTURBED}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
