"""The door to a forge's API: requests with credentials, all pages of a list, conditional requests, rate limits. Shell.

A call that cannot be answered now raises Unavailable with the time to wait, one that is refused Refused with the forge's words;
nothing is tried again here. What was asked before is asked with ``If-None-Match``, which most forges do not count.
"""

from __future__ import annotations

import ssl
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import orjson

from events.connecting import why
from events.errors import Refused, SpecError, Unavailable
from events.version import __version__
from eventsource.hooks.limits import SharedLimits, wait_of
from eventsource.hooks.words import secrets_in, words

__all__ = ["MOVED", "Answer", "Call", "Client", "Page", "Transport", "by_link", "http_transport"]

MOVED = (301, 307, 308)
"""Answers for what has another name now."""

_TIMEOUT = 15.0
_SILENCES = 2
_SILENCE = 30.0
"""Seconds for which a forge is left alone that gave no answer so often in a row: a look at hundreds of repositories would take hours."""
_LARGEST_ANSWER = 16 << 20
_MOST_PAGES = 500
_REMEMBERED = 1_000
_LARGEST_REMEMBERED = 64 << 10
"""Bytes of an answer that is remembered: GitLab's log of deliveries has all of them in it."""
_SHORT = 10
"""Items of a list that fit any page. A longer one is read anew each time: a full page stays the same, and so does its ETag, when another
one has come behind it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it is sent."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)

    @property
    def json(self) -> Any:
        """The body. Raises Unavailable when it is none: then something else than the forge has answered."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise Unavailable("the answer is no JSON", hint="is this the address of the API?") from None


Transport = Callable[[Call], Awaitable[Answer]]
"""Sends a request. Raises Unavailable when there is no answer; with ``retry_after`` when that took long."""

Authorize = Callable[[], Awaitable[Mapping[str, str]]]
"""The header fields that prove who we are; asked for each call, so that a new token is taken up."""


class Page(NamedTuple):
    """Items of one page, and the query of the next one; None: this was the last."""

    items: list[Any]
    next: Mapping[str, str] | None


def by_link(answer: Answer) -> Page:
    """A page whose next one is in the ``Link`` header (GitHub, GitLab). https://www.rfc-editor.org/rfc/rfc8288"""
    items = answer.json
    if not isinstance(items, list):
        raise Unavailable("the answer is no list", hint="is this the address of the API?")
    return Page(items, _next(answer.headers.get("link", "")))


def _next(links: str) -> Mapping[str, str] | None:
    for link in links.split(","):
        url, _, parameters = link.partition(">")
        if 'rel="next"' in parameters:
            return query_of(url.strip().removeprefix("<"))
    return None


