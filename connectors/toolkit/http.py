"""Asking an app over HTTP, with the manners it expects: one budget, kept connections, patience, few retries."""

from __future__ import annotations

import logging
import time
import zlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from connectors.contract import ConnectorBroken, Environment, RateLimited, Retry

from .addresses import check_address, origin_of
from .replies import OUTCOMES, PASSING, Outcomes, Reply, error_of, refuse_web_page

log = logging.getLogger(__name__)

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT", "SEARCH"})
"""Asking twice does no harm: retried, and sent on where the app redirects."""
REDIRECTS = frozenset({301, 302, 303, 307, 308})
MOST_REDIRECTS = 5
PAUSES = (0.3, 1.0)
"""Seconds before the second and the third try of a safe request; there is no fourth."""
READ_BLOCK = 64 * 1024


class TooLarge(ConnectorBroken):
    """The answer is longer than the session reads. Asking for less may help."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question. `url` may be relative to the session's base."""

    method: str
    url: str = ""
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    ok: Collection[int] = ()
    """Statuses outside 200–299 that the caller understands; every other one raises."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much."""

    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    """Between two pieces of an answer."""
    answer_bytes: int = 64 * 1024 * 1024
    """Of one answer, after unpacking."""
    at_once: int = 4
    """Requests in flight in `Session.each`."""


