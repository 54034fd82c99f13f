"""The CardDAV connector against real servers: everything that it declares."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from connectors.builtin.carddav import connector
from connectors.contract import Field, Kind, ReadStrategy, Resource, Values, WriteKind
from connectors.testing.conformance import ConnectorConformance

from .dav_servers import Answer, Asked, DavServer, Meddler


@pytest.fixture(scope="module")
def book(radicale: DavServer) -> Iterator[str]:
    with radicale.book("Conformance") as path:
        yield path


class CardDavConformance(ConnectorConformance):
    """What a contact looks like."""

    connector = connector
    strategy = ReadStrategy.DELTA

    def sample(self, number: int) -> Values:
        return {
            "full_name": f"Dr. Ann Marie Person{number}, PhD",
            "prefix": "Dr.",
            "first_name": "Ann",
            "middle_name": "Marie",
            "last_name": f"Person{number}",
            "suffix": "PhD",
            "nickname": "Annie, the ; first",
            "email": [f"ann{number}@example.com", f"ann.{number}@home.example"],
            "phone": [f"+49 30 1{number:05}", f"+49 30 2{number:05}"],
            "mobile": [f"+49 170 {number:05}"],
            "fax": [f"+49 30 9{number:05}"],
            "address": [
                {
                    "street": "Hauptstraße 1\nHinterhaus",
                    "city": "Köln, Süd",
                    "region": "NRW",
                    "zip": "50667",
                    "country": "Deutschland",
                },
                {"street": None, "city": "Berlin", "region": None, "zip": None, "country": None},
            ],
            "company": "Acme; Söhne, Inc.",
            "department": "R&D",
            "job_title": "Head of Things",
            "website": [f"https://example.com/~ann?a=1,2;b={number}#x"],
            "birthday": "1985-02-28",
            "notes": "First line\n\nthird, with ; and \\ and \\n and 🦊 " + "long " * 40,
            "tags": ["customer", "a,b", "Größe"],
        }

    def change(self, number: int) -> Values:
        return {
            "full_name": f"Anna Other{number}",
            "first_name": "Anna",
            "last_name": f"Other{number}",
            "email": [f"anna{number}@example.com", f"ann{number}@example.com"],
            "phone": [f"+49 30 2{number:05}"],
            "address": [{"street": None, "city": "Bonn", "region": None, "zip": "53111", "country": None}],
            "company": "Globex",
            "birthday": "1990-12-31",
            "notes": "New",
            "tags": ["former customer"],
        }

    def may_clear(self, field: Field) -> bool:
        return field.name != "full_name"

    def bad_values(self) -> Values:
        return {"full_name": "Bad", "birthday": "tomorrow"}

    def test_an_address_book_is_a_resource(self, resource: Resource) -> None:
        assert resource.kind is Kind.CONTACT
        assert resource.read is self.strategy
        assert resource.tombstones == (self.strategy is ReadStrategy.DELTA)
        assert resource.writes == {WriteKind.CREATE, WriteKind.UPDATE, WriteKind.DELETE}
        assert resource.label and resource.name.startswith("/")


class TestRadicale(CardDavConformance):
    @pytest.fixture
    def account(self, radicale: DavServer, book: str) -> Mapping[str, str]:
        return radicale.account()

    @pytest.fixture
    def wrong_account(self, radicale: DavServer) -> Mapping[str, str]:
        return radicale.account(password="not-the-password")

    @pytest.fixture
    def resource(self, client, book: str) -> Resource:
        return next(r for r in client.resources() if r.name == book)


class TestXandikos(CardDavConformance):
    """Keeps cards in git exactly as they were sent; its feed of changes names cards without showing them."""

    @pytest.fixture
    def account(self, xandikos: DavServer) -> Mapping[str, str]:
        return xandikos.account()


def without_feed(asked: Asked, answer: Answer) -> Answer:
    """As a server without sync-collection answers."""
    if asked.method != "PROPFIND":
        return answer
    body = re.sub(rb"<(?:\w+:)?sync-collection\s*/>", b"", answer.body)
    return replace(answer, body=re.sub(rb"<((?:\w+:)?sync-token)>[^<]*</\1>", b"", body))


def without_tags_on_writing(asked: Asked, answer: Answer) -> Answer:
    """As a server answers that changes cards on storing them (RFC 6352, 6.3.2.3)."""
    headers = {name: value for name, value in answer.headers.items() if name != "ETag"}
    return replace(answer, headers=headers) if asked.method == "PUT" else answer


class TestPlainServer(CardDavConformance):
    """A server without a feed of changes, that does not say the ETag of what it stores."""

    strategy = ReadStrategy.LISTING

    @pytest.fixture
    def account(self, radicale: DavServer, meddler: Meddler) -> Iterator[Mapping[str, str]]:
        meddler.after = lambda asked, answer: without_tags_on_writing(asked, without_feed(asked, answer))
        return radicale.account(address=meddler.url)

    @pytest.fixture
    def resource(self, client, book: str) -> Resource:
        return next(r for r in client.resources() if r.name == book)
