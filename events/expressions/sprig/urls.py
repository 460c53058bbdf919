"""sprig's URL functions. Follows https://masterminds.github.io/sprig/url.html and its sources, v3.3."""

from __future__ import annotations

from typing import Any

from events.errors import EvaluationError
from events.expressions.golang.functions import Function, by_name
from events.expressions.golang.urls import Url, join_url, parse_url
from events.expressions.golang.values import kind_of

__all__ = ["FUNCTIONS"]


def _url_parse(text: str) -> dict[str, Any]:
    url = parse_url(text)
    return {
        "scheme": url.scheme,
        "host": url.host,
        "hostname": url.hostname,
        "path": url.path,
        "query": url.query,
        "opaque": url.opaque,
        "fragment": url.fragment,
        "userinfo": url.userinfo or "",
    }


def _url_join(parts: dict[str, Any] | None) -> str:
    known = {name: _text(parts or {}, name) for name in ("scheme", "opaque", "host", "path", "query", "fragment")}
    userinfo = _text(parts or {}, "userinfo")
    return join_url(Url(**known, userinfo=parse_url(f"proto://{userinfo}@host").userinfo if userinfo else None))


def _text(parts: dict[str, Any], name: str) -> str:
    value = parts.get(name, "")
    if type(value) is not str:
        raise EvaluationError(f"unable to parse {name} key, must be of type string, but {kind_of(value)} found")
    return value


FUNCTIONS = by_name([Function("urlParse", _url_parse, ("string",)), Function("urlJoin", _url_join, ("map",))])
