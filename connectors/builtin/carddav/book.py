"""One address book: what stands in it, card by card."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from connectors.contract import ConnectorBroken, CursorExpired, Record, Resource, Retry
from connectors.toolkit.http import Request, Session, TooLarge
from connectors.toolkit.replies import Reply, error_of

from . import dav
from .fields import record_of
from .vcard import Card, NotACard

GONE = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class Member:
    """A card as it stands in the book."""

    href: str
    etag: str | None
    card: Card | None
    """None: it is there, but it is no vCard."""

    @property
    def is_contact(self) -> bool:
        """A list of members is none."""
        return self.card is None or not self.card.is_group

    @property
    def record(self) -> Record:
        """With no values where the card cannot be read: unread is not blank."""
        if self.card is None:
            return Record(id=self.href, values={}, version=self.etag)
        return record_of(self.card, id=self.href, version=self.etag)


@dataclass(frozen=True, slots=True)
class Changes:
    """One answer of sync-collection."""

    members: tuple[Member, ...]
    tags: tuple[tuple[str, str], ...]
    """(href, ETag) of what the server named without its card."""
    gone: tuple[str, ...]
    token: str
    truncated: bool
    """The server has more to tell from `token` on (RFC 6578, 3.6)."""


class Book:
    """Reads one address book. Raises what `Session.request` raises, and what is said below."""

    def __init__(self, session: Session, resource: Resource) -> None:
        self._session = session
        self._resource = resource
        self.url = resource.name if resource.name.endswith("/") else resource.name + "/"

    def contains(self, href: str) -> bool:
        return href.startswith(self.url) and href != self.url

    def named(self, href: str) -> str:
        """A card's name, as a server's answer writes it."""
        return dav.name_of(href, beside=self.url)

    def named_in(self, reply: Reply) -> str | None:
        """The card that a refusal points at, if it points at one of this book."""
        found = dav.hrefs_in(dav.parse(reply.body))
        href = self.named(found[0]) if found else None
        return href if href and self.contains(href) else None

    def tags(self) -> tuple[tuple[str, str], ...]:
        """(href, ETag) of every card: whole, or an error (ConnectorBroken, Retry)."""
        answer = self._ask(dav.propfind(self.url, (dav.ETAG, dav.RESOURCE_TYPE), depth=1))
        rows = [row for row in self._whole(answer.rows) if not _is_collection(row)]
        return tuple((row.href, _etag(row)) for row in rows)

    def changes(self, token: str) -> Changes:
        """What changed since `token`; everything that there is for an empty one, without the cards.

        Raises CursorExpired when the server does not take the token any more.
        """
        if not token:
            return self._changes(token, (dav.ETAG,))
        try:
            return self._changes(token, (dav.ETAG, dav.ADDRESS_DATA))
        except TooLarge:
            return self._changes(token, (dav.ETAG,))

    def members(self, hrefs: Iterable[str]) -> dict[str, Member]:
        """These cards as they stand now; what is missing from the answer is surely not there.

        Only a 404 says so: what the answer leaves out, or cannot show, is asked for by itself.
        """
        wanted = [href for href in dict.fromkeys(hrefs) if self.contains(href)]
        found: dict[str, Member] = {}
        for start in range(0, len(wanted), self._resource.get_batch):
            found.update(self._members(wanted[start : start + self._resource.get_batch]))
        return found

    def writes_v4(self) -> bool:
        """Whether new cards have to be of version 4.0."""
        rows = self._ask(dav.propfind(self.url, (dav.DATA_TYPES,))).rows
        return any(dav.takes_only_v4(row) for row in rows)

    def _members(self, hrefs: Sequence[str]) -> dict[str, Member]:
        try:
            rows = {row.href: row for row in self._ask(dav.multiget(self.url, hrefs)).rows}
        except TooLarge:
            if len(hrefs) == 1:
                raise
            half = len(hrefs) // 2
            return {**self._members(hrefs[:half]), **self._members(hrefs[half:])}
        found: dict[str, Member] = {}
        for href in hrefs:
            row = rows.get(href)
            if row is not None and row.status in GONE:
                continue
            member = _member(row) if row is not None and row.status == 200 else None
            member = member or self._single(href)
            if member is not None:
                found[href] = member
        return found

    def _changes(self, token: str, props: Sequence[str]) -> Changes:
        reply = self._session.request(dav.sync_collection(self.url, token=token, props=props), data=True)
        if reply.status != 207:
            raise _refused_token(reply) if token else error_of(reply)
        answer = self._answer(reply)
        if answer.sync_token is None:
            raise ConnectorBroken("The answer of the address book has no sync token: it is not whole.")
        truncated = any(row.href in self._own_names and row.status == 507 for row in answer.rows)
        if truncated and answer.sync_token == token:
            raise ConnectorBroken("The address book goes round in circles: a cut answer with the same token.")
        rows = self._whole(answer.rows, cut=truncated)
        members = {row.href: member for row in rows if (member := _member(row))}
        unseen = [row for row in rows if row.href not in members]
        untagged = [row.href for row in unseen if row.text(dav.ETAG) is None]
        members.update(self.members(untagged))
        return Changes(
            members=tuple(members.values()),
            tags=tuple((row.href, _etag(row)) for row in unseen if row.href not in untagged),
            gone=tuple(row.href for row in answer.rows if row.status in GONE and self.contains(row.href)),
            token=answer.sync_token,
            truncated=truncated,
        )

    def _single(self, href: str) -> Member | None:
        """One card by itself; None when it does not exist."""
        request = Request("GET", href, headers={"Accept": "text/vcard"}, ok=GONE)
        reply = self._session.request(request, data=True)
        if reply.status in GONE:
            return None
        return Member(href=href, etag=reply.headers.get("ETag"), card=_card(reply.text))

    @property
    def _own_names(self) -> tuple[str, str]:
        return self.url, self.url.rstrip("/")

    def _whole(self, rows: Iterable[dav.Row], *, cut: bool = False) -> list[dav.Row]:
        """The rows of members that are there. Raises where a row says that the answer is not whole, and
        where one is not of this book: under such names the others would be overlooked."""
        members: list[dav.Row] = []
        for row in rows:
            own = row.href in self._own_names
            if row.status not in (200, *GONE) and not (cut and own):
                raise Retry(f"The address book answered {row.status} for {row.href}.")
            if not (own or self.contains(row.href)):
                raise ConnectorBroken(f"The answer of {self.url} names {row.href}, which is not in it.")
            if row.status == 200 and not own:
                members.append(row)
        return members

    def _ask(self, request: Request) -> dav.MultiStatus:
        return self._answer(self._session.request(request, data=True))

    def _answer(self, reply: Reply) -> dav.MultiStatus:
        return dav.multi_status(reply.body, beside=reply.url)


def _refused_token(reply: Reply) -> Exception:
    """A refused sync-collection: the token's fault or another one."""
    if reply.status in (409, 410) or b"valid-sync-token" in reply.body:
        return CursorExpired("The address book does not take the sync token any more.")
    return error_of(reply)


def _member(row: dav.Row) -> Member | None:
    data = row.text(dav.ADDRESS_DATA)
    etag = row.text(dav.ETAG)
    return Member(href=row.href, etag=etag, card=_card(data)) if data and etag else None


def _card(text: str) -> Card | None:
    try:
        return Card.parse(text)
    except NotACard:
        return None


def _etag(row: dav.Row) -> str:
    etag = row.text(dav.ETAG)
    if not etag:
        raise ConnectorBroken(f"The address book gives no ETag for {row.href}.")
    return etag


def _is_collection(row: dav.Row) -> bool:
    types = row.props.get(dav.RESOURCE_TYPE)
    return types is not None and types.find(f"{dav.DAV}collection") is not None
