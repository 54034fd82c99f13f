"""Ports on loopback that stay the same from start to start. No Django."""

from __future__ import annotations

import errno
import random
import socket
from pathlib import Path

from syncsite.place import Unusable

PORTS = range(20000, 30000)
"""Below the ports that Linux hands out to outgoing connections, which would take ours between two starts."""

_TAKEN = {errno.EADDRINUSE}


def kept_port(file: Path) -> int:
    """The port kept in this file if nobody has taken it, else another free one, which is kept from now on.

    Raises Unusable.
    """
    try:
        port = int(file.read_text())
    except (OSError, ValueError):
        port = random.choice(PORTS)
    for _ in range(200):
        if is_free("127.0.0.1", port):
            break
        port = random.choice(PORTS)
    else:
        raise Unusable(f"no port between {PORTS.start} and {PORTS.stop} is free on 127.0.0.1")
    file.write_text(f"{port}\n")
    return port


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now. Raises OSError for a host that is not this machine's."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno in _TAKEN:
                return False
            raise
    return True
