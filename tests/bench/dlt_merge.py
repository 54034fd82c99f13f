"""One merge by dlt, as a command of its own: rows of a table into one of another database, one way.

    python -m tests.bench.dlt_merge SOURCE_URL DESTINATION_URL DIRECTORY

Its state lives in the directory and in the destination: a second call goes on from the newest `updated_at`. The last
line is one JSON object: wall and CPU seconds of the merge alone, without the start of Python and the imports.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from urllib.parse import urlsplit

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"


def merge(source: str, destination: str, directory: str) -> dict[str, float]:
    import dlt
    from dlt.sources.credentials import ConnectionStringCredentials
    from dlt.sources.sql_database import sql_table

    people = sql_table(
        credentials=ConnectionStringCredentials(source),
        table="contacts",
        incremental=dlt.sources.incremental("updated_at"),
        primary_key="email",
        write_disposition={"disposition": "merge", "strategy": "upsert"},
    )
    pipeline = dlt.pipeline(
        f"people_{urlsplit(source).path.strip('/')}",  # Its state is kept by this name, in the destination, too.
        destination=dlt.destinations.postgres(destination),
        dataset_name="merged",
        pipelines_dir=directory,
    )
    spent, began = _cpu(), time.perf_counter()
    pipeline.run(people)
    return {"wall_s": round(time.perf_counter() - began, 3), "cpu_s": round(_cpu() - spent, 3)}


def _cpu() -> float:
    """Of this process and of those that it has started and waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("destination")
    parser.add_argument("directory")
    given = parser.parse_args()
    print(json.dumps(merge(given.source, given.destination, given.directory)))


if __name__ == "__main__":
    main()
