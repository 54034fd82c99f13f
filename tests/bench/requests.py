"""Requests that a sync makes beside the fewest that can do it, for apps of every kind.

    ./run bench requests [--records 2000]

Three ways of reading (a feed of changes, what was modified since, a complete listing), each with answers that tell
what a record holds and a lock, and with neither. The fewest are the pages that hold what there is to read, what we
wrote before included, the batches that hold what is to be written, and for each batch that was not answered in full
one reading by ids before and one after it. First a sync of two ends that have half of their people in common; then
rounds of edits at both ends, each read, written and come to rest.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.bench import site

PAGE = BATCH = 100
ROUNDS = 3
COUNTED = ("read", "get", "find", "write")


def measure(records: int) -> dict[str, Any]:
    from connectors.contract import ReadStrategy

    return {
        f"{read.value}, {'answers' if answers else 'read back'}": _case(records, read, answers)
        for read in ReadStrategy
        for answers in (True, False)
    }


def _case(records: int, read: Any, answers: bool) -> dict[str, Any]:
    from connectors import accounts, registry
    from connectors.contract import Idempotency, ReadStrategy, WriteKind
    from connectors.testing.memory import MemoryApp, MemoryConnector, contacts
    from syncengine import services
    from syncengine.core.brake import Thresholds
    from syncengine.run.clock import Clock
    from syncengine.run.runner import run_slice

    now = datetime(2026, 1, 1, tzinfo=UTC)

    def stamp() -> str:
        """The apps' own clock tells seconds: some records share one."""
        return now.strftime("%Y-%m-%dT%H:%M:%SZ")

    facts: dict[str, Any] = {
        "read": read,
        "tombstones": read is not ReadStrategy.LISTING,
        "batch": dict.fromkeys(WriteKind, BATCH),
        "get_batch": BATCH,
        "page_size": PAGE,
        "lock": answers,
        "answers": answers,
        "idempotency": Idempotency.KEY,
    }
    apps = [MemoryApp(contacts(**facts), identity=name, clock=stamp) for name in ("left", "right")]
    for app, start in zip(apps, (0, records // 2), strict=True):
        for n in range(start, start + records):
            app["contacts"].add(first="Ann", last=f"Lee{n}", mail=f"p{n}@example.com", job="Clerk")

    def tick() -> datetime:
        nonlocal now
        now += timedelta(milliseconds=1)
        return now

    def made() -> int:
        return sum(app.calls[name] for app in apps for name in COUNTED)

    with site.workspace(), registry.installed(MemoryConnector(*apps)):
        objects = [
            accounts.connect(
                app="memory",
                name="",
                values={"account": app.identity.id, "password": app.password},
                actor="bench",
            ).objects_offered.get(name="contacts")
            for app in apps
        ]
        settings = replace(services.proposed_settings(*objects), brake=Thresholds(changes=10**9, clears=10**9))
        sync = services.create_sync(object_a=objects[0], object_b=objects[1], actor="bench", settings=settings)
        services.start(sync, actor="bench")

        def to_rest() -> int:
            nonlocal now
            before = made()
            while not (found := run_slice(sync.pk, Clock(now=tick))).quiet:
                assert found.at is not None
                now = max(now, found.at)
            return made() - before

        looks = 0 if answers else 1
        half = math.ceil(records / 2 / BATCH)
        first, fewest_first = to_rest(), 2 * (math.ceil(records / PAGE) + half * (1 + looks))
        steady = fewest = 0
        edits, echo = records // 4, records // 2
        for round_ in range(ROUNDS):
            now += timedelta(minutes=5)
            for app in apps:
                ids = list(app["contacts"].rows)
                part = ids[:edits] if app is apps[0] else ids[edits : 2 * edits]
                for id_ in part:
                    now += timedelta(milliseconds=100)
                    app["contacts"].edit(id_, job=f"Job {round_}")
            steady += to_rest()
            total = len(apps[0]["contacts"].rows)
            pages = math.ceil((total if read is ReadStrategy.LISTING else edits + echo) / PAGE)
            fewest += 2 * (pages + math.ceil(edits / BATCH) * (1 + 2 * looks))
            echo = edits
    return {
        "first": {"made": first, "fewest": fewest_first, "ratio": round(first / fewest_first, 3)},
        "steady": {"made": steady, "fewest": fewest, "ratio": round(steady / fewest, 3)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=2000)
    given = parser.parse_args()
    site.set_up()
    print(json.dumps({"bench": "requests", "records": given.records, **measure(given.records), **site.machine()}))


if __name__ == "__main__":
    main()
