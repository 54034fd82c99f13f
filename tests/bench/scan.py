"""A complete pass over unchanged records: two apps list everything they have, and nothing has changed.

    ./run bench scan [--records 20000] [--page 500]

`--records` is the number on each side. CPU of the worker, of the far end (which makes and decodes the records) and of
PostgreSQL's backend are counted apart; the floor is decoding, fingerprinting and COPY of the same records.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

from tests.bench import site


def far_ends(records: int, page: int) -> tuple[Any, Any]:
    from tests.bench.far_end import FarEnd

    return FarEnd("left", records, page=page), FarEnd("right", records, page=page)


def fill(records: int, page: int) -> tuple[str, int]:
    """A workspace in which both sides have been read and linked once: (schema, sync)."""
    from syncengine import services
    from syncengine.run.runner import run_slice
    from tenants.context import workspace_context
    from tenants.workspaces import create_workspace
    from tests.bench.far_end import FarConnector, connected, installed

    apps = far_ends(records, page)
    made = create_workspace(name="Bench scan", owner=None)
    with installed(FarConnector(*apps)), workspace_context(made):
        a, b = connected(*apps)
        sync = services.create_sync(object_a=a, object_b=b, actor="bench")
        services.start(sync, actor="bench")
        while not run_slice(sync.pk).quiet:
            pass
        sync.refresh_from_db()
        assert sync.counts == {"in_sync": records}, sync.counts
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    return made.schema_name, sync.pk


def measure(schema: str, sync_id: int, records: int, page: int) -> dict[str, Any]:
    """One pass, in a process that has done nothing else."""
    from syncengine.models import Operation, SyncRun
    from syncengine.run.runner import run_slice
    from tenants.context import workspace_context
    from tenants.models import Workspace
    from tests.bench.far_end import FarConnector, installed, text_of
    from tests.bench.meter import floor, measured

    apps = far_ends(records, page)
    workspace = Workspace.objects.select_related("plan").get(schema_name=schema)
    with installed(FarConnector(*apps)), workspace_context(workspace):
        before = SyncRun.objects.count(), Operation.objects.count()
        slices = 1
        with measured(*apps) as figures:
            while not run_slice(sync_id).quiet:
                slices += 1
        assert (SyncRun.objects.count(), Operation.objects.count()) == before, "something was planned"
        lowest = floor([text_of(n) for n in range(min(records, 20_000))])
    found = figures.per(2 * records)
    ratios = {name: round(found[name] / max(lowest[name], 0.01), 2) for name in ("worker_us", "database_us")}
    return {"slices": slices, **found, "floor": lowest, "ratio": ratios}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--page", type=int, default=500)
    parser.add_argument("--measure", nargs=2, metavar=("SCHEMA", "SYNC"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    site.set_up()
    if given.measure:
        print(json.dumps(measure(given.measure[0], int(given.measure[1]), given.records, given.page)))
        return
    schema, sync_id = fill(given.records, given.page)
    try:
        command = [sys.executable, "-m", "tests.bench.scan", "--records", str(given.records), "--page", str(given.page)]
        command += ["--measure", schema, str(sync_id)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    finally:
        site.drop(schema)
    figures = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps({"bench": "scan", "records_a_side": given.records, **figures, **site.machine()}))


if __name__ == "__main__":
    main()
