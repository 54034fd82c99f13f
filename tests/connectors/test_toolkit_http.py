"""Asking over HTTP: retries, redirects, budgets, limits, and secrets that stay where they are."""

from __future__ import annotations

import gzip
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from requests.auth import HTTPBasicAuth

from connectors.contract import (
    ConnectorBroken,
    ConnectorError,
    PermissionLost,
    RateLimited,
    ResourceGone,
    Retry,
    SignInAgain,
)
from connectors.testing.environment import OpenEnvironment
from connectors.toolkit.addresses import AddressRefused
from connectors.toolkit.http import Limits, Request, Session, TooLarge
from connectors.toolkit.replies import OUTCOMES, Reply, error_of, retry_after

from .dav_servers import Answer, Asked, Meddler, free_port

SECRET = "s3cret-canary"


class Far(Meddler):
    """An app that only says what a test tells it to."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:9")

    def say(self, *answers: Answer | None) -> None:
        """These answers one after the other, the last one for ever; None: the connection breaks."""
        left = list(answers)
        lock = threading.Lock()

        def after(asked: Asked, answer: Answer) -> Answer | None:
            with lock:
                return left.pop(0) if len(left) > 1 else left[0]

        self.before = lambda asked: Answer(200)
        self.after = after


@pytest.fixture
def far() -> Iterator[Far]:
    app = Far()
    yield app
    app.stop()


@pytest.fixture
def other() -> Iterator[Far]:
    app = Far()
    yield app
    app.stop()


@pytest.fixture
def env() -> OpenEnvironment:
    return OpenEnvironment()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def session(far: Far, env: OpenEnvironment, pauses: list[float]) -> Iterator[Session]:
    with_secrets = {"X-Api-Key": SECRET}
    session = Session(
        far.url,
        env=env,
        auth=HTTPBasicAuth("ann", SECRET),
        headers=with_secrets,
        limits=Limits(answer_bytes=1_000_000, read_seconds=5),
        sleep=pauses.append,
    )
    yield session
    session.close()


def test_every_request_is_taken_from_the_budget(session: Session, far: Far, env: OpenEnvironment) -> None:
    far.say(Answer(302, {"Location": "/b"}), Answer(503), Answer(200, {}, b"ok"))
    assert session.request(Request("GET", "a")).body == b"ok"
    assert env.taken == len(far.asked) == 3


@pytest.mark.parametrize("fault", [None, Answer(502), Answer(503), Answer(504)])
def test_a_safe_request_is_tried_again_on_a_passing_fault(
    session: Session, far: Far, pauses: list[float], fault: Answer | None
) -> None:
    far.say(fault, fault, Answer(200, {}, b"ok"))
    assert session.request(Request("PROPFIND")).body == b"ok"
    assert pauses == [0.3, 1.0]


def test_and_not_for_ever(session: Session, far: Far) -> None:
    far.say(Answer(503))
    with pytest.raises(Retry):
        session.request(Request("GET"))
    assert len(far.asked) == 3


@pytest.mark.parametrize("fault", [None, Answer(503), Answer(500)])
def test_a_write_is_sent_once(session: Session, far: Far, fault: Answer | None) -> None:
    far.say(fault)
    with pytest.raises(Retry):
        session.request(Request("PUT", body=b"x"))
    assert len(far.asked) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_too_fast_pauses_everybody(session: Session, far: Far, env: OpenEnvironment, status: int) -> None:
    far.say(Answer(status, {"Retry-After": "12"}))
    with pytest.raises(RateLimited) as limited:
        session.request(Request("GET"))
    assert limited.value.after == 12 and env.pauses == [12] and len(far.asked) == 1


@pytest.mark.parametrize(
    ("said", "date", "after"),
    [
        ("5", "", 5.0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:30 GMT", 0.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", "", None),
        ("soon", "", None),
        ("-3", "", None),
        ("", "", None),
    ],
)
def test_when_to_come_back(said: str, date: str, after: float | None) -> None:
    assert retry_after(Reply(429, "https://x.example", {"Retry-After": said, "Date": date})) == after


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((401, SignInAgain), (403, PermissionLost), (404, ResourceGone), (410, ResourceGone), (408, Retry)),
        *((500, Retry), (501, ConnectorBroken), (599, Retry), (400, ConnectorBroken), (418, ConnectorBroken)),
        *((304, ConnectorBroken), (429, RateLimited)),
    ],
)
def test_a_status_means_an_error(status: int, error: type[ConnectorError]) -> None:
    found = error_of(Reply(status, "https://x.example", body=b"<p>because &amp; so</p>"))
    assert type(found) is error and "because" in str(found)


def test_a_connector_amends_the_table(far: Far, env: OpenEnvironment) -> None:
    far.say(Answer(402))
    session = Session(far.url, env=env, outcomes={**OUTCOMES, 402: PermissionLost})
    with pytest.raises(PermissionLost):
        session.request(Request("GET"))
    assert session.request(Request("GET", ok=(402,))).status == 402
    session.close()


def test_credentials_stay_with_their_origin(session: Session, far: Far, other: Far) -> None:
    far.say(Answer(307, {"Location": other.url + "x"}))
    other.say(Answer(200, {}, b"ok"))
    reply = session.request(Request("PROPFIND", "a", body=b"question"))
    assert reply.url == other.url + "x"
    (there,) = other.asked
    assert there.method == "PROPFIND" and there.body == b"question"
    assert "Authorization" not in there.headers and "X-Api-Key" not in there.headers
    assert "Authorization" in far.asked[0].headers


@pytest.mark.parametrize("target", ["ftp://x.example/", "gopher://127.0.0.1/", "file:///etc/passwd"])
def test_a_redirect_is_checked_like_any_address(session: Session, far: Far, target: str) -> None:
    far.say(Answer(302, {"Location": target}))
    with pytest.raises(AddressRefused):
        session.request(Request("GET"))


def test_a_redirect_into_the_operators_network_is_refused(far: Far) -> None:
    env = OpenEnvironment()
    session = Session(far.url, env=env)
    far.say(Answer(200), Answer(302, {"Location": "http://localhost:1/latest/meta-data"}))
    session.request(Request("GET"))
    env.allow_private_addresses = False
    with pytest.raises(AddressRefused):
        session.request(Request("GET"))
    session.close()


def test_redirects_end(session: Session, far: Far) -> None:
    far.say(Answer(302, {"Location": "/again"}))
    with pytest.raises(ConnectorBroken, match="redirects"):
        session.request(Request("GET"))


def test_a_write_is_not_sent_on(session: Session, far: Far) -> None:
    far.say(Answer(302, {"Location": "/b"}))
    with pytest.raises(ConnectorBroken):
        session.request(Request("PUT", body=b"x"))
    assert len(far.asked) == 1


def test_an_answer_has_a_size(session: Session, far: Far) -> None:
    far.say(Answer(200, {}, b"x" * 2_000_000))
    with pytest.raises(TooLarge):
        session.request(Request("GET"))
    bomb = gzip.compress(b"\0" * 50_000_000)
    far.say(Answer(200, {"Content-Encoding": "gzip"}, bomb))
    with pytest.raises(TooLarge):
        session.request(Request("GET"))


def test_packed_answers_are_unpacked(session: Session, far: Far) -> None:
    far.say(Answer(200, {"Content-Encoding": "gzip"}, gzip.compress(b"hello")))
    assert session.request(Request("GET")).body == b"hello"
    assert "gzip" in far.asked[0].headers["Accept-Encoding"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"Content-Length": "1000"}, b"cut"),
        Answer(200, {"Content-Encoding": "gzip"}, gzip.compress(b"hello" * 1000)[:-12]),
        Answer(200, {"Content-Encoding": "gzip"}, b"not packed at all"),
    ],
)
def test_a_cut_answer_is_no_answer(session: Session, far: Far, answer: Answer) -> None:
    far.say(answer)
    with pytest.raises(Retry):
        session.request(Request("GET"))


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"Content-Type": "text/html; charset=utf-8"}, b"<title>Log in</title>"),
        Answer(207, {"Content-Type": "application/xml"}, b"\n<!DOCTYPE HTML><html><title>Log in</title>"),
    ],
)
def test_a_web_page_is_no_data(session: Session, far: Far, answer: Answer) -> None:
    far.say(answer)
    with pytest.raises(ConnectorBroken, match="Log in"):
        session.request(Request("GET"), data=True)


def test_several_at_once_are_answered_in_order(session: Session, far: Far, env: OpenEnvironment) -> None:
    far.before = lambda asked: Answer(200, {}, asked.path.encode())
    replies = session.each([Request("PUT", f"/{number}", body=b"x") for number in range(20)])
    assert [reply.body for reply in replies] == [f"/{number}".encode() for number in range(20)]
    assert env.taken == 20


def test_several_at_once_stop_at_the_first_error(session: Session, far: Far) -> None:
    far.before = lambda asked: Answer(401 if asked.path == "/3" else 200)
    answered = []
    with pytest.raises(SignInAgain):
        for reply in session.each([Request("PUT", f"/{number}", body=b"x") for number in range(50)]):
            answered.append(reply)
    assert len(answered) == 3
    assert len(far.asked) <= 3 + 1 + Limits().at_once, "a refused password is not tried fifty times"


def test_the_budget_is_asked_in_the_callers_thread(session: Session, far: Far, env: OpenEnvironment) -> None:
    """It lives in a database connection that belongs to that thread."""
    threads: set[int] = set()

    class Watching(OpenEnvironment):
        def take(self, requests: int = 1) -> None:
            threads.add(threading.get_ident())

        def slow_down(self, after: float | None) -> None:
            threads.add(threading.get_ident())

    far.say(*[Answer(200)] * 8, Answer(429))
    watched = Session(far.url, env=Watching())
    with pytest.raises(RateLimited):
        list(watched.each([Request("PUT", body=b"x")] * 20))
    watched.close()
    assert threads == {threading.get_ident()}


def test_nobody_there_may_be_tried_again(env: OpenEnvironment) -> None:
    session = Session(f"http://127.0.0.1:{free_port()}/", env=env, sleep=lambda seconds: None)
    with pytest.raises(Retry):
        session.request(Request("GET", f"/x?key={SECRET}"))
    session.close()


def test_no_secret_in_logs_and_messages(
    session: Session, far: Far, caplog: pytest.LogCaptureFixture, env: OpenEnvironment
) -> None:
    far.say(Answer(200), None, Answer(401))
    said: list[Any] = [repr(session)]
    with caplog.at_level(logging.DEBUG, logger="connectors"):
        session.request(Request("GET", f"/x?key={SECRET}"))
        with pytest.raises(SignInAgain) as refused:
            session.request(Request("GET", f"/x?key={SECRET}"))
        lost = Session(f"http://127.0.0.1:{free_port()}/", env=env, sleep=lambda seconds: None)
        with pytest.raises(Retry) as gone:
            lost.request(Request("GET", f"/x?key={SECRET}"))
    said += [caplog.text, refused.value, repr(gone.value), repr(gone.value.__cause__)]
    assert "/x" in caplog.text
    assert not [text for text in said if SECRET in str(text)]
