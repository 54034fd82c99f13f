"""Writing to address books: conditions, lost answers, refusals, and what stays in a card."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from connectors.contract import (
    ConnectorError,
    DuplicateRecord,
    NotFound,
    PermissionLost,
    RateLimited,
    Refusal,
    Refused,
    ResourceGone,
    Retry,
    SignInAgain,
    VersionMismatch,
    Write,
    WriteKind,
    Written,
)
from connectors.testing.environment import OpenEnvironment
from connectors.testing.passes import read_pass

from .carddav_parts import book_at, create, one, signed_in, update, vcard
from .dav_servers import Answer, Asked, DavServer, Meddler

ODD_4_0 = (
    "FN:Ann Lee",
    'N;SORT-AS="Lee,Ann":Lee;Ann;;;',
    "KIND:individual",
    "GENDER:F;it's complicated",
    "item1.EMAIL;PREF=1;TYPE=work:ann@example.com",
    "item1.X-ABLABEL:_$!<Work>!$_",
    "EMAIL;ALTID=1;PID=1.1:ann@home.example",
    "ANNIVERSARY:20090808T1430-0500",
    "LANG;PREF=1:fr",
    "RELATED;TYPE=friend:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    "CLIENTPIDMAP:1;urn:uuid:53e374d9-337e-4727-8803-a1e9c14e0556",
    'X-OWN;X-A="b:c";TYPE=x:kept, as it; is \\q',
    "PHOTO:data:image/jpeg;base64,/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAUDBAQEAwUEBAQFBQUGBwwI\r\n BwcHBw8LCwkMEQ==",
)


@pytest.fixture
def book(radicale: DavServer) -> Iterator[str]:
    with radicale.book() as path:
        yield path


def test_what_we_do_not_map_stays_in_the_card(xandikos: DavServer) -> None:
    """Xandikos keeps a card as it was sent: what it holds afterwards is what we wrote."""
    path = f"{xandikos.home}addressbook/{uuid.uuid4()}.vcf"
    before = vcard(str(uuid.uuid4()), *ODD_4_0, version="4.0")
    xandikos.put(path, before)
    with signed_in(xandikos) as client:
        resource = book_at(client, f"{xandikos.home}addressbook/")
        outcome = one(client.write(resource, [update(path, {"email": ["new@example.com", "ann@home.example"]})]))
        assert isinstance(outcome, Written), outcome
    after = xandikos.card(path).split("\r\n")
    rev = [line for line in after if line.startswith("REV:")]
    assert len(rev) == 1
    expected = before.replace("TYPE=work:ann@example.com", "TYPE=work:new@example.com").split("\r\n")
    assert [line for line in after if line not in rev] == expected


def test_nothing_to_change_is_nothing_sent(radicale: DavServer, meddler: Meddler, book: str) -> None:
    etag = radicale.put(f"{book}a.vcf", vcard("a", "FN:Ann Lee", "N:Lee;Ann;;;"))
    with signed_in(radicale, address=meddler.url) as client:
        resource = book_at(client, book)
        outcome = one(client.write(resource, [update(f"{book}a.vcf", {"first_name": "Ann", "notes": None}, etag)]))
        assert isinstance(outcome, Written) and outcome.record and outcome.record.version == etag
        assert "PUT" not in meddler.methods()


def test_a_batch_of_updates_reads_all_cards_at_once(radicale: DavServer, meddler: Meddler, book: str) -> None:
    for number in range(6):
        radicale.put(f"{book}{number}.vcf", vcard(str(number)))
    with signed_in(radicale, address=meddler.url) as client:
        resource = book_at(client, book)
        meddler.asked.clear()
        writes = [update(f"{book}{number}.vcf", {"notes": f"n{number}"}) for number in range(6)]
        outcomes = client.write(resource, writes)
        assert [outcome.record.values["notes"] for outcome in outcomes] == [f"n{n}" for n in range(6)]
        assert sorted(meddler.methods()) == ["PUT"] * 6 + ["REPORT"]


def test_an_edit_between_our_read_and_our_write_survives(radicale: DavServer, meddler: Meddler, book: str) -> None:
    path = f"{book}a.vcf"
    etag = radicale.put(path, vcard("a"))

    def before(asked: Asked) -> Answer | None:
        if asked.method == "PUT":
            radicale.put(path, vcard("a", "FN:Theirs"))
        return None

    meddler.before = before
    with signed_in(radicale, address=meddler.url) as client:
        outcome = one(client.write(book_at(client, book), [update(path, {"full_name": "Ours"}, etag)]))
    assert isinstance(outcome, VersionMismatch)
    assert outcome.current is not None and outcome.current.values["full_name"] == "Theirs"
    assert "FN:Theirs" in radicale.card(path)


def test_a_creation_whose_answer_was_lost_is_made_once(radicale: DavServer, meddler: Meddler, book: str) -> None:
    write = create({"full_name": "Ann"})
    with signed_in(radicale, address=meddler.url) as client:
        resource = book_at(client, book)
        meddler.after = lambda asked, answer: None if asked.method == "PUT" else answer
        with pytest.raises(Retry):
            client.write(resource, [write])
        meddler.after = lambda asked, answer: answer
        outcome = one(client.write(resource, [write]))
        assert isinstance(outcome, Written) and outcome.record and outcome.record.values["full_name"] == "Ann"
        assert read_pass(client, resource).ids == {outcome.id}


def test_a_creation_that_never_arrived_is_made(radicale: DavServer, meddler: Meddler, book: str) -> None:
    write = create({"full_name": "Ann"})
    with signed_in(radicale, address=meddler.url) as client:
        resource = book_at(client, book)
        meddler.before = lambda asked: Answer(502) if asked.method == "PUT" else None
        with pytest.raises(Retry):
            client.write(resource, [write])
        meddler.before = lambda asked: None
        assert isinstance(one(client.write(resource, [write])), Written)
        assert len(read_pass(client, resource).ids) == 1


def test_a_name_that_somebody_else_uses_is_a_duplicate(radicale: DavServer, book: str) -> None:
    write = create({"full_name": "Ann"})
    path = f"{book}{write.key}.vcf"
    radicale.put(path, vcard("another-uid", "FN:Somebody"))
    with signed_in(radicale) as client:
        outcome = one(client.write(book_at(client, book), [write]))
    assert isinstance(outcome, DuplicateRecord) and outcome.existing_id == path
    assert "FN:Somebody" in radicale.card(path)


def test_a_uid_that_is_in_the_book_already_is_a_duplicate(radicale: DavServer, book: str) -> None:
    write = create({"full_name": "Ann"})
    radicale.put(f"{book}moved.vcf", vcard(write.key or ""))
    with signed_in(radicale) as client:
        outcome = one(client.write(book_at(client, book), [write]))
    assert isinstance(outcome, DuplicateRecord)


def test_a_uid_that_the_server_shows_is_our_earlier_attempt(radicale: DavServer, meddler: Meddler, book: str) -> None:
    """RFC 6352, 6.3.2.1: the refusal may name the card that has the UID."""
    write = create({"full_name": "Ann"})
    radicale.put(f"{book}moved.vcf", vcard(write.key or "", "FN:Ann"))
    conflict = f"<C:no-uid-conflict><href>{book}moved.vcf</href></C:no-uid-conflict>"
    body = f"<error xmlns='DAV:' xmlns:C='urn:ietf:params:xml:ns:carddav'>{conflict}</error>"
    meddler.before = lambda asked: Answer(403, {}, body.encode()) if asked.method == "PUT" else None
    with signed_in(radicale, address=meddler.url) as client:
        outcome = one(client.write(book_at(client, book), [write]))
    assert isinstance(outcome, Written) and outcome.id == f"{book}moved.vcf"


def test_a_server_that_names_cards_itself_is_believed(radicale: DavServer, meddler: Meddler, book: str) -> None:
    meddler.after = lambda asked, answer: (
        replace(answer, headers={**answer.headers, "Location": f"{book}renamed.vcf"})
        if asked.method == "PUT"
        else answer
    )
    with signed_in(radicale, address=meddler.url) as client:
        outcome = one(client.write(book_at(client, book), [create({"full_name": "Ann"})]))
    assert isinstance(outcome, Written) and outcome.id == f"{book}renamed.vcf"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(400, {}, b"no vCard"), Refusal.INVALID_VALUE),
        (Answer(415), Refusal.INVALID_VALUE),
        (Answer(413), Refusal.TOO_LONG),
        (Answer(507, {}, b"quota exceeded"), Refusal.APP_RULE),
        (
            Answer(
                403, {}, b"<error xmlns='DAV:'><C:max-resource-size xmlns:C='urn:ietf:params:xml:ns:carddav'/></error>"
            ),
            Refusal.TOO_LONG,
        ),
        (
            Answer(
                409, {}, b"<error xmlns='DAV:'><C:valid-address-data xmlns:C='urn:ietf:params:xml:ns:carddav'/></error>"
            ),
            Refusal.INVALID_VALUE,
        ),
    ],
)
def test_a_refused_card_is_refused_alone(
    radicale: DavServer, meddler: Meddler, book: str, answer: Answer, reason: Refusal
) -> None:
    meddler.before = lambda asked: answer if asked.method == "PUT" and b"FN:Bad" in asked.body else None
    with signed_in(radicale, address=meddler.url) as client:
        writes = [create({"full_name": name}) for name in ("Good", "Bad", "Better")]
        first, second, third = client.write(book_at(client, book), writes)
    assert isinstance(first, Written) and isinstance(third, Written)
    assert isinstance(second, Refused) and second.reason is reason and second.message


def test_one_card_that_may_not_be_written_is_refused_and_a_whole_book_is_lost(
    radicale: DavServer, meddler: Meddler, book: str
) -> None:
    meddler.before = lambda asked: Answer(403) if asked.method == "PUT" and b"FN:Bad" in asked.body else None
    with signed_in(radicale, address=meddler.url) as client:
        resource = book_at(client, book)
        _, bad = client.write(resource, [create({"full_name": name}) for name in ("Good", "Bad")])
        assert isinstance(bad, Refused) and bad.reason is Refusal.PERMISSION
        with pytest.raises(PermissionLost):
            client.write(resource, [create({"full_name": "Bad"})])


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, SignInAgain), (404, ResourceGone), (409, ResourceGone), (500, Retry), (302, ConnectorError)],
)
def test_errors_of_the_whole_call(
    radicale: DavServer, meddler: Meddler, book: str, status: int, error: type[ConnectorError]
) -> None:
    with signed_in(radicale, address=meddler.url) as client:
        resource = book_at(client, book)
        meddler.before = lambda asked: Answer(status, {"Location": "/elsewhere"}) if asked.method == "PUT" else None
        with pytest.raises(error):
            client.write(resource, [create({"full_name": "Ann"})])


def test_too_fast_in_the_middle_of_a_batch_goes_on_after_the_pause(
    radicale: DavServer, meddler: Meddler, book: str
) -> None:
    refused: list[str] = []

    def before(asked: Asked) -> Answer | None:
        if asked.method == "PUT" and b"FN:Person 5" in asked.body and not refused:
            refused.append(asked.path)
            return Answer(429, {"Retry-After": "7"})
        return None

    env = OpenEnvironment()
    meddler.before = before
    with signed_in(radicale, address=meddler.url, env=env) as client:
        resource = book_at(client, book)
        outcomes = client.write(resource, [create({"full_name": f"Person {n}"}) for n in range(9)])
        assert all(isinstance(outcome, Written) for outcome in outcomes), outcomes
        assert len(read_pass(client, resource).ids) == 9
    assert env.pauses == [7.0]


def test_too_fast_at_once_is_rate_limited(radicale: DavServer, meddler: Meddler, book: str) -> None:
    with signed_in(radicale, address=meddler.url) as client:
        resource = book_at(client, book)
        too_fast = Answer(429, {"Retry-After": "3"})
        meddler.before = lambda asked: too_fast if asked.method in ("PUT", "REPORT") else None
        with pytest.raises(RateLimited) as limited:
            client.write(resource, [create({"full_name": "Ann"})])
        assert limited.value.after == 3
        with pytest.raises(RateLimited):
            client.read(resource, None)
        # Of several some may have been carried out: nobody knows.
        with pytest.raises(Retry):
            client.write(resource, [create({"full_name": f"Person {n}"}) for n in range(5)])


def test_a_budget_that_is_used_up_sends_nothing(radicale: DavServer, meddler: Meddler, book: str) -> None:
    class UsedUp(OpenEnvironment):
        def take(self, requests: int = 1) -> None:
            if self.taken >= 1000:
                raise RateLimited("the wait is longer than a slice", after=60)
            super().take(requests)

    env = UsedUp()
    with signed_in(radicale, address=meddler.url, env=env) as client:
        resource = book_at(client, book)
        client.write(resource, [create({"full_name": "Ann"})])
        meddler.asked.clear()
        env.taken = 1000
        with pytest.raises(RateLimited):
            client.write(resource, [create({"full_name": f"Person {n}"}) for n in range(5)])
    assert not meddler.asked


def test_new_cards_are_of_a_version_that_the_book_takes(radicale: DavServer, meddler: Meddler, book: str) -> None:
    meddler.after = lambda asked, answer: replace(answer, body=answer.body.replace(b'version="3.0"', b'version="4.0"'))
    with signed_in(radicale, address=meddler.url) as client:
        outcome = one(client.write(book_at(client, book), [create({"full_name": "Ann"})]))
    assert isinstance(outcome, Written)
    (sent,) = [asked.body for asked in meddler.asked if asked.method == "PUT"]
    assert b"VERSION:4.0" in sent


def test_a_card_of_another_book_is_not_touched(radicale: DavServer, book: str) -> None:
    with radicale.book() as other, signed_in(radicale) as client:
        path = f"{other}a.vcf"
        radicale.put(path, vcard("a"))
        resource = book_at(client, book)
        assert isinstance(one(client.write(resource, [update(path, {"notes": "x"})])), NotFound)
        assert isinstance(one(client.write(resource, [Write(WriteKind.DELETE, id=path)])), NotFound)
        assert "FN:a" in radicale.card(path)
