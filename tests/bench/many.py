"""Many workspaces at rest, made quickly: one by the engine, the others as copies of its schema."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

LAYOUT = """
SELECT table_name, string_agg(quote_ident(column_name), ', ') FILTER (WHERE is_generated = 'NEVER')
  FROM information_schema.columns WHERE table_schema = %s GROUP BY table_name ORDER BY table_name
"""
IDENTITIES = """
SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %s AND is_identity = 'YES'
"""
CONSTRAINTS = """
SELECT c.relname, k.conname, pg_get_constraintdef(k.oid)
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND k.contype IN ('p', 'u', 'f') ORDER BY k.contype = 'f'
"""
INDEXES = """
SELECT pg_get_indexdef(i.indexrelid)
  FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = %s AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two accounts in step."""

    workspace: Any
    sync: int
    a: str
    b: str
    stream_a: int
    stream_b: int


def make_workspaces(count: int, syncs: int, records: int, *, interval: int | None) -> list[Pair]:
    """Workspaces with so many syncs of so many records, all linked and at rest, due within the next interval."""
    from tenants.context import workspace_context
    from tenants.workspaces import create_workspace

    template = create_workspace(name="Fresh 0", slug="fresh-0", owner=None)
    with workspace_context(template):
        found = [_first(template, number, records, interval) for number in range(syncs)]
    for number in range(1, count):
        workspace = _copy(template, number)
        with workspace_context(workspace):
            _rename_accounts(number)
        found += [
            Pair(workspace, p.sync, _named(p.a, number), _named(p.b, number), p.stream_a, p.stream_b)
            for p in found[:syncs]
        ]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    _make_due(found)
    return found


def drop_workspaces() -> None:
    """Those of this benchmark, also of one that was broken off."""
    from tenants.models import Workspace

    for one in Workspace.objects.filter(slug__startswith="fresh-"):
        one.delete(force_drop=True)


def _first(workspace: Any, number: int, records: int, interval: int | None) -> Pair:
    """Made by the engine itself."""
    from connectors import accounts
    from syncengine import services
    from syncengine.run.runner import run_slice
    from tests.bench.shared_far_end import NAME

    names = [f"w0-{side}{number}.{records}" for side in ("left", "right")]
    objects = []
    for name in names:
        made = accounts.connect(app=NAME, name=name, values={"account": name}, actor="bench")
        objects.append(services.objects_to_sync(made)[0])
    sync = services.create_sync(object_a=objects[0], object_b=objects[1], actor="bench")
    services.start(sync, actor="bench")
    while not run_slice(sync.pk).quiet:
        pass
    type(sync).objects.filter(pk=sync.pk).update(interval=interval)
    return Pair(workspace, sync.pk, *names, sync.pair.stream_a_id, sync.pair.stream_b_id)


def _named(account: str, number: int) -> str:
    return f"w{number}{account.removeprefix('w0')}"


def _copy(template: Any, number: int) -> Any:
    """A workspace whose tables, indexes, references and rows are those of the template."""
    from tenants.models import Workspace

    made = Workspace(
        slug=f"fresh-{number}", schema_name=f"w_fresh_{number}", name=f"Fresh {number}", plan=template.plan
    )
    made.auto_create_schema, made.schema_version = False, template.schema_version
    made.save()
    old, new = template.schema_name, made.schema_name
    with connection.cursor() as cursor:
        cursor.execute(f"SET search_path = {old}, public")
        cursor.execute(LAYOUT, [old])
        tables = cursor.fetchall()
        cursor.execute(CONSTRAINTS, [old])
        constraints = cursor.fetchall()
        cursor.execute(INDEXES, [old])
        indexes = [definition for (definition,) in cursor.fetchall()]
        cursor.execute(IDENTITIES, [old])
        identities = cursor.fetchall()
        cursor.execute("SET synchronous_commit = off")
        cursor.execute(f"CREATE SCHEMA {new}")
        cursor.execute(f"SET search_path = {new}, public")
        for table, columns in tables:
            cursor.execute(f"CREATE TABLE {new}.{table} (LIKE {old}.{table} INCLUDING ALL EXCLUDING INDEXES)")
            cursor.execute(f"INSERT INTO {new}.{table} ({columns}) SELECT {columns} FROM {old}.{table}")
        for table, column in identities:
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{new}.{table}', '{column}'),"
                f" COALESCE((SELECT max({column}) FROM {new}.{table}), 0) + 1)"
            )
        # Only now: an index over rows that are there is made several times as fast as it is kept.
        for table, name, definition in constraints:
            cursor.execute(f"ALTER TABLE {new}.{table} ADD CONSTRAINT {name} {definition}")
        for definition in indexes:
            cursor.execute(definition.replace(f" ON {old}.", f" ON {new}."))
    connection.close()  # The search path is ours no more.
    return made


def _rename_accounts(number: int) -> None:
    """The copies are other accounts, and their secrets are sealed for their own workspace."""
    from connectors.accounts.session import seal_secrets
    from connectors.models import ConnectedAccount

    found = list(ConnectedAccount.objects.all())
    for one in found:
        name = _named(one.settings["account"], number)
        one.settings, one.remote_id, one.name = {"account": name}, name, name
        one.secrets = seal_secrets(one, {})
    ConnectedAccount.objects.bulk_update(found, ["settings", "remote_id", "name", "secrets"])


def _make_due(pairs: list[Pair]) -> None:
    from syncengine.run.context import DUE_KIND
    from tenants.models import Due

    now, step = timezone.now(), timedelta(seconds=30) / len(pairs)
    Due.objects.all().delete()
    Due.objects.bulk_create(
        Due(workspace=pair.workspace, kind=DUE_KIND, target=pair.sync, at=now + number * step)
        for number, pair in enumerate(pairs)
    )
