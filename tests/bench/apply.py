"""Changed records end to end: everybody is edited in one app, read, planned, written to the other, and stored.

    ./run bench apply [--records 100000] [--page 500]

The apps live in the process, set no limits, tell what changed and take 100 writes at once. CPU of the worker, of the
apps and of PostgreSQL's backend are counted apart; the floor is decoding, fingerprinting and COPY of the same records.
Requests are set beside the fewest that can do it: the pages of what changed, the batches, a look at the other side.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import replace
from typing import Any

from tests.bench import site


def measure(records: int, page: int) -> dict[str, Any]:
    with site.workspace():
        return changed(records, page)


def changed(records: int, page: int, clock: Any = None) -> dict[str, Any]:
    """In the current workspace, by a clock other than the usual one where it is given."""
    from connectors.contract import ReadStrategy
    from syncengine import services
    from syncengine.core.brake import Thresholds
    from syncengine.models import Operation
    from syncengine.run.runner import run_slice
    from tests.bench.far_end import FarConnector, FarEnd, connected, installed, text_of
    from tests.bench.meter import floor, measured

    left, right = (
        FarEnd(name, records, page=page, read=ReadStrategy.DELTA, tombstones=True) for name in ("left", "right")
    )
    with installed(FarConnector(left, right)):
        a, b = connected(left, right)
        # Nobody is there to be asked whether that many are to be changed.
        settings = replace(services.proposed_settings(a, b), brake=Thresholds(changes=10**9))
        sync = services.create_sync(object_a=a, object_b=b, actor="bench", settings=settings)
        services.start(sync, actor="bench")

        def to_rest() -> None:
            while not (found := run_slice(sync.pk, clock)).quiet:
                assert found.at is not None

        with measured(left, right) as linking:
            to_rest()
        assert not right.written, "both sides hold the same at first"
        left.edit(range(records))
        with measured(left, right) as figures:
            to_rest()
        assert len(right.written) == records and not left.written
        assert Operation.objects.filter(state="done").count() == records
        lowest = floor([text_of(number) for number in range(min(records, 20_000))])
    found = figures.per(records)
    fewest = math.ceil(records / page) + math.ceil(records / 100) + 1
    return {
        **found,
        "requests": {"made": sum(figures.calls.values()), "fewest": fewest},
        "floor": lowest,
        "ratio": {name: round(found[name] / max(lowest[name], 0.01), 2) for name in ("worker_us", "database_us")},
        "first_run": linking.per(2 * records),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--page", type=int, default=500)
    given = parser.parse_args()
    site.set_up()
    figures = measure(given.records, given.page)
    print(json.dumps({"bench": "apply", "records": given.records, **figures, **site.machine()}))


if __name__ == "__main__":
    main()