class Session:
    """One client's conversation with one app.

    Credentials (`auth` and `headers`) go to the origin of `base_url` only. Neither they nor the query of an
    address are logged. Used from one thread; the environment is only ever called from that thread.
    """

    def __init__(
        self,
        base_url: str,
        *,
        env: Environment,
        auth: AuthBase | None = None,
        headers: Mapping[str, str] | None = None,
        outcomes: Outcomes = OUTCOMES,
        limits: Limits | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url = base_url
        self.origin = origin_of(base_url)
        self._env = env
        self._auth = auth
        self._headers = dict(headers or {})
        self._outcomes = outcomes
        self._limits = limits or Limits()
        self._sleep = sleep
        self._visited: set[str] = set()
        self._pool: ThreadPoolExecutor | None = None
        self._http = requests.Session()
        # The machine's own ~/.netrc must not lend credentials to a customer's address.
        self._http.trust_env = False
        self._http.headers["Accept-Encoding"] = "gzip"
        self._http.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=self._limits.at_once)
        self._http.mount("https://", adapter)
        self._http.mount("http://", adapter)

    def __repr__(self) -> str:
        return f"<Session {self.origin}>"

    def request(self, request: Request, *, data: bool = False) -> Reply:
        """Ask, and answer with a reply that the caller understands (2xx or `request.ok`).

        `data`: a web page is no answer. Safe requests are tried again on passing faults.
        Raises what `outcomes` says, Retry, RateLimited, AddressRefused, TooLarge, ConnectorBroken.
        """
        for pause in (*PAUSES, None) if request.method in SAFE_METHODS else (None,):
            try:
                reply = self._follow(request)
            except Retry:
                if pause is None:
                    raise
            else:
                if reply.status not in PASSING or "Retry-After" in reply.headers or pause is None:
                    return self._judged(request, reply, data=data)
            self._sleep(pause)
        raise AssertionError("the last try answers or raises")

    def each(self, questions: Iterable[Request]) -> Iterator[Reply]:
        """Ask several independent things, a few at once; the replies come in the order of asking.

        Not retried, not redirected. Raises as `request` does, at the first reply that is not understood;
        up to `Limits.at_once` later ones may have been sent by then, and are waited for.
        """
        waiting: deque[tuple[Request, Future[Reply]]] = deque()
        try:
            for question in questions:
                url = self._allowed(urljoin(self.base_url, question.url))
                self._env.take()
                waiting.append((question, self._workers().submit(self._send, question, url)))
                if len(waiting) >= self._limits.at_once:
                    yield self._next_of(waiting)
            while waiting:
                yield self._next_of(waiting)
        finally:
            for _, future in waiting:
                future.exception()

    def close(self) -> None:
        """Give back threads and connections. Never raises."""
        if self._pool is not None:
            self._pool.shutdown()
        self._http.close()

    # one question

    def _follow(self, request: Request) -> Reply:
        url = self._allowed(urljoin(self.base_url, request.url))
        for _ in range(MOST_REDIRECTS + 1):
            self._env.take()
            reply = self._send(request, url)
            if reply.status not in REDIRECTS or "Location" not in reply.headers:
                return reply
            url = self._allowed(self._redirected(request, reply))
        raise ConnectorBroken(f"More than {MOST_REDIRECTS} redirects, the last one to {origin_of(url)}.")

    def _redirected(self, request: Request, reply: Reply) -> str:
        target = urljoin(reply.url, reply.headers["Location"])
        if request.method not in SAFE_METHODS:
            raise ConnectorBroken(f"{request.method} was redirected to {_shown(target)}.")
        if reply.url.startswith("https:") and not target.startswith("https:"):
            raise ConnectorBroken(f"A redirect leads from https to {_shown(target)}.")
        return target

    def _allowed(self, url: str) -> str:
        origin = origin_of(url)
        if origin not in self._visited:
            check_address(url, allow_private=self._env.allow_private_addresses)
            self._visited.add(origin)
        return url

    def _send(self, request: Request, url: str) -> Reply:
        """One exchange, from any thread. Raises Retry when there is no whole answer."""
        ours = origin_of(url) == self.origin
        started = time.monotonic()
        try:
            with self._http.request(
                request.method,
                url,
                data=request.body,
                headers={**(self._headers if ours else {}), **request.headers},
                auth=self._auth if ours else None,
                timeout=(self._limits.connect_seconds, self._limits.read_seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = self._body(response)
        except (requests.RequestException, HTTPError, zlib.error) as error:
            log.debug("%s %s: %s", request.method, _shown(url), type(error).__name__)
            # Only the kind: the text of the error repeats the whole address.
            raise Retry(f"No answer from {origin_of(url)} ({_plain(error)}).") from None
        log.debug(
            "%s %s: %s, %s bytes, %.0f ms",
            request.method,
            _shown(url),
            response.status_code,
            len(body),
            1000 * (time.monotonic() - started),
        )
        return Reply(status=response.status_code, url=url, headers=response.headers, body=body)

    def _body(self, response: requests.Response) -> bytes:
        """The whole answer, unpacked here: the library neither minds a stream that ends too early, nor how
        much comes out of one block."""
        packing = response.headers.get("Content-Encoding", "identity").lower()
        if packing not in ("identity", "gzip", "x-gzip", ""):
            raise ConnectorBroken(f"The answer is packed as {packing}, which was not asked for.")
        unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16) if "gzip" in packing else None
        body = bytearray()
        for block in response.raw.stream(READ_BLOCK, decode_content=False):
            room = self._limits.answer_bytes + 1 - len(body)
            body += unpacking.decompress(block, room) if unpacking else block
            if len(body) > self._limits.answer_bytes:
                raise TooLarge(f"The answer is longer than {self._limits.answer_bytes} bytes.")
        if unpacking and not unpacking.eof and (body or unpacking.unconsumed_tail):
            raise zlib.error("the stream ends too early")
        return bytes(body)

    def _judged(self, request: Request, reply: Reply, *, data: bool) -> Reply:
        if 200 <= reply.status < 300 or reply.status in request.ok:
            if data and reply.status < 300:
                refuse_web_page(reply)
            return reply
        error = error_of(reply, self._outcomes)
        if isinstance(error, RateLimited):
            self._env.slow_down(error.after)
        raise error

    # several at once

    def _next_of(self, waiting: deque[tuple[Request, Future[Reply]]]) -> Reply:
        question, future = waiting.popleft()
        return self._judged(question, future.result(), data=False)

    def _workers(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._limits.at_once, thread_name_prefix="http")
        return self._pool


def _shown(url: str) -> str:
    """An address as it may be logged: without the query, which may carry a key."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _plain(error: Exception) -> str:
    if isinstance(error, requests.Timeout | ReadTimeoutError):
        return "too slow"
    if isinstance(error, requests.exceptions.SSLError):
        return "no trusted certificate"
    if isinstance(error, ProtocolError | zlib.error):
        return "the answer was cut off"
    return "no connection"
