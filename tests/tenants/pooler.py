"""A pooler in transaction mode, as small as can be: all clients share one session of the server."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

READY, QUERY, TERMINATE = b"Z", b"Q", b"X"
IDLE = b"I"


@contextmanager
def transaction_pooler(parameters: dict[str, object]) -> Iterator[int]:
    """Listens on 127.0.0.1, lets everybody in, and lends its one session for a transaction: the port."""
    with psycopg.connect(**parameters, sslmode="disable", autocommit=True) as session:
        server = socket.socket(fileno=os.dup(session.pgconn.socket))
        server.setblocking(True)
        listener = socket.create_server(("127.0.0.1", 0))
        turn = threading.Lock()

        def accept() -> None:
            while True:
                try:
                    client, _address = listener.accept()
                except OSError:
                    return
                threading.Thread(target=_serve, args=(client, server, turn), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            server.close()


def _serve(client: socket.socket, server: socket.socket, turn: threading.Lock) -> None:
    with client:
        _greet(client)
        while (message := _message(client)) is not None and message[:1] != TERMINATE:
            with turn:
                state = _forward(message, client, server)
                while state != IDLE:
                    within = _message(client)
                    if within is None:
                        return
                    state = _forward(within, client, server)


def _greet(client: socket.socket) -> None:
    while True:
        (length,) = struct.unpack("!I", _exactly(client, 4))
        (code,) = struct.unpack("!I", _exactly(client, length - 4)[:4])
        if code == 0x0003_0000:
            break
        client.sendall(b"N")  # neither TLS nor GSS
    parameters = {b"client_encoding": b"UTF8", b"server_version": b"18.0", b"standard_conforming_strings": b"on"}
    told = b"".join(_packet(b"S", name + b"\0" + value + b"\0") for name, value in parameters.items())
    client.sendall(_packet(b"R", struct.pack("!I", 0)) + told + _packet(READY, IDLE))


def _forward(message: bytes, client: socket.socket, server: socket.socket) -> bytes:
    """Pass a query on and its answer back: the state of the transaction after it."""
    server.sendall(message)
    while (answer := _message(server)) is not None:
        client.sendall(answer)
        if answer[:1] == READY:
            return answer[5:6]
    raise ConnectionError


def _packet(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


def _message(peer: socket.socket) -> bytes | None:
    head = _exactly(peer, 5)
    if len(head) < 5:
        return None
    return head + _exactly(peer, struct.unpack("!I", head[1:])[0] - 4)


def _exactly(peer: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = peer.recv(size - len(data))
        if not part:
            break
        data += part
    return data
