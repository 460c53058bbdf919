"""Which namespace and discriminator a request is for, or why it is for none (bindings spec §1.1). Pure.

The reference puts three layers one after another, and each has its say: Go's ``ServeMux`` redirects what is not clean, the webhook
interceptor looks at the decoded path, and the gateway splits the decoded path and cuts a "verb" off its last part.
"""

from __future__ import annotations

import posixpath
from typing import Literal, NamedTuple
from urllib.parse import quote

from eventsource.endpoint import answers
from eventsource.forms import unescape

__all__ = ["Target", "routed", "webhook_namespace"]

_EVENTS = "/api/v1/events/"
_FORM = "application/x-www-form-urlencoded"


class Target(NamedTuple):
    """What a request is for. ``action`` is ``receive`` (an event), ``list`` (the bindings of a namespace) or ``health``."""

    action: Literal["receive", "list", "health"]
    namespace: str = ""
    discriminator: str = ""


def cleaned(raw: str) -> str:
    """The path (raw, without the query) decoded; raises the refusal of Go's server or a redirect to the clean path."""
    path, _, query = raw.partition("?")
    try:
        decoded = unescape(path)
    except ValueError:
        raise answers.unreadable_path() from None
    if not path.startswith("/"):
        raise answers.unreadable_path()
    clean = _clean(path)
    if clean == "/api":
        clean = "/api/"
    if clean != path:
        raise answers.redirect(quote(clean, safe="/%:@&=+$,;!'()*~-._[]") + (f"?{query}" if query else ""))
    return decoded.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def webhook_namespace(method: str, path: str) -> str | None:
    """The namespace whose webhook clients may vouch for a request to this (decoded) path; None where they have no say."""
    if method != "POST" or not path.startswith(_EVENTS):
        return None
    namespace, slash, _ = path.removeprefix(_EVENTS).partition("/")
    return namespace if slash else None


def routed(method: str, path: str, *, override: str = "", content_type: str = "") -> Target:
    """The target of a (decoded) path. ``override`` is ``X-HTTP-Method-Override``, which counts for forms. Raises the 501."""
    if path == "/health":
        return Target("health")
    if override and method == "POST" and content_type == _FORM:
        method = override.upper()
    *parts, last = path[1:].split("/")
    before, colon, verb = last.rpartition(":")
    if colon:
        if not before or verb:
            raise answers.not_routed()
        last = before
    match method, *parts:
        case "POST", "api", "v1", "events", namespace:
            return Target("receive", namespace, last)
        case "GET", "api", "v1", "workflow-event-bindings":
            return Target("list", last)
    raise answers.not_routed()


def _clean(path: str) -> str:
    """Go's ``path.Clean``, which keeps a slash at the end."""
    clean = posixpath.normpath(path)
    if clean.startswith("//"):
        clean = clean[1:]
    return clean + "/" if path.endswith("/") and clean != "/" else clean
