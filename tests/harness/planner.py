"""The planner on random cases, by the million: `./run harness planner --cases 1000000 --seed S`.

Each case is ten records and more on both sides, made by disturbing one common state twice. The core alone brings it
to rest in memory; then it has to plan nothing more, to have lost nothing that only one side held, and to have written
nothing against direction, scope or policy (`tests.harness.pure`). A case that fails is shrunk to a few lines.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from multiprocessing import get_context

from tests.harness.pure.case import case_number
from tests.harness.pure.drive import fault_of
from tests.harness.pure.shrinking import shrunk, told

AT_ONCE = 2000
MOST_TOLD = 5


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run harness planner", description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=60_000, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="of the first case; the others follow")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args(arguments)
    end = given.seed + given.cases
    portions = [range(start, min(start + AT_ONCE, end)) for start in range(given.seed, end, AT_ONCE)]
    began, failed = time.monotonic(), 0
    with get_context("fork").Pool(given.processes) as pool:
        for found in pool.imap_unordered(failing, portions):
            for seed in found:
                failed += 1
                if failed <= MOST_TOLD:
                    case = shrunk(case_number(seed))
                    print(f"# case {seed}: {fault_of(case)}\n{told(case)}\n", flush=True)
    seconds = time.monotonic() - began
    pace = given.cases / seconds * 60
    print(f"{given.cases} cases from {given.seed}, {seconds:.0f} s, {pace:.0f} a minute, {failed} amiss")
    return 1 if failed else 0


def failing(seeds: Sequence[int]) -> list[int]:
    """Those of these cases with which the core does something wrong."""
    return [seed for seed in seeds if fault_of(case_number(seed)) is not None]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
