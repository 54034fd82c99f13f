"""What a piece of work costs: CPU of the worker, of the far end in it, and of PostgreSQL's backend, and memory."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.far_end import FarEnd


@dataclass(slots=True)
class Figures:
    """Seconds and bytes; what is counted per record is told in microseconds."""

    wall: float = 0.0
    worker: float = 0.0
    """CPU of this process without the far end's."""
    far_end: float = 0.0
    database: float = 0.0
    """CPU of the backend that serves this process."""
    peak: int = 0
    """Most memory that the process held meanwhile, in bytes."""
    calls: dict[str, int] = field(default_factory=dict)

    def per(self, records: int) -> dict[str, Any]:
        return {
            "worker_us": round(self.worker / records * 1e6, 2),
            "database_us": round(self.database / records * 1e6, 2),
            "far_end_us": round(self.far_end / records * 1e6, 2),
            "wall_s": round(self.wall, 2),
            "peak_mb": round(self.peak / 2**20, 1),
            "calls": self.calls,
        }


@contextmanager
def measured(*apps: FarEnd) -> Iterator[Figures]:
    """The figures are filled in when the block ends."""
    found, pid = Figures(), backend()
    calls = [dict(app.spent.calls) for app in apps]
    far = sum(app.spent.cpu for app in apps)
    forget_peak()
    began, worker, database = time.perf_counter(), time.process_time(), cpu_of(pid)
    yield found
    found.far_end = sum(app.spent.cpu for app in apps) - far
    found.worker = time.process_time() - worker - found.far_end
    found.database = cpu_of(pid) - database
    found.wall = time.perf_counter() - began
    found.peak = peak_memory()
    for app, before in zip(apps, calls, strict=True):
        for name, count in app.spent.calls.items():
            if count > before.get(name, 0):
                found.calls[f"{app.identity.id}.{name}"] = count - before.get(name, 0)


def backend() -> int:
    """The process that serves our connection."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def cpu_of(pid: int) -> float:
    """Seconds; exact where the kernel tells nanoseconds, else by its clock ticks."""
    with suppress(OSError, ValueError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    import psutil

    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def forget_peak() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> int:
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def floor(texts: Sequence[str]) -> dict[str, float]:
    """Decode, fingerprint and COPY these records: what no reading can do without. Microseconds a record."""
    import orjson
    from django.db import connection

    from syncengine.core.storable import storable_print

    pid = backend()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE bench_floor (id text, fingerprint text)")
        worker, database = time.process_time(), cpu_of(pid)
        with cursor.copy("COPY bench_floor FROM STDIN") as copy:
            for start in range(0, len(texts), 1000):
                rows = []
                for text in texts[start : start + 1000]:
                    values = orjson.loads(text)
                    rows.append(f"{values['id']}\t{storable_print(values)[1]}\n")
                copy.write("".join(rows))
        found = {
            "worker_us": (time.process_time() - worker) / len(texts) * 1e6,
            "database_us": (cpu_of(pid) - database) / len(texts) * 1e6,
        }
        cursor.execute("DROP TABLE bench_floor")
    return {name: round(value, 2) for name, value in found.items()}
