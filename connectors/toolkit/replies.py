"""What an answer means: the reply itself, the table from status to error, and pages that came by mistake."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from connectors.contract import (
    ConnectorBroken,
    ConnectorError,
    PermissionLost,
    RateLimited,
    ResourceGone,
    Retry,
    SignInAgain,
)

Outcomes = Mapping[int, type[ConnectorError]]
"""Status → the error that it means. What is missing: 5xx is Retry, everything else ConnectorBroken."""

OUTCOMES: Outcomes = {
    401: SignInAgain,
    403: PermissionLost,
    404: ResourceGone,
    410: ResourceGone,
    408: Retry,
    423: Retry,
    425: Retry,
    429: RateLimited,
    501: ConnectorBroken,
    505: ConnectorBroken,
}
"""A connector amends it: `{**OUTCOMES, 402: PermissionLost}`."""

PASSING = frozenset({502, 503, 504})
"""A safe request is worth another try at once."""

WORDS = 300
"""Most characters of an app's own answer that go into a message."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, read to its end."""

    status: int
    url: str
    """Where it came from in the end, after redirects."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Case does not matter."""
    body: bytes = b""

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as UTF-8, which everything that we ask for is in."""
        return self.body.decode("utf-8", "replace")


def error_of(reply: Reply, outcomes: Outcomes = OUTCOMES) -> ConnectorError:
    """What a refusing reply means, in the app's own words where it has any."""
    kind = outcomes.get(reply.status, Retry if reply.status >= 500 else ConnectorBroken)
    after = retry_after(reply)
    message = f"{reply.status} {_phrase(reply.status)}: {words_of(reply)}".rstrip(": ")
    if kind is RateLimited or (reply.status == 503 and after is not None):
        return RateLimited(message, after=after)
    return kind(message)


def retry_after(reply: Reply) -> float | None:
    """Seconds to wait, as the app asks for them. A date is read against the app's own clock."""
    said = reply.headers.get("Retry-After", "").strip()
    if not said:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", said):
        return float(said)
    try:
        until = parsedate_to_datetime(said)
        now = parsedate_to_datetime(reply.headers.get("Date", ""))
        return max(0.0, (until - now).total_seconds())
    except (TypeError, ValueError):
        return None


def words_of(reply: Reply) -> str:
    """The app's answer in one short line: a page's title, else the text without its tags."""
    text = reply.text
    title = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE)
    plain = title[1] if title else re.sub(r"<[^>]*>", " ", text[: 20 * WORDS])
    return " ".join(plain.split())[:WORDS]


def refuse_web_page(reply: Reply) -> None:
    """Raise ConnectorBroken when a page for people came in place of data: a log-in form, a proxy's notice."""
    start = reply.body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if "html" in reply.content_type or start.startswith((b"<!doctype html", b"<html")):
        raise ConnectorBroken(f"A web page came in place of data: {words_of(reply)}".rstrip(": "))


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
