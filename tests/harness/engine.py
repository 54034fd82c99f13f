"""The whole engine under every fault, seed by seed: `./run harness engine --seeds 5000 --from S`.

Each seed makes two or three hostile apps, with people at work in them and a sync or two between them, and lets
everything happen that may happen (`tests.harness.whole`). The same seed does the same again, to the last statement.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Sequence
from multiprocessing import get_context

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncsite.settings")

TOLD = 100
"""After so many seeds a process tells how far it is."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run harness engine", description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--from", type=int, default=1, dest="first", help="the first one")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--log", action="store_true", help="tell all that happens")
    parser.add_argument("--features", help="of the engine, with commas between; else as the seeds draw them")
    given = parser.parse_args(arguments)
    from tests.harness.whole.database import workspaces

    features = None if given.features is None else [one for one in given.features.split(",") if one]
    began = time.monotonic()
    failed: list[int] = []
    with workspaces(given.processes) as slugs:
        shares = [
            (slug, range(given.first + n, given.first + given.seeds, given.processes), given.log, features)
            for n, slug in enumerate(slugs)
        ]
        if given.processes == 1:
            failed = _share(shares[0])
        else:
            with get_context("fork").Pool(given.processes) as pool:
                for found in pool.imap_unordered(_share, shares):
                    failed += found
    seconds = time.monotonic() - began
    print(f"{given.seeds} seeds from {given.first}, {seconds:.0f} s, {len(failed)} amiss: {sorted(failed)}")
    return 1 if failed else 0


def _share(share: tuple[str, Sequence[int], bool, Sequence[str] | None]) -> list[int]:
    """Every seed of one process, in its own workspace."""
    from tests.harness.whole.database import inside
    from tests.harness.whole.trial import Trial

    slug, seeds, log, features = share
    failed: list[int] = []
    with inside(slug):
        for number, seed in enumerate(seeds, 1):
            trial = Trial(seed, features)
            try:
                trial.run()
            except Exception as error:
                failed.append(seed)
                told = str(error) if isinstance(error, AssertionError) else traceback.format_exc()
                print(f"seed {seed}: {told}", flush=True)
            if log:
                print("\n".join(trial.log), flush=True)
            if number % TOLD == 0:
                print(f"  {number} of {len(seeds)}, seed {seed}: {time.process_time() / number:.2f} s of CPU each")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
