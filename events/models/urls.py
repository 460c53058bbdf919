"""Addresses that users write. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

__all__ = ["is_http_url"]


def is_http_url(text: str) -> bool:
    """Whether a request can go there: http or https, a host, and a port that there is, if any."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(host)
        and port != 0
        and text.isprintable()
        and " " not in parts.netloc
    )
