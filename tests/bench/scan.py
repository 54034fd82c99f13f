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
from collections.abc import Mapping
from typing import Any

from tests.bench import site

SAMPLE = 1000
"""Records a side that the engine itself reads and links."""


def far_ends(records: int, page: int) -> tuple[Any, Any]:
    from tests.bench.far_end import FarEnd

    return FarEnd("left", records, page=page), FarEnd("right", records, page=page)


def fill(records: int, page: int) -> tuple[str, int]:
    """A workspace in which both sides have been read and linked once: (schema, sync).

    The engine does it for some; the others are copies of its rows, since linking a million would take an hour.
    """
    from django.db import connection

    from syncengine import services
    from syncengine.run.runner import run_slice
    from tenants.context import workspace_context
    from tenants.workspaces import create_workspace
    from tests.bench.far_end import FarConnector, connected, installed

    sample = min(records, SAMPLE)
    apps = far_ends(sample, page)
    made = create_workspace(name="Bench scan", owner=None)
    with installed(FarConnector(*apps)), workspace_context(made):
        a, b = connected(*apps)
        sync = services.create_sync(object_a=a, object_b=b, actor="bench")
        services.start(sync, actor="bench")
        while not run_slice(sync.pk).quiet:
            pass
        sync.refresh_from_db()
        assert sync.counts == {"in_sync": sample}, sync.counts
        multiply(sync, range(sample, records))
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    return made.schema_name, sync.pk


def multiply(sync: Any, numbers: range) -> None:
    """Records and links as the engine would store them, but for match keys, which a pass over unchanged ones leaves
    alone."""
    import orjson
    from django.db import connection, transaction

    from syncengine.core.storable import storable_print
    from syncengine.models import RecordLink, RemoteRecord, Stream, Sync
    from tests.bench.far_end import text_of

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE made (n bigint, print text, content jsonb) ON COMMIT DROP")
        with cursor.copy("COPY made FROM STDIN") as copy:
            for n in numbers:
                values = orjson.loads(text_of(n))
                values.pop("id"), values.pop("version")
                copy.write_row((n, storable_print(values)[1], orjson.dumps(values).decode()))
        new = {
            "remote_id": "n::text",
            "fingerprint": "print",
            "values": "content",
            "first_seq": "n + 1",
            "seq": "n + 1",
        }
        for stream in (sync.pair.stream_a, sync.pair.stream_b):
            _copy_rows(cursor, RemoteRecord.objects.filter(stream=stream).latest("pk"), new)
        _copy_rows(cursor, RecordLink.objects.latest("pk"), {"a_id": "n::text", "b_id": "n::text"})
    total = numbers.stop
    Stream.objects.filter(pk__in=[sync.pair.stream_a_id, sync.pair.stream_b_id]).update(seq=total, records=total)
    Sync.objects.filter(pk=sync.pk).update(planned_a=total, planned_b=total, counts={"in_sync": total})


def _copy_rows(cursor: Any, row: Any, new: Mapping[str, str]) -> None:
    """As many rows like this one as were made, with what differs."""
    fields = [f for f in row._meta.concrete_fields if not f.primary_key]
    columns = ", ".join(f'"{f.column}"' for f in fields)
    values = ", ".join(new.get(f.column) or f'old."{f.column}"' for f in fields)
    cursor.execute(
        f'INSERT INTO "{row._meta.db_table}" ({columns}) SELECT {values} FROM made, "{row._meta.db_table}" old '
        "WHERE old.id = %s ORDER BY n",
        [row.pk],
    )


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
