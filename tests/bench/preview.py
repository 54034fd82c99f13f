"""A preview of a first run: made, searched, approved and carried out, on two apps in memory that share half of their
contacts. The floor beside it is the same first run without a preview, on copies of the same apps.

    ./run bench preview [--contacts 100000] [--only] [--no-floor]

`--only`: made and searched, not carried out. `--no-floor`: carried out, without the first run beside it.
"""

from __future__ import annotations

import argparse
import copy
import json
import resource
import time
from collections.abc import Callable
from typing import Any

import psutil

from connectors.contract import Idempotency, ReadStrategy, WriteKind
from connectors.testing.memory import MemoryApp, MemoryConnector, MemoryObject, contacts
from tests.bench import site


def apps(count: int) -> tuple[MemoryObject, MemoryObject]:
    """Half of the people are in both; of every third of those the job differs. Of those who are on the right only,
    every tenth has no e-mail address, and stays out."""
    habits: dict[str, Any] = {
        "batch": {WriteKind.CREATE: 100, WriteKind.UPDATE: 100},
        "page_size": 1000,
        "get_batch": 1000,
        "lock": True,
        "idempotency": Idempotency.KEY,
        "read": ReadStrategy.DELTA,
        "tombstones": True,
    }
    left, right = contacts(**habits), contacts(**habits)
    for n in range(count):
        left.add(person(n), job="Cook")
        m = n + count // 2
        without = {"mail": None} if m >= count and m % 10 == 0 else {}
        right.add({**person(m), **without}, job="Baker" if m % 3 == 0 else "Cook")
    return left, right


def person(n: int) -> dict[str, Any]:
    return {
        "first": f"First{n}",
        "last": f"Last{n % 997}",
        "mail": f"p{n}@example.com",
        "phone": f"+49 30 {1000000 + n}",
        "company": f"Company {n % 97}",
        "notes": f"Met in {1990 + n % 30}. " + "Spoke about this and that. " * 8,
    }


def timed(work: Callable[[], Any]) -> dict[str, Any]:
    spent, began = time.process_time(), time.perf_counter()
    found = work()
    return {
        "wall_s": round(time.perf_counter() - began, 3),
        "worker_cpu_s": round(time.process_time() - spent, 3),
        **({"found": found} if isinstance(found, int) else {}),
    }


def new_sync(name: str, sides: tuple[MemoryObject, MemoryObject], connector: MemoryConnector) -> Any:
    from connectors import accounts
    from syncengine import services

    objects = []
    for side, one in zip("ab", sides, strict=True):
        app = MemoryApp(one, identity=f"{name}-{side}", label=f"{name} {side}")
        connector.apps[app.identity.id] = app
        values = {"account": app.identity.id, "password": app.password}
        account = accounts.connect(app="memory", name="", values=values, actor="bench")
        objects.append(services.objects_to_sync(account)[0])
    return services.create_sync(object_a=objects[0], object_b=objects[1], actor="bench")


def to_rest(sync: Any) -> None:
    from syncengine.run.runner import run_slice

    while not (found := run_slice(sync.pk)).quiet:
        assert found.at is not None
        time.sleep(0.01)


def searches(run: Any) -> dict[str, Any]:
    """The first page of what people look for, in milliseconds; the best of three."""
    from syncengine import previews, queries

    wanted = {
        "everything": previews.Wanted(),
        "record": previews.Wanted(search="First77777 "),
        "nobody": previews.Wanted(search="no such person"),
        "id": previews.Wanted(search="4711"),
        "field": previews.Wanted(field="job", kind="update"),
        "rare field": previews.Wanted(field="tags"),
        "side": previews.Wanted(side="a"),
        "rule": previews.Wanted(rule="3.4"),
        "rare rule": previews.Wanted(rule="3.11"),
        "all four": previews.Wanted(search="77", field="job", side="b", rule="3.4"),
    }
    times = {}
    for name, one in wanted.items():
        best = min(timed(lambda one=one: len(queries.after_key(previews.operations(run, one), "", 50).rows))["wall_s"]
                   for _ in range(3))  # fmt: skip
        times[name] = round(best * 1000, 1)
    return times


def left_alone(run: Any) -> dict[str, Any]:
    """The same among what is left out."""
    from syncengine import untouched
    from syncengine.untouched import Sought

    wanted = {"all": Sought(), "cause": Sought(cause="no_email"), "nobody": Sought(search="no such person"),
              "record": Sought(search="Last77"), "rule": Sought(rule="6.1", side="b")}  # fmt: skip
    return {
        name: round(1000 * min(timed(lambda one=one: untouched.records(run, one))["wall_s"] for _ in range(3)), 1)
        for name, one in wanted.items()
    }


