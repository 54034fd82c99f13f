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
from datetime import timedelta
from multiprocessing import Process, RawValue, Value
from typing import Any

import django

from syncsite.lifeline import beat, bind_forks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncsite.settings")
django.setup()

import django_q.cluster as django_q  # noqa: E402  (needs Django set up)
from django.db import DatabaseError, InterfaceError, connections  # noqa: E402
from django.utils import timezone  # noqa: E402
from django_q.brokers.orm import ORM  # noqa: E402
from django_q.conf import Conf, logger  # noqa: E402
from django_q.signals import post_execute_in_worker  # noqa: E402

BEAT_SECONDS = 15.0
PUSHER_SECONDS = 60.0
LOOK_SECONDS = 0.02
"""Between two looks whether a worker is free."""
AWAY_SECONDS = 0.5
"""Between two looks whether the database is back."""

TAKE = """
UPDATE django_q_ormq SET lock = %(until)s
 WHERE id = (SELECT id FROM django_q_ormq WHERE key = %(key)s AND lock <= %(now)s
              ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id, payload
"""


class TellingBroker(ORM):
    """The database as queue, first come, first served, from which a task is taken only when a worker is free for it.

    django-q's own takes tasks ahead of time: one may wait behind a slice of twenty seconds while the workers of
    another cluster have nothing to do. It also remembers when the pusher last got an answer from the database.
    """

    def __init__(self, list_key: str | None = None, *, workers: int = Conf.WORKERS) -> None:
        super().__init__(list_key)
        self._workers = workers
        # Shared between processes, and without a lock that a killed one could keep.
        self.answered = RawValue("d", time.monotonic())
        self._done = Value("L", 0)
        self._taken = 0
        """Known to the pusher alone."""

    def dequeue(self) -> Any:
        if self._busy() >= self._workers:
            time.sleep(LOOK_SECONDS)
            self.answered.value = time.monotonic()
            return None
        try:
            taken = self._take()
        except (DatabaseError, InterfaceError) as error:
            # It may be back in a moment. django-q would end the pusher, after ten seconds.
            logger.warning("The queue cannot be asked: %s", type(error).__name__)
            connections[Conf.ORM].close()
            time.sleep(AWAY_SECONDS)
            return None
        self.answered.value = time.monotonic()
        if not taken:
            time.sleep(Conf.POLL)
        self._taken += len(taken)
        return taken

    def note_done(self) -> None:
        """A worker has ended a task, or was ended with it."""
        with self._done.get_lock():
            self._done.value += 1

    def _busy(self) -> int:
        # One that was ended by its time limit may be counted twice: then a task is taken ahead of time once.
        self._taken = max(self._taken, self._done.value)
        return self._taken - self._done.value

    def _take(self) -> list[tuple[int, str]]:
        self.get_connection(self.list_key)  # closes a connection that is too old
        now = timezone.now()
        params = {"key": self.list_key, "now": now, "until": now + timedelta(seconds=Conf.RETRY)}
        with connections[Conf.ORM].cursor() as cursor:
            cursor.execute(TAKE, params)
            return [(pk, payload) for pk, payload in cursor.fetchall()]


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
        if process in self.pool and process.timer.value == 0:
            self.broker.note_done()
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
    broker = TellingBroker()

    def note_done(task: dict[str, Any], **_: Any) -> None:
        if "ack_id" in task:
            broker.note_done()

    post_execute_in_worker.connect(note_done, weak=False)
    django_q.Cluster(broker=broker).start()


if __name__ == "__main__":
    main()
