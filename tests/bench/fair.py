"""What one workspace with very many records does to the freshness of a hundred small ones, on a real queue.

    ./run bench fair [--workspaces 100] [--records 100] [--bulk 1000000] [--seconds 120] [--webhook]

First the small ones are alone: people edit, and the seconds from each edit to the write in the other app are the idle
value. Then one more workspace begins a first run over `--bulk` records a side in each of `--bulk-syncs` syncs, which
keeps on for the rest; the same edits are made again. The ratio of both p99 is to be at most 2.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from tests.bench import site

SLUG = "fresh-bulk"
WARM_UP = 20.0
PATIENCE = 180.0


def measure(given: argparse.Namespace) -> dict[str, Any]:
    from tests.bench.crowd import crowd, percentiles, spending, watched

    a_second = given.workspaces * given.records * given.edited / 100 / 60

    def phase() -> dict[str, Any]:
        with spending(here.workers) as spent:
            here.edit_for(WARM_UP, a_second=a_second, burst=1, tell=given.webhook, seed=0)
            edits = here.edit_for(given.seconds, a_second=a_second, burst=1, tell=given.webhook)
            waits, missing = here.settle(edits, max(edits.made.values()) + 1, PATIENCE)
        return {"edits": len(edits.made), **percentiles(waits), "not_arrived": missing, "cpu": spent}

    with (
        crowd(given.workspaces, 1, given.records, clusters=given.clusters, interval=given.interval) as here,
        watched(here.workers),
    ):
        idle = phase()
        before = _begin_bulk(given.bulk, given.bulk_syncs)
        busy = phase()
        read = _records_read() - before
    ratio = round(busy["p99"] / idle["p99"], 2) if idle.get("p99") and busy.get("p99") else None
    return {"idle": idle, "beside_bulk": busy, "ratio_of_p99": ratio, "bulk_records_read": read}


def _begin_bulk(records: int, syncs: int) -> int:
    """Another workspace starts its first runs."""
    from connectors import accounts
    from syncengine import services
    from tenants.context import workspace_context
    from tenants.workspaces import create_workspace
    from tests.bench.shared_far_end import NAME

    with workspace_context(create_workspace(name="Bulk", slug=SLUG, owner=None)):
        for number in range(syncs):
            objects = []
            for side in ("left", "right"):
                name = f"bulk-{side}{number}.{records}"
                account = accounts.connect(app=NAME, name=name, values={"account": name}, actor="bench")
                objects.append(services.objects_to_sync(account)[0])
            services.start(services.create_sync(object_a=objects[0], object_b=objects[1], actor="bench"), actor="bench")
    return _records_read()


def _records_read() -> int:
    from syncengine.models import RemoteRecord
    from tenants.context import workspace_context
    from tenants.models import Workspace

    with workspace_context(Workspace.objects.select_related("plan").get(slug=SLUG)):
        return RemoteRecord.objects.count()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspaces", type=int, default=100)
    parser.add_argument("--records", type=int, default=100)
    parser.add_argument("--bulk", type=int, default=1_000_000)
    parser.add_argument("--bulk-syncs", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=120)
    site.add_crowd_arguments(parser)
    given = parser.parse_args()
    site.set_up()
    print(json.dumps({"bench": "fair", **vars(given), **measure(given), **site.machine()}))


if __name__ == "__main__":
    main()
