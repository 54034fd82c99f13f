"""From an address that a person typed to the address books behind it (RFC 6764, 6; RFC 6352, 7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit

from connectors.contract import (
    ConnectorBroken,
    ConnectorError,
    Idempotency,
    Kind,
    PermissionLost,
    ReadStrategy,
    Resource,
    ResourceGone,
    SettingsInvalid,
    WriteKind,
)
from connectors.toolkit.addresses import origin_of
from connectors.toolkit.http import Session
from connectors.toolkit.replies import error_of

from . import dav
from .fields import FIELDS

WELL_KNOWN = "/.well-known/carddav"
WRITE_BATCH = 50
GET_BATCH = 200

_WRITE_PRIVILEGES = {f"{dav.DAV}{name}" for name in ("all", "write", "write-content", "bind", "unbind")}


@dataclass(frozen=True, slots=True)
class Account:
    """Where somebody's address books are."""

    id: str
    """Address of the principal; of the address book where a server has no principals."""
    label: str | None
    homes: tuple[str, ...] = ()
    book: str | None = None
    """The address book that the person's own address names, if it names one."""


class Discovery:
    """Asks a server step by step. Stateless but for its session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def account(self) -> Account:
        """Raises SettingsInvalid where no address book can be found, and what the session raises."""
        refusal: ConnectorError | None = None
        for url in self._starting_points():
            try:
                row = self._look(url)
            except (ResourceGone, ConnectorBroken, PermissionLost) as error:
                # Not a DAV address: the next one may be. A password that is refused ends the search.
                refusal = refusal or error
                continue
            if row is not None and (account := self._account_at(row)):
                return account
        raise SettingsInvalid({"address": _not_found(self._session.base_url, refusal)}) from refusal

    def resources(self, account: Account) -> list[Resource]:
        """The account's address books, by name."""
        books = {book.name: book for home in account.homes for book in self._books_in(home, depth=1)}
        if account.book and account.book not in books:
            books.update((book.name, book) for book in self._books_in(account.book, depth=0))
        return [books[name] for name in sorted(books)]

    def _starting_points(self) -> Iterator[str]:
        path = urlsplit(self._session.base_url).path
        if path.strip("/"):
            yield self._session.base_url
        yield urljoin(self._session.base_url, WELL_KNOWN)
        yield urljoin(self._session.base_url, "/")

    def _look(self, url: str) -> dav.Row | None:
        props = (dav.PRINCIPAL, dav.HOME_SET, dav.RESOURCE_TYPE, dav.DISPLAY_NAME)
        rows = self._ask(url, props)
        return next((row for row in rows if row.status == 200), None)

    def _ask(self, url: str, props: Iterable[str], *, depth: int = 0) -> Sequence[dav.Row]:
        request = replace(dav.propfind(url, props, depth=depth), ok=(401,))
        reply = self._session.request(request, data=True)
        if origin_of(reply.url) != self._session.origin:
            raise elsewhere(reply.url)
        if reply.status == 401:
            raise error_of(reply)
        return dav.multi_status(reply.body, beside=reply.url).rows

    def _account_at(self, row: dav.Row) -> Account | None:
        book = row.href if _is_book(row) else None
        found = dav.hrefs_in(row.props.get(dav.PRINCIPAL))
        principal = self._name(found[0], beside=row.href) if found else None
        if principal and principal != row.href:
            at_principal = self._look(principal)
            if at_principal is not None:
                row = at_principal
        homes = tuple(self._name(href, beside=row.href) for href in dav.hrefs_in(row.props.get(dav.HOME_SET)))
        if not homes and not book:
            return None
        who = principal or (row.href if homes else book) or ""
        return Account(id=urljoin(self._session.origin, who), label=_label(row), homes=homes, book=book)

    def _name(self, href: str, *, beside: str) -> str:
        """Where an answer sends us, which must be the host that the person named."""
        url = urljoin(urljoin(self._session.base_url, beside), href)
        if urlsplit(url).hostname != urlsplit(self._session.origin).hostname:
            raise elsewhere(url)
        return dav.name_of(url, beside=self._session.base_url)

    def _books_in(self, url: str, *, depth: int) -> Iterator[Resource]:
        props = (
            dav.RESOURCE_TYPE,
            dav.DISPLAY_NAME,
            dav.REPORTS,
            dav.SYNC_TOKEN,
            dav.PRIVILEGES,
        )
        for row in self._ask(url, props, depth=depth):
            if row.status == 200 and _is_book(row):
                yield _resource(row)


def elsewhere(url: str) -> SettingsInvalid:
    """The password goes to the server that the person named, and to no other."""
    return SettingsInvalid({"address": f"The address books are on another server. Please enter its address: {url}"})


def _resource(row: dav.Row) -> Resource:
    feed = _tells_changes(row)
    writes = (WriteKind.CREATE, WriteKind.UPDATE, WriteKind.DELETE) if _may_write(row) else ()
    return Resource(
        name=row.href,
        label=_label(row) or row.href.rstrip("/").rpartition("/")[2],
        fields=FIELDS,
        kind=Kind.CONTACT,
        read=ReadStrategy.DELTA if feed else ReadStrategy.LISTING,
        tombstones=feed,
        writes=frozenset(writes),
        batch=dict.fromkeys(writes, WRITE_BATCH),
        get_batch=GET_BATCH,
        lock=True,
        idempotency=Idempotency.KEY,
        deadline=120,
        settle=0,
    )


def _is_book(row: dav.Row) -> bool:
    types = row.props.get(dav.RESOURCE_TYPE)
    return types is not None and types.find(f"{dav.CARD}addressbook") is not None


def _tells_changes(row: dav.Row) -> bool:
    """sync-collection, as the server says; one that does not list its reports shows it by having a token."""
    reports = row.props.get(dav.REPORTS)
    if reports is None:
        return bool(row.text(dav.SYNC_TOKEN))
    return any(report.tag == f"{dav.DAV}sync-collection" for report in reports.iter())


def _may_write(row: dav.Row) -> bool:
    privileges = row.props.get(dav.PRIVILEGES)
    held = {privilege.tag for privilege in privileges.iter()} if privileges is not None else set()
    return privileges is None or bool(held & _WRITE_PRIVILEGES)


def _label(row: dav.Row) -> str | None:
    label = (row.text(dav.DISPLAY_NAME) or "").strip()
    return label or None


def _not_found(address: str, refusal: ConnectorError | None) -> str:
    said = f" The server said: {refusal}" if refusal else ""
    return f"No address book was found at {address}.{said}"
