"""What it costs to look at syncs where nothing has changed: polls of idle syncs in several workspaces.

    ./run bench idle [--workspaces 100] [--syncs 100] [--rounds 1]

Each sync has two objects of 20 records of its own, read by a feed of changes. A poll is a claimed task of the queue, as
a worker runs it. CPU of the worker (without the apps) and of PostgreSQL's backend a poll; rows that a poll writes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from tests.bench import site

RECORDS = 20


def measure(workspaces: int, syncs: int, rounds: int) -> dict[str, Any]:
    from contextlib import ExitStack

    from connectors.contract import ReadStrategy
    from syncengine.tasks import run_sync
    from tenants.context import workspace_context
    from tenants.tasks import run
    from tenants.workspaces import create_workspace
    from tests.bench.far_end import FarConnector, FarEnd, installed
    from tests.bench.meter import measured

    path = f"{run_sync.__module__}.{run_sync.__name__}"
    feed: dict[str, Any] = {"read": ReadStrategy.DELTA, "tombstones": True}
    apps = [FarEnd(f"{side}{n}", RECORDS, **feed) for n in range(syncs) for side in ("left", "right")]
    with ExitStack() as stack:
        stack.enter_context(installed(FarConnector(*apps)))
        template = create_workspace(name="Bench idle", owner=None)
        stack.callback(site.drop, template.schema_name)
        with workspace_context(template):
            made = at_rest(apps)
        schemas = [template.schema_name]
        for number in range(1, workspaces):
            schemas.append(copy_of(template, number).schema_name)
            stack.callback(site.drop, schemas[-1])
        polls = [(schema, sync_id) for sync_id in made for schema in schemas]
        for schema in schemas:
            run(schema, path, made[0])
        before = rows_written()
        with measured(*apps) as figures:
            for _ in range(rounds):
                for schema, sync_id in polls:
                    run(schema, path, sync_id)
        written = rows_written()
    count = rounds * len(polls)
    found = figures.per(count)
    reads = sum(found.pop("calls").values())
    changes = {table: round((n - before.get(table, 0)) / count, 2) for table, n in written.items()}
    rows = {table: n for table, n in sorted(changes.items()) if n}
    return {"polls": count, **found, "requests": round(reads / count, 2), "rows_written": rows}


def at_rest(apps: Sequence[Any]) -> list[int]:
    """Syncs of these, two by two, in the current workspace, which have nothing left to do."""
    from syncengine import services
    from syncengine.run.runner import run_slice
    from tests.bench.far_end import connected

    made = []
    objects = connected(*apps)
    for a, b in zip(objects[::2], objects[1::2], strict=True):
        sync = services.create_sync(object_a=a, object_b=b, actor="bench")
        services.start(sync, actor="bench")
        while not run_slice(sync.pk).quiet:
            pass
        made.append(sync.pk)
    return made


def copy_of(template: Any, number: int) -> Any:
    """Another workspace with the same tables and rows: copied by the database, which takes a fraction of a second."""
    from django.db import connection

    from connectors.accounts.session import seal_secrets
    from connectors.models import ConnectedAccount
    from syncengine.run.bulk import update_rows
    from tenants.context import public_context, workspace_context
    from tenants.models import Workspace

    name = f"{template.schema_name}_{number}"
    with public_context(), connection.cursor() as cursor:
        made = Workspace(slug=f"{template.slug}-{number}", schema_name=name, name=name, plan=template.plan)
        made.auto_create_schema = False
        made.schema_version = template.schema_version
        made.save()
        cursor.execute(f'CREATE SCHEMA "{name}"')
        cursor.execute(
            "SELECT table_name, string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) "
            "FILTER (WHERE is_generated = 'NEVER') FROM information_schema.columns "
            "WHERE table_schema = %s GROUP BY table_name",
            [template.schema_name],
        )
        for table, columns in cursor.fetchall():
            source, target = f'"{template.schema_name}"."{table}"', f'"{name}"."{table}"'
            cursor.execute(f"CREATE TABLE {target} (LIKE {source} INCLUDING ALL)")
            cursor.execute(f"INSERT INTO {target} ({columns}) SELECT {columns} FROM {source}")
        cursor.execute(
            "INSERT INTO tenants_due (workspace_id, kind, target, at, looked_at) "
            "SELECT %s, kind, target, at, looked_at FROM tenants_due WHERE workspace_id = %s",
            [made.pk, template.pk],
        )
    with workspace_context(made):
        accounts = list(ConnectedAccount.objects.all())
        for account in accounts:
            # What is sealed opens in its own workspace only.
            account.secrets = seal_secrets(account, {})
        update_rows(accounts, ["secrets"])
    return made


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
    parser.add_argument("--workspaces", type=int, default=100)
    parser.add_argument("--syncs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    site.set_up()
    figures = measure(given.workspaces, given.syncs, given.rounds)
    sizes = {"workspaces": given.workspaces, "syncs_a_workspace": given.syncs}
    print(json.dumps({"bench": "idle", **sizes, **figures, **site.machine()}))


if __name__ == "__main__":
    main()
