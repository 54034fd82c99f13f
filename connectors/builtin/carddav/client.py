"""One account: the contract's `Client` over the parts of this folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from requests.auth import HTTPBasicAuth

from connectors.contract import (
    CursorExpired,
    Environment,
    Identity,
    ObjectMeaning,
    Outcome,
    Page,
    ReadStrategy,
    Record,
    Resource,
    SettingsInvalid,
    Write,
    WriteKind,
    interpret,
)
from connectors.toolkit.http import Session

from .book import Book
from .discovery import Account, Discovery
from .writing import Writer

LISTED = "listed"
"""Cursor of a book that is listed each time: there is nothing to go on from."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a pass over a book with a feed of changes stands."""

    token: str = ""
    first: bool = True
    """Still in the pass that lists everything: a server may cut that into several answers."""

    @classmethod
    def parse(cls, text: str | None) -> Cursor:
        """Raises CursorExpired for what another way of reading has left."""
        if text is None:
            return cls()
        try:
            said = json.loads(text)
            return cls(token=said["token"], first=said["first"])
        except (ValueError, TypeError, KeyError) as error:
            raise CursorExpired("The checkpoint is not one of this address book.") from error

    def __str__(self) -> str:
        return json.dumps({"token": self.token, "first": self.first})


class CardDavClient:
    """See `contract.Client`."""

    def __init__(
        self,
        *,
        address: str,
        user: str,
        password: str,
        env: Environment,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        # As bytes: requests would send a str as Latin-1.
        auth = HTTPBasicAuth(user.encode(), password.encode())
        self._user = user
        self._session = Session(address, env=env, auth=auth, headers={"User-Agent": "SyncSite"})
        self._now = now
        self._version_of_new: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<CardDavClient {self._session.origin}>"

    def identify(self) -> Identity:
        """The principal. An account without any address book is refused: there is nothing to sync."""
        account, books = self._discover()
        if not books:
            raise SettingsInvalid({"address": "This account has no address book yet. Please make one first."})
        host = self._session.origin.partition("://")[2]
        return Identity(id=account.id, label=account.label or f"{self._user} at {host}")

    def resources(self) -> Sequence[Resource]:
        return self._discover()[1]

    def interpret(self, resource: Resource, meaning: ObjectMeaning) -> Resource:
        return interpret(resource, meaning)

    def read(self, resource: Resource, cursor: str | None) -> Page:
        """One request, whatever there is to read: the first pass brings ids and tags, a later one the cards."""
        book = self._book(resource)
        if resource.read is ReadStrategy.LISTING:
            return Page(versions=book.tags(), cursor=LISTED, listing=True)
        at = Cursor.parse(cursor)
        changes = book.changes(at.token)
        first = at.first and changes.truncated
        return Page(
            records=tuple(member.record for member in changes.members if member.is_contact),
            versions=changes.tags,
            deleted=() if not at.token else changes.gone,
            cursor=str(Cursor(token=changes.token, first=first)),
            more=changes.truncated,
            listing=at.first,
        )

    def get(self, resource: Resource, ids: Sequence[str]) -> Sequence[Record]:
        members = self._book(resource).members(ids).values()
        return [member.record for member in members if member.is_contact]

    def find(self, resource: Resource, keys: Sequence[str]) -> Mapping[str, Record]:
        """Never needed: a creation may be sent again (`Idempotency.KEY`)."""
        return {}

    def write(self, resource: Resource, writes: Sequence[Write]) -> Sequence[Outcome]:
        book = self._book(resource)
        writer = Writer(self._session, book, now=self._now())
        kinds = {write.kind for write in writes}
        if kinds == {WriteKind.CREATE}:
            return writer.create(writes, version=self._new_version(book))
        if kinds == {WriteKind.UPDATE}:
            return writer.update(writes)
        if kinds == {WriteKind.DELETE}:
            return writer.delete(writes)
        raise ValueError(f"writes of one kind that an address book takes, not {sorted(kinds)}")

    def close(self) -> None:
        self._session.close()

    def _book(self, resource: Resource) -> Book:
        return Book(self._session, resource)

    def _discover(self) -> tuple[Account, list[Resource]]:
        try:
            discovery = Discovery(self._session)
            account = discovery.account()
            return account, discovery.resources(account)
        except SettingsInvalid as error:
            # What the toolkit says of an address belongs to the one input that holds it.
            raise SettingsInvalid({name or "address": text for name, text in error.errors.items()}) from error

    def _new_version(self, book: Book) -> str:
        """Of new cards: 3.0, which everybody reads, unless the book takes 4.0 only. Asked once a client."""
        if book.url not in self._version_of_new:
            self._version_of_new[book.url] = "4.0" if book.writes_v4() else "3.0"
        return self._version_of_new[book.url]
