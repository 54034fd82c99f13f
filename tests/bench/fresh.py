"""How long an edit takes to be in the other app, with many workspaces on a real queue.

    ./run bench fresh [--workspaces 200] [--syncs 3] [--records 1000] [--edited 1] [--seconds 180] [--webhook]

Clusters and dispatcher are processes, as `./run` starts them. Each account is an app of its own on this machine (see
`tests.bench.shared_far_end`), so that the figures are those of reading, planning, writing and the queue. People edit
`--edited` percent of the records a minute, on both sides, evenly over time, `--burst` at once. By polling nobody tells
of an edit; with `--webhook` the service is called that the endpoint of an app's notices calls. Seconds from the edit to
the write in the other app; what was edited in the first 30 seconds does not count.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from tests.bench import site

WARM_UP = 30.0
PATIENCE = 180.0


def measure(given: argparse.Namespace) -> dict[str, Any]:
    from tests.bench.crowd import crowd, percentiles, spending, watched

    a_second = given.workspaces * given.syncs * given.records * given.edited / 100 / 60
    began = time.monotonic()
    with crowd(given.workspaces, given.syncs, given.records, clusters=given.clusters, interval=given.interval) as here:
        made_in = time.monotonic() - began
        with watched(here.workers), spending(here.workers) as spent:
            here.edit_for(WARM_UP, a_second=a_second, burst=given.burst, tell=given.webhook, seed=0)
            edits = here.edit_for(given.seconds, a_second=a_second, burst=given.burst, tell=given.webhook)
            until = max(edits.made.values()) + 1
            waits, missing = here.settle(edits, until, PATIENCE)
    return {
        "edits": len(edits.made),
        "edits_a_second": round(len(edits.made) / given.seconds, 1),
        **percentiles(waits),
        "not_arrived": missing,
        "cpu": spent,
        "made_in": round(made_in, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspaces", type=int, default=200)
    parser.add_argument("--syncs", type=int, default=3)
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--burst", type=int, default=1, help="records edited, and told of, at once (1)")
    parser.add_argument("--seconds", type=float, default=180)
    site.add_crowd_arguments(parser)
    given = parser.parse_args()
    site.set_up()
    print(json.dumps({"bench": "fresh", **vars(given), **measure(given), **site.machine()}))


if __name__ == "__main__":
    main()
