"""Radicale servers for benchmarks: each a process of its own that counts what it is asked."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from syncsite.ports import kept_port

USER, PASSWORD = "bench", "bench-password"
START_SECONDS = 20


@dataclass
class AddressBook:
    """One server with one address book."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, directory: Path) -> AddressBook:
        """The server of this directory; its books are kept below it, so that a copy starts as the original did."""
        directory.mkdir(parents=True, exist_ok=True)
        port = kept_port(directory / "port")
        (directory / "users").write_text(f"{USER}:{PASSWORD}\n")
        (directory / "config").write_text(
            f"[server]\nhosts = 127.0.0.1:{port}\n"
            f"[auth]\ntype = htpasswd\nhtpasswd_filename = {directory / 'users'}\n"
            "htpasswd_encryption = plain\ndelay = 0\n"
            f"[storage]\nfilesystem_folder = {directory / 'books'}\n[logging]\nlevel = info\n"
        )
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "radicale", "--config", str(directory / "config")], stdout=log, stderr=log
            )
        book = cls(directory, port, process)
        book._wait()
        return book

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError):
                self._ask("OPTIONS", "/")
                return
            time.sleep(0.05)
        raise RuntimeError((self.directory / "log").read_text())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def collection(self) -> str:
        return f"{self.url}{USER}/people/"

    def fill(self, cards: dict[str, str]) -> None:
        """All cards at once (uid → card): a server takes a whole book in one request."""
        body = "".join(cards.values()).encode()
        self._ask("PUT", f"/{USER}/people/", body, {"Content-Type": "text/vcard; charset=utf-8"})

    def put(self, name: str, card: str) -> None:
        self._ask("PUT", f"/{USER}/people/{name}", card.encode(), {"Content-Type": "text/vcard; charset=utf-8"})

    def names(self) -> dict[str, str]:
        """UID → file name, looked up directly."""
        found = {}
        for path in (self.directory / "books" / "collection-root" / USER / "people").glob("*.vcf"):
            uid = re.search(r"^UID:(.+?)\r?$", path.read_text(), re.MULTILINE)
            if uid:
                found[uid.group(1)] = path.name
        return found

    def cards(self) -> dict[str, str]:
        """File name → card, as the server keeps it."""
        folder = self.directory / "books" / "collection-root" / USER / "people"
        return {path.name: path.read_text() for path in folder.glob("*.vcf")}

    def requests(self) -> int:
        """Requests so far, as the server logged them."""
        return len(re.findall(rb" request for '", (self.directory / "log").read_bytes()))

    def cpu(self) -> float:
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def copy(self, directory: Path) -> AddressBook:
        shutil.copytree(self.directory / "books", directory / "books")
        return AddressBook.start(directory)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)

    def _ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> None:
        login = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=body,
            method=method,
            headers={"Authorization": f"Basic {login}", **(headers or {})},
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            reply.read()
