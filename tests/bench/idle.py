"""What it costs to look at syncs where nothing has changed: polls of idle syncs in several workspaces.

    ./run bench idle [--workspaces 4] [--syncs 10] [--rounds 3]

Each sync has two objects of 20 records of its own, read by a feed of changes. A poll is a claimed task of the queue, as
a worker runs it. CPU of the worker (without the apps) and of PostgreSQL's backend a poll; rows that a poll writes.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from tests.bench import site

RECORDS = 20


def measure(workspaces: int, syncs: int, rounds: int) -> dict[str, Any]:
    from contextlib import ExitStack

    from connectors.contract import ReadStrategy
    from syncengine import services
    from syncengine.run.runner import run_slice
    from syncengine.tasks import run_sync
    from tenants.context import workspace_context
    from tenants.tasks import run
    from tenants.workspaces import create_workspace
    from tests.bench.far_end import FarConnector, FarEnd, connected, installed
    from tests.bench.meter import measured

    path = f"{run_sync.__module__}.{run_sync.__name__}"
    apps = [
        FarEnd(f"{side}{n}", RECORDS, read=ReadStrategy.DELTA, tombstones=True)
        for n in range(syncs)
        for side in ("left", "right")
    ]
    with ExitStack() as stack:
        stack.enter_context(installed(FarConnector(*apps)))
        polls: list[tuple[str, int]] = []
        for number in range(workspaces):
            made = create_workspace(name=f"Bench idle {number}", owner=None)
            stack.callback(site.drop, made.schema_name)
            with workspace_context(made):
                objects = connected(*apps)
                for a, b in zip(objects[::2], objects[1::2], strict=True):
                    sync = services.create_sync(object_a=a, object_b=b, actor="bench")
                    services.start(sync, actor="bench")
                    while not run_slice(sync.pk).quiet:
                        pass
                    polls.append((made.schema_name, sync.pk))
        for schema, sync_id in polls:
            run(schema, path, sync_id)
        before = rows_written()
        with measured(*apps) as figures:
            for _ in range(rounds):
                for schema, sync_id in polls:
                    run(schema, path, sync_id)
        written = rows_written()
    count = rounds * len(polls)
    found = figures.per(count)
    found.pop("calls")
    changes = {table: round((n - before.get(table, 0)) / count, 2) for table, n in written.items()}
    return {"polls": count, **found, "rows_written": {table: n for table, n in sorted(changes.items()) if n}}


def rows_written() -> dict[str, int]:
    """Table → rows inserted, changed or deleted so far, over all schemas."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT relname, sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables GROUP BY relname"
        )
        return {name: int(count) for name, count in cursor.fetchall()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspaces", type=int, default=4)
    parser.add_argument("--syncs", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    site.set_up()
    figures = measure(given.workspaces, given.syncs, given.rounds)
    sizes = {"workspaces": given.workspaces, "syncs_a_workspace": given.syncs}
    print(json.dumps({"bench": "idle", **sizes, **figures, **site.machine()}))


if __name__ == "__main__":
    main()
