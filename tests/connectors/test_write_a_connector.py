"""The connector in docs/write-a-connector.md works: taken from the page, and proven against a server."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors import registry
from connectors.testing.conformance import ConnectorConformance

DOCUMENT = Path(__file__).parents[2] / "docs" / "write-a-connector.md"
TOKEN = "token-canary"
PAGE = 3


def example() -> ModuleType:
    """The code on the page, as the module that its reader would make of it."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    module = ModuleType("acme_of_the_page")
    exec(compile(code, str(DOCUMENT), "exec", dont_inherit=True), module.__dict__)
    return module


class Acme:
    """The people of the app, and what it answers: (method, path, body, headers) → (status, answer)."""

    def __init__(self) -> None:
        self.people: dict[str, dict] = {}
        self.made: dict[str, str] = {}
        self.lock = threading.Lock()

    def answer(self, method, path, query, body, headers):
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"error": "Who are you?"}
        if path == "/me":
            return 200, {"organisation": "77", "name": "Acme Inc."}
        if path == "/people":
            return self.list(query) if method == "GET" else self.create(body, headers.get("Idempotency-Key"))
        person = self.people.get(path.removeprefix("/people/"))
        if person is None:
            return 404, {"error": "Nobody."}
        return self.one(method, person, body, headers.get("If-Match"))

    def list(self, query):
        after = int(query.get("after", ["0"])[0] or 0)
        rest = [person for id, person in self.people.items() if int(id) > after]
        following = rest[PAGE - 1]["id"] if len(rest) > PAGE else None
        return 200, {"people": rest[:PAGE], "next": following}

    def create(self, body, key):
        if key in self.made:
            return 200, self.people[self.made[key]]
        if not body.get("name"):
            return 422, {"error": "A name is needed.", "field": "name"}
        id = str(len(self.made) + 1)
        self.made[key] = id
        self.people[id] = {"id": id, **body, "revision": 1, "updated": "2026-01-01T00:00:00Z"}
        return 201, self.people[id]

    def one(self, method, person, body, revision):
        if method == "GET":
            return 200, person
        if revision not in (None, str(person["revision"])):
            return 412, {"error": "Changed meanwhile."}
        if method == "DELETE":
            del self.people[person["id"]]
            return 204, None
        if not {**person, **body}["name"]:
            return 422, {"error": "A name is needed.", "field": "name"}
        person.update(body, revision=person["revision"] + 1)
        return 200, person


@pytest.fixture(scope="module")
def acme_url():
    app = Acme()

    class Handler(BaseHTTPRequestHandler):
        def reply(self):
            parts = urlsplit(self.path)
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            with app.lock:
                status, answer = app.answer(self.command, parts.path, parse_qs(parts.query), body, self.headers)
                data = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_DELETE = reply

        def log_message(self, *args):
            """Quiet: pytest's own output is enough."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


class TestTheExample(ConnectorConformance):
    connector = example().connector

    @pytest.fixture
    def account(self, acme_url):
        return {"address": acme_url, "token": TOKEN}

    @pytest.fixture
    def wrong_account(self, account):
        return {**account, "token": "not-this-one"}

    def sample(self, number):
        return {"name": f"Person {number}", "mail": f"person{number}@example.com"}

    def change(self, number):
        return {"name": f"Changed {number}", "mail": None}


def test_the_example_is_a_plugin_that_the_site_takes():
    connector = example().connector
    with registry.installed(connector) as catalogue:
        assert catalogue.apps["acme"] is connector


def test_the_page_names_only_what_is_there():
    root = DOCUMENT.parents[1]
    named = re.findall(r"`((?:contract|toolkit)/\w+\.py)`", DOCUMENT.read_text())
    assert named and all((root / "connectors" / name).exists() for name in named)
