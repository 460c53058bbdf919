"""Go's ``net/url``: escaping, and taking a URL apart into the pieces that sprig shows. Follows https://pkg.go.dev/net/url."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from events.errors import EvaluationError
from events.expressions.golang.limits import check_slow_text
from events.expressions.golang.values import as_bytes, as_text

__all__ = ["Url", "join_url", "parse_url", "query_escape"]

_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_QUERY = frozenset(_UNRESERVED)
_PATH = frozenset(_UNRESERVED + b"$&+,/:;=@")
_HOST = frozenset(_UNRESERVED + b"!$&'()*+,;=:[]<>\"")
_USER = frozenset(_UNRESERVED + b"$&+,;=")
_FRAGMENT = frozenset(_UNRESERVED + b"!$&()*+,/:;=?@")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})?")
_PORT = re.compile(r"(:[0-9]*)?")
_USERINFO = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Url:
    """The pieces of a URL, decoded where Go decodes them. ``userinfo`` is ``None`` without an ``@``."""

    scheme: str = ""
    opaque: str = ""
    userinfo: str | None = None
    host: str = ""
    path: str = ""
    query: str = ""
    fragment: str = ""

    @property
    def hostname(self) -> str:
        """The host without port and brackets."""
        host, colon, port = self.host.rpartition(":")
        host = host if colon and (not port or port.isdigit()) else self.host
        return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def _escape(text: str, kept: frozenset[int]) -> str:
    check_slow_text(text)
    return "".join(chr(byte) if byte in kept else f"%{byte:02X}" for byte in as_bytes(text))


def query_escape(text: str) -> str:
    """``url.QueryEscape``: a space is ``+``."""
    return _escape(text, _QUERY | {0x20}).replace(" ", "+")


def _unescape(text: str) -> str:
    for match in _ESCAPE.finditer(text):
        if match.group(1) is None:
            raise EvaluationError(
                f'unable to parse url: invalid URL escape "{text[match.start() : match.start() + 3]}"'
            )
    if "%" not in text:
        return text
    return as_text(re.sub(rb"%(..)", lambda m: bytes([int(m.group(1), 16)]), as_bytes(text)))


def _refuse(reason: str) -> EvaluationError:
    return EvaluationError(f"unable to parse url: {reason}")


def parse_url(text: str) -> Url:
    """Take a URL apart. Raises ``EvaluationError`` where Go's ``url.Parse`` fails."""
    rest, _, fragment = text.partition("#")
    if _CONTROL.search(rest):
        raise _refuse("invalid control character in URL")
    if rest == "*":
        return Url(path="*", fragment=_unescape(fragment))
    if rest.startswith(":"):
        raise _refuse("missing protocol scheme")
    match = _SCHEME.match(rest)
    scheme = match.group(1).lower() if match else ""
    rest, _, query = rest[match.end() if match else 0 :].partition("?")
    if not rest.startswith("/"):
        if scheme:
            return Url(scheme=scheme, opaque=rest, query=query, fragment=_unescape(fragment))
        if ":" in rest.partition("/")[0]:
            raise _refuse("first path segment in URL cannot contain colon")
    userinfo, host = None, ""
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, rest = rest[2:].partition("/")
        rest = slash + rest
        before, at, host = authority.rpartition("@")
        host = _host(scheme, host)
        userinfo = _userinfo(before) if at else None
    return Url(scheme, "", userinfo, host, _unescape(rest), query, _unescape(fragment))


def _userinfo(text: str) -> str:
    """User and password, escaped as Go writes them again."""
    if not _USERINFO.fullmatch(text):
        raise _refuse("invalid userinfo")
    user, colon, password = text.partition(":")
    return _escape(_unescape(user), _USER) + colon + _escape(_unescape(password), _USER)


def _host(scheme: str, host: str) -> str:
    bracket = host.rfind("[")
    if bracket > 0:
        raise _refuse("invalid IP-literal")
    if bracket == 0:
        return _ip_literal(host)
    colon = host.find(":") if scheme in ("http", "https") else host.rfind(":")
    if colon >= 0 and not _PORT.fullmatch(host[colon:]):
        raise _refuse(f'invalid port "{host[colon:]}" after host')
    return _unescape_host(host)


def _ip_literal(host: str) -> str:
    close = host.rfind("]")
    if close < 0:
        raise _refuse("missing ']' in host")
    if not _PORT.fullmatch(host[close + 1 :]):
        raise _refuse(f'invalid port "{host[close + 1 :]}" after host')
    address, percent, zone = host[1:close].partition("%25")
    address = _unescape_host(address) + (_unescape(percent + zone) if percent else "")
    try:
        if ipaddress.ip_address(address).version == 4:
            raise _refuse("invalid IP-literal")
    except ValueError:
        raise _refuse("invalid host") from None
    return f"[{address}]{host[close + 1 :]}"


def _unescape_host(host: str) -> str:
    """Only bytes above ASCII (and ``%25``) may be escaped in a host; other signs that must be are an error."""
    for match in _ESCAPE.finditer(host):
        code = match.group(1)
        if code is not None and int(code[0], 16) < 8 and code != "25":
            raise _refuse(f'invalid URL escape "{match.group()}"')
    for byte in as_bytes(host):
        if byte < 0x80 and byte not in _HOST and byte != 0x25:
            raise _refuse(f'invalid character "{chr(byte)}" in host name')
    return _unescape(host)


def join_url(url: Url) -> str:
    """The text of a URL, as Go's ``URL.String`` writes it."""
    query = f"?{url.query}" if url.query else ""
    fragment = f"#{_escape(url.fragment, _FRAGMENT)}" if url.fragment else ""
    text = f"{url.scheme}:" if url.scheme else ""
    if url.opaque:
        return text + url.opaque + query + fragment
    has_user = url.userinfo is not None
    if (url.scheme or url.host or has_user) and (url.host or url.path or has_user):
        text += "//" + (f"{url.userinfo}@" if has_user else "") + _escape(url.host, _HOST)
    path = "*" if url.path == "*" else _escape(url.path, _PATH)
    if path and not path.startswith("/") and url.host:
        text += "/"
    if not text and ":" in path.partition("/")[0]:
        text = "./"
    return text + path + query + fragment
