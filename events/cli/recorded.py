"""A delivery that somebody kept in a file: the request as it came in. Pure.

Three forms are read: a request in HTTP/1.1 as ``send --print`` shows it (the request line may be missing), a JSON object with
``headers`` and ``body`` (``method``, ``path`` and ``port`` where they are known), and a bare body.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from events.errors import SpecError
from events.expressions import gjson

__all__ = ["Recorded", "Target", "read"]

_REQUEST_LINE = re.compile(rb"([A-Z]+) (\S+) HTTP/[0-9.]+")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):(.*)")
_HEAD_END = re.compile(rb"\r?\n\r?\n")

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a delivery was sent: the path with its query, still escaped, and the port where it is known."""

    path: str
    port: int | None = None

    @classmethod
    def of(cls, text: str) -> Target:
        """A URL, ``:PORT/PATH`` or ``/PATH``; raises SpecError."""
        try:
            parts = urlsplit(f"http://localhost{text}" if text.startswith((":", "/")) else text)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not parts.hostname or any(c.isspace() for c in text):
            raise SpecError(f"'{text}' is no address", hint="write a URL, :PORT/PATH or /PATH")
        return cls((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), port)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request. ``method`` and ``target`` are None where the file does not say them; a bare body has no ``headers``."""

    body: bytes
    headers: Fields = ()
    method: str | None = None
    target: Target | None = None


def read(content: bytes) -> Recorded:
    """The request in a file. Raises SpecError when it is none."""
    first = content.lstrip(b"\r\n").partition(b"\n")[0].rstrip(b"\r")
    if _REQUEST_LINE.fullmatch(first) or _HEADER.fullmatch(first):
        return _raw(content.lstrip(b"\r\n"))
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        value = None
    if isinstance(value, dict) and "headers" in value and ("body" in value or "body_base64" in value):
        return _object(value, content)
    return Recorded(content)


def _raw(content: bytes) -> Recorded:
    end = _HEAD_END.search(content)
    head, body = (content[: end.start()], content[end.end() :]) if end else (content.rstrip(), b"")
    lines = [line.rstrip(b"\r") for line in head.split(b"\n")]
    start = _REQUEST_LINE.fullmatch(lines[0])
    headers = []
    for number, line in enumerate(lines[1:] if start else lines, 2 if start else 1):
        match = _HEADER.fullmatch(line)
        if match is None:
            raise SpecError(
                f"line {number} is no header", hint="write 'Name: value', and an empty line before the body"
            )
        headers.append((match[1].decode(), _text(match[2].strip())))
    length = next((value for name, value in headers if name.lower() == "content-length"), None)
    if any(name.lower() == "transfer-encoding" for name, _ in headers):
        raise SpecError("the body is in chunks", hint="keep it whole, without Transfer-Encoding")
    if length is not None:
        body = _of_length(body, length)
    method, target = (start[1].decode(), _target(_text(start[2]), headers)) if start else (None, None)
    return Recorded(body, tuple(headers), method, target)


def _of_length(body: bytes, announced: str) -> bytes:
    """The body without what an editor or a shell has put behind it."""
    if not re.fullmatch("[0-9]{1,12}", announced) or int(announced) > len(body):
        raise SpecError(f"the body has {len(body)} bytes, and Content-Length says {announced[:20]}")
    return body[: int(announced)]


def _target(text: str, headers: list[tuple[str, str]]) -> Target:
    if not text.startswith("/"):
        return Target.of(text)
    host = next((value for name, value in headers if name.lower() == "host"), "")
    port = re.search(":([0-9]{1,5})$", host)
    return Target(text, int(port[1]) if port else None)


def _object(value: dict[str, Any], content: bytes) -> Recorded:
    method, path, port = value.get("method"), value.get("path"), value.get("port")
    if not (isinstance(method, str | None) and isinstance(path, str | None) and isinstance(port, int | None)):
        raise SpecError("method and path must be texts, and port a number")
    headers = tuple(_fields(value["headers"]))
    if path is not None:
        found = Target.of(path)
        target = Target(found.path, port if found.port is None else found.port)
    else:
        target = None
    return Recorded(_body(value, content), headers, method, target)


def _fields(headers: Any) -> list[tuple[str, str]]:
    """A mapping to a value or a list of them, or a list of pairs."""
    pairs = headers.items() if isinstance(headers, dict) else headers
    fields = []
    try:
        for name, given in pairs:
            for one in given if isinstance(given, list) else [given]:
                if not isinstance(name, str) or not isinstance(one, str | int):
                    raise TypeError
                fields.append((name, str(one)))
    except (TypeError, ValueError):
        raise SpecError("headers must map names to values", hint='such as {"X-GitHub-Event": "push"}') from None
    return fields


def _body(value: dict[str, Any], content: bytes) -> bytes:
    if "body" not in value:
        try:
            return base64.b64decode(value["body_base64"], validate=True)
        except (TypeError, ValueError, binascii.Error):
            raise SpecError("body_base64 is not base64") from None
    if isinstance(value["body"], str):
        return value["body"].encode("utf-8", "surrogateescape")
    # As it is written: what was signed are the bytes.
    return gjson.get(content, "body").raw.encode("utf-8", "surrogateescape")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
