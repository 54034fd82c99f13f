"""From whatever a person types to the address books behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from connectors.builtin.carddav import connector
from connectors.contract import Retry, SettingsInvalid, SignInAgain
from connectors.testing.environment import OpenEnvironment
from connectors.toolkit import http

from .carddav_parts import signed_in
from .dav_servers import USER, Answer, Asked, DavServer, Meddler, free_port


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PAUSES", (0.0, 0.0))


@pytest.fixture(scope="module")
def book(radicale: DavServer) -> Iterator[str]:
    with radicale.book("Found") as path:
        yield path


@pytest.mark.parametrize("typed", ["", f"{USER}/", f"{USER}", "BOOK", "BOOK without slash", "no/such/place/"])
def test_every_address_of_an_account_leads_to_the_same_account(radicale: DavServer, book: str, typed: str) -> None:
    places = {"BOOK": book, "BOOK without slash": book.rstrip("/")}
    address = radicale.url + places.get(typed, typed).lstrip("/")
    with signed_in(radicale, address=address) as client:
        assert client.identify().id == f"{radicale.url}{USER}/"
        found = {resource.name: resource.label for resource in client.resources()}
    assert found[book] == "Found"


def test_a_server_that_moves_its_service_is_followed(radicale: DavServer, meddler: Meddler, book: str) -> None:
    """RFC 6764: the well-known address redirects to where the service is."""

    def before(asked: Asked) -> Answer | None:
        if asked.path == "/.well-known/carddav":
            return Answer(301, {"Location": f"/{USER}/"})
        return Answer(404) if asked.path == "/" else None

    meddler.before = before
    with signed_in(radicale, address=meddler.url) as client:
        assert book in {resource.name for resource in client.resources()}
    assert meddler.methods()[:2] == ["PROPFIND", "PROPFIND"]


def test_the_password_does_not_follow_to_another_server(radicale: DavServer, meddler: Meddler) -> None:
    meddler.before = lambda asked: Answer(301, {"Location": radicale.url})
    with signed_in(radicale, address=meddler.url) as client, pytest.raises(SettingsInvalid) as refused:
        client.identify()
    assert radicale.url in refused.value.errors["address"]


def test_a_home_on_another_server_is_named(radicale: DavServer, meddler: Meddler, book: str) -> None:
    def after(asked: Asked, answer: Answer) -> Answer:
        if b"addressbook-home-set>" not in answer.body:
            return answer
        home = b"addressbook-home-set><href>"
        assert home in answer.body
        prefixed = answer.body.replace(home, home + b"https://p1.example.net")
        return Answer(answer.status, answer.headers, prefixed)

    meddler.after = after
    with signed_in(radicale, address=meddler.url) as client, pytest.raises(SettingsInvalid) as refused:
        client.identify()
    assert f"https://p1.example.net/{USER}/" in refused.value.errors["address"]


def test_an_account_without_address_books_is_refused(radicale: DavServer, meddler: Meddler) -> None:
    def after(asked: Asked, answer: Answer) -> Answer:
        body = answer.body.replace(b"<CR:addressbook />", b"").replace(b"<CR:addressbook/>", b"")
        return Answer(answer.status, answer.headers, body)

    meddler.after = after
    with signed_in(radicale, address=meddler.url) as client:
        assert client.resources() == []
        with pytest.raises(SettingsInvalid, match="no address book"):
            client.identify()


PAGE = b"<!DOCTYPE html><html><head><title>Please log in</title></head><body></body></html>"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"Content-Type": "text/html"}, PAGE),
        Answer(207, {"Content-Type": "text/xml"}, PAGE),
        Answer(200, {"Content-Type": "application/json"}, b"{}"),
        Answer(207, {"Content-Type": "text/xml"}, b"<multistatus xmlns='DAV:'><response>"),
        Answer(207, {"Content-Type": "text/xml"}, b"<multistatus xmlns='DAV:'/>"),
        Answer(
            207,
            {"Content-Type": "text/xml"},
            b"<!DOCTYPE x [<!ENTITY a 'b'>]><multistatus xmlns='DAV:'>&a;</multistatus>",
        ),
        Answer(404),
        Answer(405),
        Answer(403),
        Answer(301, {"Location": "/again"}),
    ],
)
def test_what_is_no_address_book_server_is_a_wrong_address(
    radicale: DavServer, meddler: Meddler, answer: Answer
) -> None:
    meddler.before = lambda asked: answer
    with signed_in(radicale, address=meddler.url) as client, pytest.raises(SettingsInvalid) as refused:
        client.identify()
    assert set(refused.value.errors) == {"address"}


def test_a_server_in_trouble_is_no_wrong_address(radicale: DavServer, meddler: Meddler) -> None:
    meddler.before = lambda asked: Answer(500)
    with signed_in(radicale, address=meddler.url) as client, pytest.raises(Retry):
        client.identify()


def test_nobody_there(radicale: DavServer) -> None:
    address = f"http://127.0.0.1:{free_port()}/"
    with signed_in(radicale, address=address) as client, pytest.raises(Retry):
        client.identify()


def test_a_refused_password_ends_the_search(radicale: DavServer, meddler: Meddler) -> None:
    """One try a search: some servers lock an account after a few."""
    address = f"{meddler.url}{USER}/"
    client = connector.connect(radicale.account(address=address, password="wrong"), OpenEnvironment())
    with pytest.raises(SignInAgain):
        client.identify()
    assert len(meddler.asked) == 1
    client.close()


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"address": "", "user": "a", "password": "b"}, {"address"}),
        ({"address": "https://x.example"}, {"user", "password"}),
        ({"address": "ftp://x.example", "user": "a", "password": "b"}, {"address"}),
        ({"address": "https://", "user": "a", "password": "b"}, {"address"}),
        ({"address": "https://x:notaport/", "user": "a", "password": "b"}, {"address"}),
    ],
)
def test_what_can_be_seen_without_asking(values: Mapping[str, str], wrong: set[str]) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        connector.connect(values, OpenEnvironment())
    assert set(refused.value.errors) == wrong


@pytest.mark.parametrize(
    "address",
    ["https://ann:pw@x.example/", "http://127.0.0.1:1/", "localhost", "http://[::1]/", "http://169.254.169.254/"],
)
def test_an_address_inside_the_operators_network_is_refused(address: str) -> None:
    values = {"address": address, "user": "a", "password": "b"}
    client = connector.connect(values, OpenEnvironment(allow_private_addresses=False))
    with pytest.raises(SettingsInvalid) as refused:
        client.identify()
    assert set(refused.value.errors) == {"address"}
    client.close()


def test_a_book_that_may_only_be_read_takes_no_writes(radicale: DavServer, meddler: Meddler, book: str) -> None:
    def after(asked: Asked, answer: Answer) -> Answer:
        body = answer.body
        for privilege in (b"all", b"write", b"write-properties", b"write-content", b"bind", b"unbind"):
            body = body.replace(b"<privilege><" + privilege + b" /></privilege>", b"")
        return Answer(answer.status, answer.headers, body)

    meddler.after = after
    with signed_in(radicale, address=meddler.url) as client:
        (found,) = [resource for resource in client.resources() if resource.name == book]
    assert found.writes == frozenset() and found.batch == {}
