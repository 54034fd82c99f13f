"""Real address book servers for tests, each a process of its own on a free port, and a meddler in between."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

USER = "ann"
PASSWORD = "correct-horse-battery"
MOST_WAIT = 20.0

_NEW_BOOK = """<?xml version="1.0" encoding="utf-8"?>
<mkcol xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><set><prop>
<resourcetype><collection/><C:addressbook/></resourcetype><displayname>{label}</displayname>
</prop></set></mkcol>"""


@dataclass(frozen=True)
class DavServer:
    """A running server, looked at directly and not through our code."""

    url: str
    """Ends in a slash."""
    directory: Path
    home: str
    """Path of the collection that holds the address books."""

    def account(self, *, address: str | None = None, password: str = PASSWORD) -> dict[str, str]:
        return {"address": address or self.url, "user": USER, "password": password}

    def send(self, method: str, path: str, body: str | bytes = b"", **headers: str) -> requests.Response:
        data = body.encode() if isinstance(body, str) else body
        url = self.url.rstrip("/") + path
        with requests.Session() as http:
            http.trust_env = False
            return http.request(method, url, data=data, headers=headers, auth=(USER, PASSWORD), timeout=20)

    @contextmanager
    def book(self, label: str = "People") -> Iterator[str]:
        """Path of a new, empty address book, which is gone afterwards."""
        path = f"{self.home}book-{uuid.uuid4().hex[:8]}/"
        reply = self.send("MKCOL", path, _NEW_BOOK.format(label=label), **{"Content-Type": "application/xml"})
        assert reply.status_code == 201, reply.text
        yield path
        self.delete(path)

    def put(self, path: str, card: str, **headers: str) -> str:
        """Store a card as it is; its ETag."""
        reply = self.send("PUT", path, card, **{"Content-Type": "text/vcard; charset=utf-8", **headers})
        assert reply.status_code in (201, 204), (reply.status_code, reply.text)
        return reply.headers["ETag"]

    def card(self, path: str) -> str:
        """A card as the server holds it."""
        reply = self.send("GET", path)
        assert reply.status_code == 200, reply.status_code
        return reply.content.decode()

    def delete(self, path: str) -> None:
        assert self.send("DELETE", path).status_code in (200, 204)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _serve(command: list[str], *, port: int, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + MOST_WAIT
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise RuntimeError(f"{command[:3]} did not start:\n{log.read_text(errors='replace')}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DavServer]:
    directory = tmp_path_factory.mktemp("radicale")
    port = free_port()
    (directory / "users").write_text(f"{USER}:{PASSWORD}\n")
    (directory / "config").write_text(
        f"""
[server]
hosts = 127.0.0.1:{port}
[auth]
type = htpasswd
htpasswd_filename = {directory / "users"}
htpasswd_encryption = plain
delay = 0
[storage]
filesystem_folder = {directory / "books"}
[logging]
level = warning
"""
    )
    command = [sys.executable, "-m", "radicale", "--config", str(directory / "config")]
    process = _serve(command, port=port, log=directory / "log")
    server = DavServer(url=f"http://127.0.0.1:{port}/", directory=directory, home=f"/{USER}/")
    yield server
    _stop(process)


@pytest.fixture(scope="session")
def xandikos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DavServer]:
    """Without authentication: it asks for TLS to have any."""
    directory = tmp_path_factory.mktemp("xandikos")
    port = free_port()
    command = [
        *(sys.executable, "-m", "xandikos", "serve", "-d", str(directory / "books"), "--defaults"),
        *("--current-user-principal", f"/{USER}/", "--state-dir", str(directory / "state")),
        *("-l", "127.0.0.1", "-p", str(port), "--no-detect-systemd"),
    ]
    process = _serve(command, port=port, log=directory / "log")
    yield DavServer(url=f"http://127.0.0.1:{port}/", directory=directory, home=f"/{USER}/contacts/")
    _stop(process)


# --- The meddler --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def edited(self, old: str, new: str) -> Answer:
        assert old.encode() in self.body, f"{old!r} is not in {self.body[:2000]!r}"
        return replace(self, body=self.body.replace(old.encode(), new.encode()))


Before = Callable[[Asked], Answer | None]
After = Callable[[Asked, Answer], Answer | None]


class Meddler:
    """Stands between a connector and a real server, and answers by itself or changes what passes.

    `before` may answer in the server's place; `after` may change its answer, or keep it (None), which
    looks like a connection that broke after the server had done its work.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream.rstrip("/")
        self.asked: list[Asked] = []
        self.before: Before = lambda asked: None
        self.after: After = lambda asked, answer: answer
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def methods(self) -> list[str]:
        return [asked.method for asked in self.asked]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        meddler = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def meddle(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = Asked(self.command, self.path, dict(self.headers), body)
                meddler.asked.append(asked)
                answer = meddler.before(asked) or meddler.pass_on(asked)
                changed = meddler.after(asked, answer)
                if changed is None:
                    self.close_connection = True
                    return
                self.send_response_only(changed.status)
                headers = {"Content-Length": str(len(changed.body)), **changed.headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(changed.body)
                # An answer that promises more than it holds is cut, not slow.
                self.close_connection = headers["Content-Length"] != str(len(changed.body))

            do_GET = do_PUT = do_DELETE = do_PROPFIND = do_REPORT = do_MKCOL = meddle

            def log_message(self, format: str, *args: object) -> None:
                """Tests say what they need to know themselves."""

        return Handler

    def pass_on(self, asked: Asked) -> Answer:
        kept = {"Authorization", "Content-Type", "Depth", "If-Match", "If-None-Match", "Accept"}
        headers = {name: value for name, value in asked.headers.items() if name in kept}
        with requests.Session() as http:
            http.trust_env = False
            reply = http.request(
                asked.method,
                self.upstream + asked.path,
                data=asked.body,
                headers=headers,
                allow_redirects=False,
                timeout=20,
            )
        shown = {"Content-Type", "ETag", "Location", "Retry-After", "WWW-Authenticate"}
        return Answer(reply.status_code, {n: v for n, v in reply.headers.items() if n in shown}, reply.content)


@pytest.fixture
def meddler(radicale: DavServer) -> Iterator[Meddler]:
    meddler = Meddler(radicale.url)
    yield meddler
    meddler.stop()
