"""How much of what an app allows is used: a first sync of two ends that count requests in a sliding window.

    ./run bench quota [--records 100000] [--batch 100] [--chain]

110 requests in any 10 seconds for each account, 250 ms until an answer, pages and batches of 100; half of the people
are at both ends. Used is what was answered, of what a window allows, from the first to the last page that was read
and from the first to the last batch that was written. With `--chain` the place of a page is known from the page
before only, so that pages cannot be asked for at once. Nothing counts but requests: CPU is told beside.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from tests.bench import site

REQUESTS, SECONDS, LATENCY = 110, 10.0, 0.25
AT_ONCE = 12


def measure(
    records: int, batch: int, *, ahead: int = AT_ONCE, latency: float = LATENCY, requests: int = REQUESTS
) -> dict[str, Any]:
    from connectors.contract import ReadStrategy, WriteKind
    from syncengine import services
    from syncengine.models import RecordLink
    from syncengine.run.runner import run_slice
    from tests.bench.far_end import connected, installed
    from tests.bench.limited import LimitedConnector, LimitedEnd, Window
    from tests.bench.meter import measured

    facts: dict[str, Any] = {
        "page": batch,
        "batch": dict.fromkeys(WriteKind, batch),
        "get_batch": batch,
        "read": ReadStrategy.DELTA,
        "tombstones": True,
    }
    ends = [
        LimitedEnd(name, records, Window(requests, SECONDS, latency), ahead=ahead, shift=shift, **facts)
        for name, shift in (("left", 0), ("right", records // 2))
    ]
    with site.workspace(), installed(LimitedConnector(*ends, at_once=AT_ONCE)):
        a, b = connected(*ends)
        for end in ends:
            end.window.answered.clear()
        sync = services.create_sync(object_a=a, object_b=b, actor="bench")
        began = time.monotonic()
        services.start(sync, actor="bench")
        with measured(*ends) as figures:
            while not (found := run_slice(sync.pk)).quiet:
                assert found.at is not None
                wait = found.at.timestamp() - time.time()
                if wait > 0:
                    time.sleep(wait)
        took = time.monotonic() - began
        linked = RecordLink.objects.filter(pair=sync.pair, a_id__isnull=False, b_id__isnull=False).count()
    assert linked == records + records // 2, linked
    return {
        "ends": {end.identity.id: _told(end.window) for end in ends},
        "refused_share": round(
            sum(end.window.refused for end in ends) / sum(len(end.window.answered) for end in ends), 5
        ),
        "wall_s": round(took, 1),
        "worker_cpu_s": round(figures.worker, 1),
        "database_cpu_s": round(figures.database, 1),
    }


def _told(window: Any) -> dict[str, Any]:
    return {
        "reading": window.use("read", before="write"),
        "writing": window.use("write"),
        "refused": window.refused,
        "most_at_once": window.most_at_once,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--chain", action="store_true")
    given = parser.parse_args()
    site.set_up()
    figures = measure(given.records, given.batch, ahead=0 if given.chain else AT_ONCE)
    print(json.dumps({"bench": "quota", "records": given.records, "batch": given.batch, **figures, **site.machine()}))


if __name__ == "__main__":
    main()
