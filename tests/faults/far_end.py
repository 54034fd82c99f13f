"""The far end of `tests.faults.connector`: apps in memory behind HTTP, which may keep an answer back."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from connectors.contract import ConnectorError, WriteKind
from connectors.testing.memory import MemoryApp, MemoryClient

PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Question:
    """What arrived."""

    account: str
    process: int
    method: str
    kind: str
    """Of a write."""


@dataclass
class FarEnd:
    apps: dict[str, MemoryApp]
    asked: list[Question] = field(default_factory=list)
    address: str = ""
    latency: float = 0.0
    """Seconds that each answer takes on its way."""
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _held: threading.Event = field(default_factory=threading.Event)
    _released: threading.Event = field(default_factory=threading.Event)
    _hold_at: int | None = None
    _kept: Question | None = None

    def hold_answer_of_create(self, number: int) -> None:
        """The record is made, and the answer kept back until `release`."""
        with self._lock:
            self._hold_at = number
            self._held.clear()
            self._released.clear()

    @property
    def held(self) -> Question | None:
        """The question whose answer is kept back."""
        return self._kept if self._held.is_set() else None

    def hold_next(self, number: int) -> None:
        """Let go of what is kept back; of the next one that is made the answer is kept back again."""
        with self._lock:
            released, self._released = self._released, threading.Event()
            self._hold_at = number
            self._held.clear()
            released.set()

    def release(self) -> None:
        self._released.set()

    def asked_by(self, process: int) -> int:
        return sum(question.process == process for question in self.asked)

    def created(self) -> int:
        return sum(one.created_by_write for app in self.apps.values() for one in app.objects.values())

    def answer(self, body: bytes) -> bytes:
        account, process, method, args = pickle.loads(body)
        with self._lock:
            before = self.created()
            kind = str(args[1][0].kind) if method == "write" else ""
            question = Question(account, process, method, kind)
            self.asked.append(question)
            try:
                found = (True, getattr(MemoryClient(self.apps[account]), method)(*args))
            except ConnectorError as error:
                found = (False, error)
            keep = kind == WriteKind.CREATE and self._hold_at is not None and before < self._hold_at <= self.created()
            released = self._released
            if keep:
                self._kept, self._hold_at = question, None
                self._held.set()
        if self.latency:
            time.sleep(self.latency)
        if keep:
            released.wait(PATIENCE)
        return pickle.dumps(found)


@contextmanager
def serving(*apps: MemoryApp) -> Iterator[FarEnd]:
    """Answers as long as the block runs."""
    end = FarEnd({app.identity.id: app for app in apps})

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found = end.answer(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                self.send_response(200)
                self.send_header("Content-Length", str(len(found)))
                self.end_headers()
                self.wfile.write(found)
            except OSError:
                pass  # Whoever asked is no more.

        def log_message(self, *_: object) -> None:
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    end.address = f"http://127.0.0.1:{server.server_address[1]}/"
    try:
        yield end
    finally:
        end.release()
        server.shutdown()
        server.server_close()
