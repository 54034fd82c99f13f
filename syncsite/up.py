"""What `./run` does: the whole site on this machine, and the commands beside it."""

from __future__ import annotations

import argparse
import base64
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests

from syncsite import database, embedded
from syncsite.demo import book, edits
from syncsite.demo.place import book_found, demo_directory, sales_found
from syncsite.place import CHECKOUT, Unusable, data_directory, keep_secret, make_directory
from syncsite.ports import is_free
from syncsite.supervisor import Child, Stopped, Supervisor

USAGE = """\
usage: ./run [--no-demo] [--host HOST] [--port PORT]
       ./run demo-edit          a few edits on both sides of the running demo
       ./run manage COMMAND     Django's command line, on the site's database
       ./run bench NAME         a benchmark (tests/bench); its last line is a JSON object
       ./run harness NAME       a long trial (tests/harness)
"""
CLUSTERS = 2
WEB_WORKERS, WEB_THREADS = 2, 6
READY_SECONDS = 120
PORT_SECONDS = 3.0
"""A server that was just killed may hold its port for a moment."""


@dataclass(frozen=True, slots=True)
class Options:
    host: str
    port: int
    demo: bool

    @property
    def url(self) -> str:
        host = self.host if self.host not in ("127.0.0.1", "0.0.0.0", "::", "::1") else "localhost"
        return f"http://{host}:{self.port}/"


