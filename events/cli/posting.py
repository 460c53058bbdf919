"""One HTTP request to a webhook, and its answer. Shell.

The client of the standard library: it starts at once, and sends header names as they are written.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from events.cli.deliveries import Request
from events.errors import SpecError, Unavailable

__all__ = ["Answer", "Sender"]

_SECONDS = 10.0  # as long as GitHub, GitLab and Bitbucket wait
_MAX_ANSWER = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver said."""

    status: int
    phrase: str
    text: str

    @property
    def well(self) -> bool:
        """Whether the delivery was accepted."""
        return 200 <= self.status < 300

    @property
    def value(self) -> Any:
        """The answer as JSON, or its text where it is none."""
        try:
            return orjson.loads(self.text)
        except orjson.JSONDecodeError:
            return self.text


class Sender:
    """A connection to one address, kept open from one request to the next. ``host`` and ``target`` are what requests name."""

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            parts, host, port = urlsplit(""), None, None
        if parts.scheme not in ("http", "https") or not host or any(c.isspace() for c in url):
            raise SpecError(f"'{url}' is no URL of a webhook", path="--to", hint="such as http://127.0.0.1:12000/push")
        self.url = url
        self.host = parts.netloc.rpartition("@")[2]
        self.target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        if not self.target.isascii():
            raise SpecError(f"the path of '{url}' must be written in ASCII", path="--to", hint="escape it with %XX")
        self._where = f"{host}:{port or (443 if parts.scheme == 'https' else 80)}"
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(host, port, timeout=_SECONDS)

    def send(self, request: Request) -> Answer:
        """Send a delivery and wait for its answer. Raises Unavailable where there is none."""
        connection = self._connection
        try:
            connection.putrequest(request.method, self.target, skip_accept_encoding=True)
            for name, value in {**request.headers, "Content-Length": str(len(request.body))}.items():
                connection.putheader(name, value)
            connection.endheaders(request.body)
            response = connection.getresponse()
            text = response.read(_MAX_ANSWER).decode("utf-8", "replace").strip()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Unavailable(f"{self._where} {_reason(error)}", hint=_hint(error)) from None
        return Answer(response.status, response.reason, text)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def _reason(error: Exception) -> str:
    match error:
        case ConnectionRefusedError():
            return "refuses connections: nothing listens there"
        case TimeoutError():
            return f"did not answer within {_SECONDS:.0f} s"
        case socket.gaierror():
            return "cannot be found: the name is not known"
        case ssl.SSLCertVerificationError():
            return f"has a certificate that is not trusted: {error.verify_message}"
        case ssl.SSLError():
            return "does not speak TLS"
        case ConnectionError() | http.client.RemoteDisconnected():
            return "closed the connection without an answer"
        case http.client.HTTPException():
            return "did not answer as a web server does"
        case _:
            return f"cannot be reached: {getattr(error, 'strerror', None) or error}"


def _hint(error: Exception) -> str:
    return "is `pointsman up` running?" if isinstance(error, ConnectionRefusedError) else ""
