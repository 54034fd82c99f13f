"""Two SQL tables of 100,000 rows, half of them in both: our first sync, a sync with nothing to do, and one after 20
edits (ten on each side), beside dlt's merge of the same rows, which goes one way.

    ./run bench sql_sync [--rows 100000] [--no-peer]

Ours is measured from the start of the run to rest, in a warm worker, through accounts that are connected as people
connect them. dlt merges the left table into a copy of the right one, from the call of `pipeline.run` to its end; that
it starts and imports first is not counted. "database" is the CPU of the site's own backend, "tables" that of all
other backends of the server: those that serve the tables, and what the server does in the background.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from tests.bench import site
from tests.bench.tables import Place, Server, databases

EDITS = 20


def people(rows: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """First and last number on each side."""
    return (1, rows), (rows // 2 + 1, rows + rows // 2)


def edit(left: Place, right: Place, rows: int, note: str) -> None:
    """Ten people on each side: five who are only there at first, five who are in both."""
    (first, _), (_, last) = people(rows)
    both = rows // 2 + 1
    left.edit([*range(first, first + EDITS // 4), *range(both, both + EDITS // 4)], note)
    right.edit([*range(last - EDITS // 4, last), *range(both + EDITS // 4, both + EDITS // 2)], note)


def three(run: Callable[[], dict[str, Any]], places: tuple[Place, Place], rows: int, note: str) -> dict[str, Any]:
    found = {"first": run(), "nothing": run()}
    edit(*places, rows, note)
    return found | {"edits": run()}


def ours(left: Place, right: Place, rows: int) -> dict[str, Any]:
    from connectors import accounts
    from connectors.contract import Kind
    from syncengine import services
    from syncengine.models import Operation
    from syncengine.run.runner import run_slice
    from tests.bench.meter import backend, measured

    with site.workspace():
        objects = []
        for place in (left, right):
            account = accounts.connect(app="sql", name="", values=place.settings, actor="bench")
            table = account.objects_offered.get(name="contacts")
            objects.append(accounts.set_meaning(table, kind=Kind.CONTACT, fields={}, actor="bench"))
        sync = services.create_sync(object_a=objects[0], object_b=objects[1], actor="bench")
        assert sum(mapping.enabled for mapping in services.current_settings(sync).mappings) == 12
        services.start(sync, actor="bench")
        server = Server(backend())

        def to_rest() -> dict[str, Any]:
            slices, spent = 1, server.cpu()
            with measured() as figures:
                while not run_slice(sync.pk).quiet:
                    slices += 1
            return {
                "wall_s": round(figures.wall, 3),
                "worker_cpu_s": round(figures.worker, 3),
                "database_cpu_s": round(figures.database, 3),
                "tables_cpu_s": round(max(server.cpu() - spent - figures.database, 0.0), 3),
                "peak_mb": round(figures.peak / 2**20, 1),
                "slices": slices,
            }

        found = three(to_rest, (left, right), rows, "Edited while we look.")
        written = Operation.objects.filter(state="done").count()
        assert written == 2 * (rows // 2) + EDITS, written
        sync.refresh_from_db()
        return found | {"states": sync.counts}


def theirs(left: Place, right: Place, rows: int) -> dict[str, Any]:
    from tests.bench.meter import backend

    server = Server(backend())
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:

        def merge(source: Place = left) -> dict[str, Any]:
            spent = server.cpu()
            where = f"{directory}/{source.database}"
            command = [sys.executable, "-m", "tests.bench.dlt_merge", source.url, right.url, where]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-4000:]
            said = json.loads(done.stdout.splitlines()[-1])
            return {**said, "tables_cpu_s": round(server.cpu() - spent, 3)}

        merge(right)  # The destination holds the right table's rows to begin with.
        found = three(merge, (left, right), rows, "Edited for the other one.")
        assert right.run("SELECT count(*) FROM merged.contacts") == [(rows + rows // 2,)]
        note = right.run("SELECT count(*) FROM merged.contacts WHERE notes = 'Edited for the other one.'")
        assert note == [(EDITS // 2,)]
        return found


def check_equal(left: Place, right: Place, rows: int) -> None:
    """Both tables hold everybody once, with the same values."""
    from tests.bench.far_end import MAPPED

    names = ", ".join(field.name for field in MAPPED)
    digest = f"SELECT count(*), count(DISTINCT email), md5(string_agg(md5(row({names})::text), '' ORDER BY email)) FROM contacts"  # noqa: E501
    (one,), (other,) = left.run(digest), right.run(digest)
    assert one == other and one[0] == one[1] == rows + rows // 2, (one, other)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--no-peer", action="store_true")
    given = parser.parse_args()
    site.set_up()
    measure(given.rows, peer=not given.no_peer)


def measure(rows: int, *, peer: bool) -> None:
    with ExitStack() as stack:
        names = ("left", "right", "their_left", "their_right")
        places = stack.enter_context(databases(*names[: 4 if peer else 2]))
        for number, place in enumerate(places):
            place.fill(*people(rows)[number % 2])
        other = theirs(places[2], places[3], rows) if peer else {}
        own = ours(places[0], places[1], rows)
        check_equal(places[0], places[1], rows)
    ratio = {name: round(own[name]["wall_s"] / other[name]["wall_s"], 3) for name in other}
    print(json.dumps({"bench": "sql_sync", "rows": rows, "ours": own, "dlt": other, "ratio": ratio, **site.machine()}))


if __name__ == "__main__":
    main()
