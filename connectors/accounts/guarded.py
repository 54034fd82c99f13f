"""A client whose every failure is a ConnectorError: what else a connector raises is its defect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from ..budget import Lane
from ..contract import Client, ConnectorError, Identity, ObjectMeaning, Outcome, Page, Record, Resource, Write
from ..models import ConnectedAccount
from .session import open_client, open_secrets, telling_defects


@contextmanager
def open_guarded(account: ConnectedAccount, *, lane: Lane = Lane.FRESH) -> Iterator[Client]:
    """As `open_client`; defects of the connector are logged without secrets, and told as ConnectorBroken."""
    with open_client(account, lane=lane) as client:
        yield GuardedClient(client, account, open_secrets(account))


class GuardedClient:
    """A `Client` around another one."""

    def __init__(self, client: Client, account: ConnectedAccount, secrets: Mapping[str, str]) -> None:
        self._client, self._account, self._secrets = client, account, secrets

    @contextmanager
    def _asking(self) -> Iterator[None]:
        try:
            with telling_defects(self._account.app, self._secrets):
                yield
        except ConnectorError as error:
            error.account = self._account.pk
            raise

    def identify(self) -> Identity:
        with self._asking():
            return self._client.identify()

    def resources(self) -> Sequence[Resource]:
        with self._asking():
            return self._client.resources()

    def interpret(self, resource: Resource, meaning: ObjectMeaning) -> Resource:
        with self._asking():
            return self._client.interpret(resource, meaning)

    def read(self, resource: Resource, cursor: str | None) -> Page:
        with self._asking():
            return self._client.read(resource, cursor)

    def get(self, resource: Resource, ids: Sequence[str]) -> Sequence[Record]:
        with self._asking():
            return self._client.get(resource, ids)

    def find(self, resource: Resource, keys: Sequence[str]) -> Mapping[str, Record]:
        with self._asking():
            return self._client.find(resource, keys)

    def write(self, resource: Resource, writes: Sequence[Write]) -> Sequence[Outcome]:
        with self._asking():
            return self._client.write(resource, writes)

    def close(self) -> None:
        """Whoever opened the client closes it."""