def main(arguments: Sequence[str]) -> int:
    """The exit code. What goes wrong is one sentence on stderr."""
    command = _COMMANDS.get(arguments[0]) if arguments else None
    try:
        return command(arguments[1:]) if command else run_site(_options(arguments))
    except Unusable as error:
        print(f"./run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def run_site(options: Options) -> int:
    """Everything under one supervisor, until Ctrl-C or SIGTERM."""
    data = data_directory()
    with database.sole_use(data):
        _check_port(options.host, options.port)
        keep_keys(data)
        with Supervisor(make_directory(data / "logs"), _say) as supervisor:
            try:
                _start_all(supervisor, options, data)
                supervisor.watch()
            except Stopped:
                pass  # asked to stop before all was up
            _say("Stopping.")
    return 0


def keep_keys(data: Path) -> None:
    """Make the keys that the environment does not bring, once. The settings read them from their files."""
    if not os.environ.get("SECRET_KEY"):
        keep_secret(data / "secret_key", lambda: secrets.token_urlsafe(48))
    if not os.environ.get("SYNCSITE_KEYS"):
        keep_secret(data / "keys", lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())


def _start_all(supervisor: Supervisor, options: Options, data: Path) -> None:
    os.environ["DATABASE_URL"] = os.environ.get("DATABASE_URL") or _start_database(supervisor, data)
    os.environ.setdefault("SITE_URL", options.url)
    database.check(os.environ["DATABASE_URL"])
    _say("Preparing the database ...")
    _call(supervisor, "prepare", "-m", "syncsite.prepare")
    if options.demo:
        # The demo's counterparts are on this machine.
        os.environ.setdefault("SYNCSITE_ALLOW_PRIVATE_ADDRESSES", "true")
        _start_demo(supervisor)
    supervisor.start(_web(options))
    if not supervisor.wait_until(lambda: _site_answers(options), READY_SECONDS):
        raise Unusable(f"the site does not answer; see {supervisor.log_of('web')}")
    for child in _workers():
        supervisor.start(child)
    print(_welcome(options, data), flush=True)


def _start_database(supervisor: Supervisor, data: Path) -> str:
    directory = data / "postgres"
    embedded.stop(directory)  # one that a killed supervisor has left
    server = embedded.prepare(directory)
    supervisor.start(
        Child(
            "postgres",
            server.command,
            user=server.user,
            stage=3,
            grace=60,
            before=lambda: embedded.clear_remains(directory),
            stop_signal=signal.SIGINT,
            last_signal=signal.SIGINT,
            ailment=lambda: embedded.ailment(server.url),
        )
    )
    if not supervisor.wait_until(lambda: embedded.running_url(directory) is not None, embedded.START_SECONDS):
        raise Unusable(f"PostgreSQL does not start; see {supervisor.log_of('postgres')}")
    return server.url


def _start_demo(supervisor: Supervisor) -> None:
    address_book = book.prepare(demo_directory() / "book")
    supervisor.start(Child("address-book", address_book.command, stage=2))
    if not supervisor.wait_until(lambda: book.answers(address_book), READY_SECONDS):
        raise Unusable(f"the demo's address book does not start; see {supervisor.log_of('address-book')}")
    _say("Preparing the demo ...")
    _call(supervisor, "demo", "-m", "syncsite.demo.setup")


def _web(options: Options) -> Child:
    host = f"[{options.host}]" if ":" in options.host else options.host
    command = [
        sys.executable, "-m", "gunicorn", "syncsite.wsgi:application", "--bind", f"{host}:{options.port}",
        "--workers", str(WEB_WORKERS), "--threads", str(WEB_THREADS), "--graceful-timeout", "10",
        "--no-control-socket",
    ]  # fmt: skip
    if Path("/dev/shm").is_dir():
        command += ["--worker-tmp-dir", "/dev/shm"]
    return Child("web", command)


def _workers() -> Sequence[Child]:
    lasting = {"CONN_MAX_AGE": "600"}
    clusters = [
        Child(f"worker-{n}", [sys.executable, "-m", "syncsite.cluster"], lasting, stage=1, grace=60, pulse=True)
        for n in range(1, CLUSTERS + 1)
    ]
    return [*clusters, Child("dispatcher", [sys.executable, "manage.py", "dispatcher"], lasting, pulse=True)]


def _welcome(options: Options, data: Path) -> str:
    lines = ["", "SyncSite is running. Ctrl-C stops it.", "", f"  Site            {options.url}"]
    if options.demo:
        from syncsite.demo import OWNER, SLUG

        address_book, sales = book_found(), sales_found()
        password = (demo_directory() / "owner_password").read_text().strip()
        lines += [
            f"  Demo workspace  {options.url}w/{SLUG}/",
            f"  Log in          {OWNER}   password: {password}",
            f"  Address book    {address_book.url}   user: {book.USER}   password: {address_book.password}",
            f"  Sales database  {sales.url}",
            "",
            "  ./run demo-edit makes a few edits on both sides: watch them cross.",
        ]
    else:
        lines.append("  Sign up there to make the first workspace.")
    if options.host not in ("127.0.0.1", "::1", "localhost") and not os.environ.get("ALLOWED_HOSTS"):
        lines.append("  Other machines are refused until ALLOWED_HOSTS names the hosts that they may use.")
    return "\n".join([*lines, f"  Data and logs   {data}", ""])


def _call(supervisor: Supervisor, name: str, *command: str) -> None:
    """Run Python to its end. Raises Unusable with its last words."""
    if supervisor.call(name, [sys.executable, *command]) != 0:
        log = supervisor.log_of(name)
        last = log.read_text(errors="replace").splitlines()[-1:] or ["it says nothing"]
        raise Unusable(f"{last[0]} (see {log})")


def _check_port(host: str, port: int) -> None:
    deadline = time.monotonic() + PORT_SECONDS
    try:
        while not is_free(host, port):
            if time.monotonic() > deadline:
                raise Unusable(f"port {port} on {host} is in use: choose another one with --port.")
            time.sleep(0.2)
    except OSError as error:
        raise Unusable(f"cannot listen on {host}, port {port}: {error.strerror}.") from error


def _site_answers(options: Options) -> bool:
    host = options.host if options.host not in ("0.0.0.0", "::") else "localhost"
    try:
        address = f"http://{f'[{host}]' if ':' in host else host}:{options.port}/"
        return requests.get(address, timeout=5, headers={"Host": "localhost"}).status_code < 500
    except requests.RequestException:
        return False


def _options(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(prog="./run", usage=USAGE.removeprefix("usage: "), add_help=True)
    parser.add_argument("--no-demo", action="store_true", help="an empty site")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=_port, default=8000, help="the port to listen on (8000)")
    given = parser.parse_args(arguments)
    return Options(given.host, given.port, not given.no_demo)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a number from 1 to 65535")
    return int(text)


def _demo_edit(arguments: Sequence[str]) -> int:
    if arguments:
        raise Unusable("demo-edit takes no arguments.")
    done = edits.edit(address_book=book_found(), database=sales_found(), counter=demo_directory() / "edits")
    print("\n".join(["Edited:", *edits.lines(done), "", "Each will show on the other side within two minutes."]))
    return 0


def _manage(arguments: Sequence[str]) -> int:
    data = make_directory(data_directory())
    keep_keys(data)
    with database.borrowed(data) as url:
        environment = {**os.environ, "DATABASE_URL": url}
        return subprocess.call([sys.executable, "manage.py", *arguments], env=environment)


def _bench(arguments: Sequence[str]) -> int:
    return _trial("bench", arguments)


def _harness(arguments: Sequence[str]) -> int:
    return _trial("harness", arguments)


def _trial(kind: str, arguments: Sequence[str]) -> int:
    """Run tests/<kind>/<name>.py as a program, on a database and with keys of its own."""
    folder = CHECKOUT / "tests" / kind
    names = sorted(path.stem for path in folder.glob("[a-z]*.py") if path.stem != "conftest")
    if not arguments or arguments[0] not in names:
        raise Unusable(f"{kind} needs a name: {', '.join(names) or 'there is none yet'}")
    data = data_directory() / kind
    with database.sole_use(data):
        keep_keys(data)
        url = embedded.start(data / "postgres")
        try:
            environment = {**os.environ, "DATABASE_URL": url, "SYNCSITE_DATA": str(data)}
            command = [sys.executable, "-m", f"tests.{kind}.{arguments[0]}", *arguments[1:]]
            return subprocess.call(command, env=environment)
        finally:
            embedded.stop(data / "postgres")


def _say(sentence: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {sentence}", flush=True)


_COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "demo-edit": _demo_edit,
    "manage": _manage,
    "bench": _bench,
    "harness": _harness,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
