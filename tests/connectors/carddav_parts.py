"""What the tests of the CardDAV connector share."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from connectors.builtin.carddav import connector
from connectors.contract import Client, Outcome, Resource, Values, Write, WriteKind
from connectors.testing.environment import OpenEnvironment

from .dav_servers import DavServer


@contextmanager
def signed_in(server: DavServer, *, address: str | None = None, env: OpenEnvironment | None = None) -> Iterator[Client]:
    client = connector.connect(server.account(address=address), env or OpenEnvironment())
    try:
        yield client
    finally:
        client.close()


def book_at(client: Client, path: str) -> Resource:
    return next(resource for resource in client.resources() if resource.name == path)


def vcard(uid: str, *lines: str, version: str = "3.0") -> str:
    return "\r\n".join(
        ["BEGIN:VCARD", f"VERSION:{version}", f"UID:{uid}", *(lines or (f"FN:{uid}", "N:;;;;")), "END:VCARD", ""]
    )


def create(values: Values, key: str | None = None) -> Write:
    return Write(WriteKind.CREATE, values=values, key=key or str(uuid.uuid4()))


def update(id: str, values: Values, version: str | None = None) -> Write:
    return Write(WriteKind.UPDATE, id=id, values=values, version=version)


def one(outcomes: Sequence[Outcome]) -> Outcome:
    (outcome,) = outcomes
    return outcome
