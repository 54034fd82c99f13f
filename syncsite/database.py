"""The database that the site runs on: one of its own, or the one in DATABASE_URL. No Django."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from syncsite import embedded
from syncsite.place import Unusable, make_directory

OLDEST = 140000
"""PostgreSQL 14, as `server_version_num`."""


def check(url: str) -> None:
    """Raises Unusable where the site cannot live here: out of reach, too old, no right to make schemas."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise Unusable("DATABASE_URL has to be of the form postgresql://user:password@host:port/database.")
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            if connection.info.server_version < OLDEST:
                raise Unusable(
                    f"the server in DATABASE_URL is PostgreSQL {connection.info.server_version // 10000}; "
                    "14 or newer is needed."
                )
            allowed = connection.execute(
                "SELECT has_database_privilege(current_database(), 'CREATE'), current_user, current_database()"
            ).fetchone()
            assert allowed is not None
            if not allowed[0]:
                raise Unusable(
                    f"each workspace gets a schema of its own, and {allowed[1]!r} may not make schemas: "
                    f'GRANT CREATE ON DATABASE "{allowed[2]}" TO "{allowed[1]}"'
                )
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise Unusable(f"the database in DATABASE_URL cannot be used: {reason}") from error


@contextmanager
def sole_use(data: Path) -> Iterator[None]:
    """The data directory is ours alone, until the block ends or the process dies. Raises Unusable."""
    make_directory(data)
    path = data / "running"
    try:
        file = open(path, "a+")  # noqa: SIM115  (closed below: the lock lives as long as it is open)
    except OSError as error:
        raise Unusable(f"{path} cannot be written: {error.strerror}.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            raise Unusable(f"it is running already in {data} (process {owner}).") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


@contextmanager
def borrowed(data: Path) -> Iterator[str]:
    """The URL of the site's database for a command beside the site, which need not be running.

    An embedded server is started for the length of the block if it is not there. Raises Unusable.
    """
    url = os.environ.get("DATABASE_URL") or embedded.running_url(data / "postgres")
    if url:
        yield url
        return
    with sole_use(data):
        url = embedded.start(data / "postgres")
        try:
            yield url
        finally:
            embedded.stop(data / "postgres")
