"""The demo's address book: a Radicale server (CardDAV), and what the demo asks of it. No Django."""

from __future__ import annotations

import secrets
import sys
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import requests
import vobject

from syncsite.demo.people import Person
from syncsite.place import Unusable, keep_secret, make_directory
from syncsite.ports import kept_port

USER = "demo"
NAME = "People"
SECONDS = 60


@dataclass(frozen=True, slots=True)
class Book:
    """Where the server is, and how to get in."""

    directory: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def collection(self) -> str:
        return f"{self.url}{USER}/people/"

    @property
    def command(self) -> tuple[str, ...]:
        return (sys.executable, "-m", "radicale", "--config", str(self.directory / "radicale.conf"))


@dataclass(frozen=True, slots=True)
class Card:
    """One card, as the server holds it."""

    href: str
    etag: str
    text: str

    @property
    def parsed(self) -> vobject.base.Component:
        return vobject.readOne(self.text)


def prepare(directory: Path) -> Book:
    """A server that can be started: configuration, password and port are kept in the directory."""
    make_directory(directory)
    password = keep_secret(directory / "password", lambda: secrets.token_urlsafe(12))
    book = Book(directory, kept_port(directory / "port"), password)
    users = directory / "users"
    users.touch(mode=0o600)
    users.write_text(f"{USER}:{password}\n")
    (directory / "radicale.conf").write_text(
        f"""[server]
hosts = 127.0.0.1:{book.port}
[auth]
type = htpasswd
htpasswd_filename = {users}
htpasswd_encryption = plain
delay = 0
[storage]
filesystem_folder = {directory / "collections"}
[logging]
level = warning
"""
    )
    return book


def found(directory: Path) -> Book:
    """The server that was prepared here before. Raises Unusable."""
    try:
        port = int((directory / "port").read_text())
        return Book(directory, port, (directory / "password").read_text().strip())
    except (OSError, ValueError):
        raise Unusable("there is no demo here yet: ./run makes one") from None


def answers(book: Book) -> bool:
    try:
        return requests.get(book.url, timeout=2).status_code < 500
    except requests.RequestException:
        return False


def is_filled(book: Book) -> bool:
    """The name is given last: a book that has it is complete."""
    asked = '<propfind xmlns="DAV:"><prop><displayname/></prop></propfind>'
    answer = _ask(book, "PROPFIND", book.collection, asked, "application/xml", Depth="0")
    return answer.status_code == 207 and f">{NAME}<" in answer.text


def fill(book: Book, people: Iterable[Person]) -> None:
    """Put all cards at once: one by one takes longer the more there are."""
    cards = "".join(card_of(person, place) for place, person in enumerate(people))
    _expect(_ask(book, "PUT", book.collection, cards, "text/vcard"))
    name = f"<set><prop><displayname>{NAME}</displayname></prop></set>"
    named = f'<propertyupdate xmlns="DAV:">{name}</propertyupdate>'
    _expect(_ask(book, "PROPPATCH", book.collection, named, "application/xml"))


def read(book: Book) -> list[Card]:
    """Every card, asked of the server."""
    asked = (
        '<C:addressbook-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav">'
        "<prop><getetag/><C:address-data/></prop></C:addressbook-query>"
    )
    answer = _ask(book, "REPORT", book.collection, asked, "application/xml", Depth="1")
    _expect(answer)
    return list(_cards(answer.content))


def put(book: Book, href: str, text: str, etag: str | None) -> None:
    """Write one card: over this state of it, or, without one, as a new card."""
    condition = {"If-Match": etag} if etag else {"If-None-Match": "*"}
    _expect(_ask(book, "PUT", book.url.rstrip("/") + href, text, "text/vcard", **condition))


def card_of(person: Person, place: int) -> str:
    """A vCard 3.0. The UID depends on the place alone."""
    card = vobject.vCard()
    card.add("uid").value = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"person-{place}.demo.example"))
    card.add("n").value = vobject.vcard.Name(family=person.family, given=person.given)
    card.add("fn").value = f"{person.given} {person.family}"
    for address, kind in zip(person.emails, ("WORK", "HOME"), strict=False):
        _typed(card, "email", address, kind)
    for number, kind in ((person.phone, "WORK"), (person.mobile, "CELL")):
        if number:
            _typed(card, "tel", number, kind)
    if person.title:
        card.add("title").value = person.title
    if person.company:
        card.add("org").value = [person.company.name]
    where = vobject.vcard.Address(
        street=person.street, city=person.city, region=person.region, code=person.zip, country=person.country
    )
    _typed(card, "adr", where, "WORK")
    if person.birthday:
        card.add("bday").value = person.birthday.isoformat()
    if person.note:
        card.add("note").value = person.note
    text: str = card.serialize()
    return text


def _typed(card: vobject.base.Component, name: str, value: object, kind: str) -> None:
    line = card.add(name)
    line.value = value
    line.type_param = kind


def _cards(multistatus: bytes) -> Iterator[Card]:
    dav, carddav = "{DAV:}", "{urn:ietf:params:xml:ns:carddav}"
    for response in ElementTree.fromstring(multistatus).iter(f"{dav}response"):
        href = response.findtext(f"{dav}href") or ""
        etag = response.findtext(f".//{dav}getetag") or ""
        text = response.findtext(f".//{carddav}address-data")
        if text:
            yield Card(href, etag, text)


def _ask(book: Book, method: str, url: str, body: str, kind: str, **headers: str) -> requests.Response:
    try:
        return requests.request(
            method, url, data=body.encode(), auth=(USER, book.password), timeout=SECONDS,
            headers={"Content-Type": f"{kind}; charset=utf-8", **headers},
        )  # fmt: skip
    except requests.RequestException as error:
        reason = type(error).__name__
        raise Unusable(f"the demo's address book at {book.url} does not answer ({reason})") from error


def _expect(answer: requests.Response) -> None:
    if answer.status_code >= 300:
        raise Unusable(f"the demo's address book answers {answer.status_code}: {answer.text[:200]}")
