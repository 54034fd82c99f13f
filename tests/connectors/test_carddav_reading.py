"""Reading address books: feeds of changes, listings, and answers that are not what they seem."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from connectors.contract import ConnectorBroken, ConnectorError, CursorExpired, PermissionLost, ResourceGone, Retry
from connectors.testing.environment import OpenEnvironment
from connectors.testing.passes import read_all, read_pass
from connectors.toolkit import http

from .carddav_parts import book_at, signed_in, vcard
from .dav_servers import Answer, Asked, DavServer, Meddler


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PAUSES", (0.0, 0.0))


@pytest.fixture
def book(radicale: DavServer) -> Iterator[str]:
    """An address book with three cards."""
    with radicale.book() as path:
        for name in ("a", "b", "c"):
            radicale.put(f"{path}{name}.vcf", vcard(name))
        yield path


def names(ids: set[str]) -> list[str]:
    return sorted(id.rpartition("/")[2] for id in ids)


def test_nothing_new_is_one_request(radicale: DavServer, book: str) -> None:
    env = OpenEnvironment()
    with signed_in(radicale, env=env) as client:
        resource = book_at(client, book)
        first = read_all(client, resource)
        before = env.taken
        later = read_pass(client, resource, first.cursor)
        assert env.taken - before == 1
    assert names(set(first.records)) == ["a.vcf", "b.vcf", "c.vcf"]
    assert not later.ids and not later.deleted and not later.listing


def test_edits_and_deletions_are_one_request_too(radicale: DavServer, book: str) -> None:
    env = OpenEnvironment()
    with signed_in(radicale, env=env) as client:
        resource = book_at(client, book)
        checkpoint = read_pass(client, resource).cursor
        radicale.put(f"{book}a.vcf", vcard("a", "FN:New"))
        radicale.put(f"{book}d.vcf", vcard("d"))
        radicale.delete(f"{book}b.vcf")
        before = env.taken
        later = read_pass(client, resource, checkpoint)
        assert env.taken - before == 1
    assert {id: record.values["full_name"] for id, record in later.records.items()} == {
        f"{book}a.vcf": "New",
        f"{book}d.vcf": "d",
    }
    assert later.deleted == {f"{book}b.vcf"}


def test_a_feed_that_only_names_cards_leaves_them_to_get(xandikos: DavServer) -> None:
    path = f"{xandikos.home}addressbook/"
    with signed_in(xandikos) as client:
        resource = book_at(client, path)
        checkpoint = read_pass(client, resource).cursor
        etag = xandikos.put(f"{path}only-named.vcf", vcard("only-named"))
        later = read_pass(client, resource, checkpoint)
        assert later.versions == {f"{path}only-named.vcf": etag} and not later.records


def test_a_token_that_is_no_longer_taken(radicale: DavServer, book: str) -> None:
    with signed_in(radicale) as client:
        resource = book_at(client, book)
        for cursor in ('{"token": "http://radicale.org/ns/sync/gone", "first": false}', "listed", "{}", "7"):
            with pytest.raises(CursorExpired):
                client.read(resource, cursor)


@pytest.mark.parametrize("status", [409, 410])
def test_other_ways_to_refuse_a_token(radicale: DavServer, meddler: Meddler, book: str, status: int) -> None:
    with signed_in(radicale, address=meddler.url) as client:
        resource = book_at(client, book)
        checkpoint = read_pass(client, resource).cursor
        meddler.before = lambda asked: Answer(status)
        with pytest.raises(CursorExpired):
            client.read(resource, checkpoint)


def test_a_cut_feed_is_followed_to_its_end(radicale: DavServer, meddler: Meddler, book: str) -> None:
    """RFC 6578, 3.6: a row of status 507 for the book itself, and a token to go on from."""
    card = (
        "<response><href>{book}{name}.vcf</href><propstat><prop><getetag>1</getetag></prop>"
        "<status>HTTP/1.1 200 OK</status></propstat></response>"
    )

    def before(asked: Asked) -> Answer | None:
        if asked.method != "REPORT" or b"sync-collection" not in asked.body:
            return None
        found = re.search(rb"sync-token>part-(\d)<", asked.body)
        part = int(found[1]) if found else 0
        body = "<multistatus xmlns='DAV:'>" + card.format(book=book, name="abc"[part])
        if part < 2:
            body += f"<response><href>{book}</href><status>HTTP/1.1 507 Insufficient Storage</status></response>"
        body += f"<sync-token>part-{part + 1}</sync-token></multistatus>"
        return Answer(207, {"Content-Type": "application/xml"}, body.encode())

    meddler.before = before
    with signed_in(radicale, address=meddler.url) as client:
        resource = book_at(client, book)
        first = read_pass(client, resource)
        assert first.pages == 3 and first.listing
        assert names(first.ids) == ["a.vcf", "b.vcf", "c.vcf"]
        assert not first.deleted, "the cut is not a deletion"


def sync_answer(book: str, rows: str, token: str = "<sync-token>t</sync-token>") -> Answer:
    body = f"<multistatus xmlns='DAV:'>{rows}{token}</multistatus>"
    return Answer(207, {"Content-Type": "application/xml"}, body.encode())


@pytest.mark.parametrize(
    ("rows", "token", "error"),
    [
        ("", "", ConnectorBroken),
        (
            "<response><href>BOOKa.vcf</href><status>HTTP/1.1 503 Busy</status></response>",
            "<sync-token>t</sync-token>",
            Retry,
        ),
        (
            "<response><href>BOOK</href><status>HTTP/1.1 507 Full</status></response>",
            "<sync-token>old</sync-token>",
            ConnectorBroken,
        ),
        (
            "<response><href>BOOKa.vcf</href><status>what</status></response>",
            "<sync-token>t</sync-token>",
            ConnectorBroken,
        ),
    ],
)
def test_an_answer_that_is_not_whole_is_none(
    radicale: DavServer, meddler: Meddler, book: str, rows: str, token: str, error: type[ConnectorError]
) -> None:
    with signed_in(radicale, address=meddler.url) as client:
        resource = book_at(client, book)
        meddler.before = lambda asked: sync_answer(book, rows.replace("BOOK", book), token)
        with pytest.raises(error):
            client.read(resource, '{"token": "old", "first": false}')


PAGE = b"<html><head><title>Log in</title></head></html>"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(200, {"Content-Type": "text/html"}, PAGE), ConnectorBroken),
        (Answer(207, {"Content-Type": "application/xml"}, PAGE), ConnectorBroken),
        (Answer(207, {"Content-Type": "application/xml"}, b"<multistatus xmlns='DAV:'><resp"), ConnectorBroken),
        (Answer(207, {"Content-Type": "application/xml"}, b""), ConnectorBroken),
        (Answer(204), ConnectorBroken),
        (Answer(403), PermissionLost),
        (Answer(404), ResourceGone),
        (Answer(500), Retry),
        (Answer(207, {"Content-Length": "100000"}, b"<multistatus"), Retry),
    ],
)
@pytest.mark.parametrize("listing", [False, True])
def test_a_hostile_answer_is_never_an_empty_book(
    radicale: DavServer, meddler: Meddler, book: str, answer: Answer, error: type[ConnectorError], listing: bool
) -> None:
    with signed_in(radicale, address=meddler.url) as client:
        resource = book_at(client, book)
        if listing:
            resource = replace(resource, read="listing")
        meddler.before = lambda asked: answer
        for cursor in (None, '{"token": "t", "first": false}'):
            with pytest.raises(error):
                client.read(resource, cursor)
        with pytest.raises(ConnectorError):
            client.get(resource, [f"{book}a.vcf"])


def test_only_a_404_says_that_a_card_is_gone(radicale: DavServer, meddler: Meddler, book: str) -> None:
    """A row that is left out, or that fails, is asked for by itself."""

    def after(asked: Asked, answer: Answer) -> Answer:
        if asked.method != "REPORT":
            return answer
        rows = re.findall(rb"<response>.*?</response>", answer.body, re.DOTALL)
        assert len(rows) == 4
        kept = [row for row in rows if b"a.vcf" not in row]
        kept = [row.replace(b"200 OK", b"500 Oops") if b"b.vcf" in row else row for row in kept]
        return replace(
            answer,
            body=b"<multistatus xmlns='DAV:' xmlns:CR='urn:ietf:params:xml:ns:carddav'>"
            + b"".join(kept)
            + b"</multistatus>",
        )

    with signed_in(radicale, address=meddler.url) as client:
        resource = book_at(client, book)
        meddler.after = after
        found = client.get(resource, [f"{book}{name}.vcf" for name in ("a", "b", "c", "gone")])
        assert names({record.id for record in found}) == ["a.vcf", "b.vcf", "c.vcf"]
        assert {record.values["full_name"] for record in found} == {"a", "b", "c"}
        assert meddler.methods()[-2:] == ["GET", "GET"]


def test_ids_of_elsewhere_are_not_asked_for(radicale: DavServer, book: str) -> None:
    env = OpenEnvironment()
    with signed_in(radicale, env=env) as client:
        resource = book_at(client, book)
        before = env.taken
        assert client.get(resource, ["/other/book/a.vcf", "nonsense", book, "http://evil.example/a.vcf"]) == []
        assert env.taken == before


def test_one_odd_card_does_not_make_the_others_unreadable(radicale: DavServer, meddler: Meddler, book: str) -> None:
    """A server that passes on a control character writes XML that nobody can parse."""

    def after(asked: Asked, answer: Answer) -> Answer:
        return answer.edited("FN:b", "FN:b\x0b&#x1;") if asked.method == "REPORT" else answer

    with signed_in(radicale, address=meddler.url) as client:
        resource = book_at(client, book)
        meddler.after = after
        found = client.get(resource, [f"{book}{name}.vcf" for name in "abc"])
        assert sorted(record.values["full_name"] for record in found) == ["a", "b", "c"]


def test_a_card_that_cannot_be_read_is_unread_and_not_blank(radicale: DavServer, meddler: Meddler, book: str) -> None:
    with signed_in(radicale, address=meddler.url) as client:
        resource = book_at(client, book)
        meddler.after = lambda asked, answer: (
            answer.edited("BEGIN:VCARD", "BEGIN:NONSENSE") if asked.method == "REPORT" else answer
        )
        (record,) = client.get(resource, [f"{book}a.vcf"])
        assert record.values == {} and record.version


def test_a_list_of_members_is_no_contact(radicale: DavServer, book: str) -> None:
    with signed_in(radicale) as client:
        resource = book_at(client, book)
        checkpoint = read_pass(client, resource).cursor
        radicale.put(f"{book}g.vcf", vcard("g", "FN:Family", "KIND:group", version="4.0"))
        radicale.put(f"{book}h.vcf", vcard("h", "FN:Work", "N:;;;;", "X-ADDRESSBOOKSERVER-KIND:group"))
        assert read_pass(client, resource, checkpoint).ids == set()
        assert not client.get(resource, [f"{book}g.vcf", f"{book}h.vcf"])


def test_names_of_cards_are_one_whatever_way_they_are_written(radicale: DavServer, meddler: Meddler, book: str) -> None:
    radicale.put(f"{book}J%C3%BCrgen%20%40home.vcf", vcard("j", "FN:Jürgen"))
    with signed_in(radicale, address=meddler.url) as client:
        resource = book_at(client, book)
        meddler.after = lambda asked, answer: replace(
            answer, body=answer.body.replace(b"%C3%BC", b"%c3%bc").replace(b"@home", b"%40home")
        )
        whole = read_all(client, resource)
        assert whole.records[f"{book}J%C3%BCrgen%20@home.vcf"].values["full_name"] == "Jürgen"


def test_too_much_at_once_is_asked_for_in_parts(radicale: DavServer, meddler: Meddler, book: str) -> None:
    """A feed of changes with more cards than one answer may hold names them only."""
    with signed_in(radicale, address=meddler.url) as client:
        resource = book_at(client, book)
        checkpoint = read_pass(client, resource).cursor
        for name in ("a", "b", "c"):
            radicale.put(f"{book}{name}.vcf", vcard(name, f"FN:New {name}", "N:;;;;", "NOTE:" + "long" * 500))
        client._session._limits = replace(client._session._limits, answer_bytes=4000)
        page = client.read(resource, checkpoint)
        assert len(page.versions) == 3 and not page.records


def test_cards_that_are_too_much_together_are_fetched_apart(radicale: DavServer, meddler: Meddler, book: str) -> None:
    for name in ("a", "b", "c"):
        radicale.put(f"{book}{name}.vcf", vcard(name, f"FN:{name}", "N:;;;;", "NOTE:" + "long" * 500))
    with signed_in(radicale, address=meddler.url) as client:
        resource = book_at(client, book)
        client._session._limits = replace(client._session._limits, answer_bytes=4000)
        found = client.get(resource, [f"{book}{name}.vcf" for name in "abc"])
        assert sorted(record.values["full_name"] for record in found) == ["a", "b", "c"]


def test_a_server_that_does_not_know_its_own_address_is_understood(
    radicale: DavServer, meddler: Meddler, book: str
) -> None:
    """Behind a proxy: another scheme and port in its answers than those that we came by."""
    meddler.after = lambda asked, answer: replace(
        answer, body=answer.body.replace(b"<href>/", b"<href>https://127.0.0.1:8443/")
    )
    with signed_in(radicale, address=meddler.url) as client:
        assert client.identify().id == f"{meddler.url}ann/"
        whole = read_all(client, book_at(client, book))
        assert names(set(whole.records)) == ["a.vcf", "b.vcf", "c.vcf"]


@pytest.mark.parametrize("strategy", ["delta", "listing"])
def test_cards_under_names_of_elsewhere_are_not_overlooked(
    radicale: DavServer, meddler: Meddler, book: str, strategy: str
) -> None:
    """A proxy that hides part of the path: an answer of strange names is an error, not an empty book."""
    with signed_in(radicale, address=meddler.url) as client:
        resource = replace(book_at(client, book), read=strategy)
        meddler.after = lambda asked, answer: replace(answer, body=answer.body.replace(b"/ann/", b"/hidden/ann/"))
        with pytest.raises(ConnectorBroken):
            client.read(resource, None)
