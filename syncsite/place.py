"""Where a site keeps what it must not lose, and the ordinary user that stands in for root. No Django."""

from __future__ import annotations

import hashlib
import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
SHARED = Path("/var/lib/syncsite")
"""Of the whole machine, and used by root only: a place that the service user can reach."""
SERVICE_USER = "syncsite"


class Unusable(Exception):
    """The machine lacks something, or something stands in the way. The message is a sentence for people."""


def data_directory() -> Path:
    """Where this checkout keeps its database, keys and logs: `SYNCSITE_DATA`, else a place of its own.

    That is `var` in the checkout. Root has one below /var/lib/syncsite instead: PostgreSQL refuses to run as
    root, and the user that it runs as may not be able to reach the checkout.
    """
    named = os.environ.get("SYNCSITE_DATA")
    if named:
        return Path(named).expanduser().absolute()
    if os.geteuid() != 0:
        return CHECKOUT / "var"
    mark = hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:8]
    return SHARED / f"{CHECKOUT.name}-{mark}"


def make_directory(directory: Path) -> Path:
    """The directory, made where it is missing, and writable.

    Closed to others; for root it may be passed through, since the service user has a place of its own in it.
    Modes of what exists already are left alone. Raises Unusable.
    """
    try:
        missing = [d for d in (directory, *directory.parents) if not d.exists()]
        for part in reversed(missing):
            part.mkdir(exist_ok=True)
            part.chmod(0o711 if os.geteuid() == 0 else 0o700)
    except OSError as error:
        raise Unusable(f"{directory} cannot be made: {error.strerror} ({error.filename}).") from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise Unusable(
            f"{directory} cannot be written by {user_name()}. "
            "Give that user the directory, or name another one in SYNCSITE_DATA."
        )
    return directory


def user_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user {os.geteuid()}"


def keep_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret kept in this file (mode 0600), made the first time. Two who come at once agree on one.

    Raises Unusable.
    """
    try:
        if not path.exists():
            draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(make() + "\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, path)
            except FileExistsError:
                pass  # somebody else was first: theirs counts
            finally:
                draft.unlink()
        return path.read_text().strip()
    except OSError as error:
        raise Unusable(f"{path} cannot be read or written: {error.strerror}.") from error


def service_user() -> pwd.struct_passwd | None:
    """The ordinary user who runs PostgreSQL in place of root, made where it is missing; None if not root.

    Raises Unusable.
    """
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(SERVICE_USER)
    except KeyError:
        pass
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        raise Unusable("PostgreSQL does not run as root, and useradd is missing: apt-get install passwd")
    made = subprocess.run(
        [useradd, "--system", "--home-dir", str(SHARED), "--no-create-home", "--shell", "/usr/sbin/nologin",
         SERVICE_USER],
        capture_output=True, text=True,
    )  # fmt: skip
    try:
        return pwd.getpwnam(SERVICE_USER)
    except KeyError:
        raise Unusable(f"the user {SERVICE_USER!r} could not be made: {made.stderr.strip()}") from None


def as_user(user: pwd.struct_passwd | None) -> dict[str, Any]:
    """Arguments of `subprocess` that run a command as this user."""
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def check_reachable(directory: Path, user: pwd.struct_passwd | None) -> None:
    """Raises Unusable where this user cannot get into the directory. Never changes a mode."""
    if user is None:
        return
    seen = subprocess.run(["test", "-x", str(directory)], cwd="/", **as_user(user))
    if seen.returncode != 0:
        raise Unusable(
            f"{directory} is out of reach for {user.pw_name!r}, who runs PostgreSQL instead of root. "
            "Name a directory that others may pass through in SYNCSITE_DATA, such as one below /var/lib."
        )