def query_of(url: str) -> dict[str, str]:
    """The query of a URL. All that is taken of a link to the next page: credentials go to the address that we were given only."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


class Client:
    """One forge with one set of credentials. ``calls`` counts what was sent; ``limits`` are those of others, too."""

    def __init__(
        self,
        transport: Transport,
        base: str,
        authorize: Authorize,
        *,
        headers: Mapping[str, str] | None = None,
        limits: SharedLimits | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        parts = urlsplit(base)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise SpecError(f"'{base}' is no address of an API", hint="write https://host/path")
        self.base = base.rstrip("/")
        self.calls = 0
        self._transport = transport
        self._authorize = authorize
        self._headers = {"User-Agent": f"pointsman/{__version__}", "Accept": "application/json", **(headers or {})}
        self._now = now
        self._seen: OrderedDict[str, Answer] = OrderedDict()
        self._closed_until = 0.0
        self._silent_until = 0.0
        self._silences = 0
        self._limits = limits or SharedLimits()

    async def call(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Any = None, expect: int = 0
    ) -> Answer:
        """Send a request for ``path`` (from the base, beginning with a slash; its parts are quoted already).

        ``expect``: a status besides 2xx that is no error. Raises Unavailable, Refused, SpecError (the credentials cannot be used).
        """
        self._check(self._silent_until, "the forge gives no answer")
        self._check(self._closed_until)
        credentials = await self._authorize()
        key = hash((self.base, *sorted(credentials.items())))
        self._check(self._limits.until(key))
        url = self._url(path, query)
        headers = {**self._headers, **credentials}
        if body is not None:
            headers["Content-Type"] = "application/json"
        seen = self._seen.get(url) if method == "GET" else None
        if seen is not None:
            headers["If-None-Match"] = seen.headers["etag"]
        self.calls += 1
        answer = await self._answered(Call(method, url, headers, None if body is None else orjson.dumps(body)))
        self._heed(answer, key)
        if answer.status == 304 and seen is not None:
            return seen
        if 200 <= answer.status < 300 or answer.status == expect:
            if method == "GET" and answer.status == 200 and "etag" in answer.headers:
                self._remember(url, answer)
            return answer
        raise self._error(method, url, answer, [*_tokens(credentials), *secrets_in(body)])

    async def _answered(self, call: Call) -> Answer:
        """The answer. After some calls without one, that took their time, others are not kept waiting for more of them."""
        try:
            answer = await self._transport(call)
        except Unavailable as error:
            if error.retry_after is not None:
                self._silences += 1
                if self._silences >= _SILENCES:
                    self._silent_until = self._now() + error.retry_after
            raise
        self._silences = 0
        return answer

    async def items(
        self, path: str, query: Mapping[str, str] | None = None, read: Callable[[Answer], Page] = by_link
    ) -> list[Any]:
        """All items of a list, of all its pages. ``read`` takes a page apart."""
        found: list[Any] = []
        following: Mapping[str, str] = query or {}
        read_already: list[Mapping[str, str]] = []
        for _ in range(_MOST_PAGES):
            page = read(await self.call("GET", path, query=following))
            if page.next is not None or found or len(page.items) >= _SHORT:
                self._seen.pop(self._url(path, following), None)
            found += page.items
            if page.next is None or page.next == following:
                return found
            read_already.append(following)
            if page.next in read_already:
                raise Unavailable(f"the pages of the list at {path} go round in a circle")
            following = page.next
        raise Unavailable(f"the list at {path} has more than {_MOST_PAGES} pages")

    def _url(self, path: str, query: Mapping[str, str] | None) -> str:
        return f"{self.base}{path}" + (f"?{urlencode(query)}" if query else "")

    def _remember(self, url: str, answer: Answer) -> None:
        if len(answer.body) > _LARGEST_REMEMBERED:
            self._seen.pop(url, None)
            return
        self._seen[url] = answer
        self._seen.move_to_end(url)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    def _check(self, until: float, reason: str = "the forge asks us to wait") -> None:
        if (wait := until - self._now()) > 0:
            raise Unavailable(reason, retry_after=wait)

    def _heed(self, answer: Answer, key: int) -> None:
        """Send nothing more until the forge wants to hear of us again."""
        wait = wait_of(answer.status, answer.headers, answer.body, self._now())
        if wait is not None:
            self._closed_until = max(self._closed_until, self._now() + wait)
            self._limits.close(key, self._closed_until, self._now())

    def _error(self, method: str, url: str, answer: Answer, secrets: Iterable[str]) -> Refused | Unavailable:
        status = answer.status
        text = f"{method} {url.partition('?')[0]}: {status} {words(answer.body, secrets)}".rstrip()
        if (wait := wait_of(answer.status, answer.headers, answer.body, self._now())) is not None and status in (
            403,
            429,
            503,
        ):
            return Unavailable(text, retry_after=wait)
        if status in (408, 425, 429) or status >= 500:
            return Unavailable(text)
        hint = {
            **dict.fromkeys(MOVED, "it has another name now: use that one"),
            401: "are the credentials right, and still good?",
            403: "do the credentials allow to manage hooks?",
            404: "does it exist, and may the credentials see it?",
        }
        return Refused(text, status=status, hint=hint.get(status, ""))


def _tokens(credentials: Mapping[str, str]) -> list[str]:
    """Without the scheme before them."""
    return [value.rpartition(" ")[2] for value in credentials.values()]


def http_transport(session: aiohttp.ClientSession, tls: ssl.SSLContext | bool = True) -> Transport:
    """Over the network. ``tls``: False checks no certificates. Redirects are not followed: credentials stay where they belong."""
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT)

    async def send(call: Call) -> Answer:
        host = urlsplit(call.url).netloc
        try:
            async with session.request(
                call.method,
                call.url,
                headers=call.headers,
                data=call.body,
                ssl=tls,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                body = bytearray()
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > _LARGEST_ANSWER:
                        raise Unavailable(f"{host}: the answer is longer than {_LARGEST_ANSWER} bytes")
                return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, bytes(body))
        except TimeoutError:
            raise Unavailable(f"{host} gave no answer within {_TIMEOUT:.0f} s", retry_after=_SILENCE) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(f"{host} cannot be reached: {why(error)}") from None

    return send
