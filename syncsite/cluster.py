"""One django-q cluster that ends as a whole rather than stall: `python -m syncsite.cluster`.

django-q replaces a worker that died, but a worker killed while it waited for work takes the lock of the
shared queue with it, and its successors wait for ever; the same holds for the monitor and the pusher. So the
death of any of them by a signal ends the whole cluster, at once, and the supervisor starts a new one.

What stalls without dying shows as a missing pulse: a beat travels through the queue to a worker like any
task, and is sent only while the pusher keeps asking the database for work.
"""

from __future__ import annotations

import os
import queue
import time
import uuid
from multiprocessing import Process, RawValue
from typing import Any

import django

from syncsite.lifeline import beat, bind_forks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncsite.settings")
django.setup()

import django_q.cluster as django_q  # noqa: E402  (needs Django set up)
from django.utils import timezone  # noqa: E402
from django_q.brokers.orm import ORM  # noqa: E402
from django_q.conf import logger  # noqa: E402

BEAT_SECONDS = 15.0
PUSHER_SECONDS = 60.0


class TellingBroker(ORM):
    """The database as queue, which remembers when the pusher last got an answer from it."""

    def __init__(self, list_key: str | None = None) -> None:
        super().__init__(list_key)
        # Shared between processes, and without a lock that a killed one could keep.
        self.answered = RawValue("d", time.monotonic())

    def dequeue(self) -> Any:
        taken = super().dequeue()
        self.answered.value = time.monotonic()
        return taken


class MortalSentinel(django_q.Sentinel):
    """django-q's sentinel, which gives up where it would go on with a broken queue."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._next_beat = 0.0
        super().__init__(*args, **kwargs)

    def reincarnate(self, process: Process) -> None:
        """Replace a process that has left by itself; for one that was killed, end the cluster."""
        if process.exitcode is not None and process.exitcode < 0:
            logger.critical("A process was killed by signal %d: the cluster ends.", -process.exitcode)
            os._exit(1)  # the kernel ends the others, who are bound to this process
        super().reincarnate(process)

    def status(self) -> str:
        """Called at every turn of the guard, once running: the place to keep the pulse."""
        if time.monotonic() >= self._next_beat and self.start_event.is_set():
            self._next_beat = time.monotonic() + BEAT_SECONDS
            self._send_beat()
        return super().status()

    def _send_beat(self) -> None:
        silence = time.monotonic() - self.broker.answered.value
        if silence > PUSHER_SECONDS and not self.task_queue.full():
            logger.critical("The pusher has had no answer from the database for %d s.", silence)
            return
        if any(worker.timer.value > 0 for worker in self.pool):
            beat()  # a worker is at work: if it hangs there, its time limit ends it
            return
        task = {
            "id": uuid.uuid4().hex, "name": "beat", "func": beat, "args": (), "kwargs": {},
            "started": timezone.now(), "save": False,
        }  # fmt: skip
        try:
            self.task_queue.put(task, block=False)
        except queue.Full:
            logger.warning("The queue is full while no worker is at work.")


def main() -> None:
    bind_forks()
    django_q.Sentinel = MortalSentinel
    django_q.Cluster(broker=TellingBroker()).start()


if __name__ == "__main__":
    main()