def pages(sync: Any, workspace: Any) -> dict[str, Any]:
    """Whole answers of the site and the API, in milliseconds; the best of three."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    from tenants.models import Membership, WorkspaceAPIKey
    from tenants.urls import workspace_url

    user = get_user_model().objects.create_user(username=f"bench-{workspace.slug}", email=f"{workspace.slug}@localhost")
    Membership.objects.create(user=user, workspace=workspace, role="owner")
    _row, key = WorkspaceAPIKey.objects.create_key(workspace=workspace, name="bench")
    site_client = Client(headers={"host": "localhost"})
    site_client.force_login(user)
    api_client = Client(headers={"host": "localhost", "authorization": f"Bearer {key}"})
    asked = {
        "page": (site_client, "sync_preview", {}),
        "page, a field": (site_client, "sync_preview", {"field": "job"}),
        "page, left out": (site_client, "sync_preview", {"kind": "leave_out"}),
        "page of the sync": (site_client, "sync_detail", {}),
        "api": (api_client, "api_preview", {}),
        "api, operations": (api_client, "api_preview_operations", {}),
        "api, left out": (api_client, "api_preview_untouched", {}),
    }
    found = {}
    for name, (client, view, said) in asked.items():
        address = workspace_url(workspace, view, sync.pk)

        def ask(client: Any = client, address: str = address, said: dict[str, str] = said) -> None:
            assert client.get(address, said).status_code == 200, address

        found[name] = round(1000 * min(timed(ask)["wall_s"] for _ in range(3)), 1)
    user.delete()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--only", action="store_true")
    parser.add_argument("--no-floor", action="store_true")
    said = parser.parse_args()
    count: int = said.contacts
    site.set_up()
    from connectors import registry
    from syncengine import previews, services
    from syncengine.models import Operation
    from syncengine.run.preview import run_preview_slice
    from tests.bench.meter import measured

    sides = apps(count)
    connector = MemoryConnector(name="memory", label="Memory")
    with registry.installed(connector), site.workspace() as workspace:
        whole: dict[str, Any] = {}
        floor = None
        if not said.only and not said.no_floor:
            floor = new_sync("floor", copy.deepcopy(sides), connector)
            whole["first_run_without"] = timed(lambda: (services.start(floor, actor="bench"), to_rest(floor)))
        sync = new_sync("ours", sides, connector)
        run = previews.start(sync, actor="bench")

        slices = 1

        def make() -> None:
            nonlocal slices
            while not run_preview_slice(run.pk).quiet:
                slices += 1

        before = psutil.Process().memory_info().rss
        with measured() as figures:
            make()
        made = {
            "wall_s": round(figures.wall, 3),
            "worker_cpu_s": round(figures.worker, 3),
            "database_cpu_s": round(figures.database, 3),
            "worker_us_a_record": round(figures.worker / (2 * count) * 1e6, 1),
            "database_us_a_record": round(figures.database / (2 * count) * 1e6, 1),
            # The apps themselves live in this process, and were there before.
            "grown_mb": round((figures.peak - before) / 2**20, 1),
            "slices": slices,
        }
        run.refresh_from_db()
        shown = previews.operations(run).count()
        found = searches(run)
        alone = left_alone(run)
        answers = pages(sync, workspace)
        if not said.only:
            whole["approved"] = timed(lambda: previews.approve(run, actor="bench"))
            whole["carried_out"] = timed(lambda: to_rest(sync))
            done = Operation.objects.filter(run__sync=sync, state="done", decided_at__isnull=False).count()
            assert done == shown, (done, shown)
        if floor is not None:
            sync.refresh_from_db()
            floor.refresh_from_db()
            assert sync.counts == floor.counts, (sync.counts, floor.counts)
            whole["ratio"] = round(made["wall_s"] / whole["first_run_without"]["wall_s"], 3)
    print(
        json.dumps(
            {
                "bench": "preview",
                "contacts": count,
                "operations": shown,
                "made": made,
                "search_ms": found,
                "left_out_ms": alone,
                "answers_ms": answers,
                **whole,
                "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                "counts": run.progress["counts"],
                **site.machine(),
            }
        )
    )


if __name__ == "__main__":
    main()
