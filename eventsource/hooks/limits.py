"""When forges want to be left alone: what their answers say of it, and for whom it counts.

https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
https://docs.gitlab.com/security/rate_limits/
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

__all__ = ["DEFAULT_WAIT", "LONGEST_WAIT", "SharedLimits", "wait_of"]

DEFAULT_WAIT = 60.0
"""Seconds to wait when a forge says that it was asked too often, but not how long."""

_LONGEST_SPAN = 100_000
"""Below this the end of a limit is so many seconds from now (draft-ietf-httpapi-ratelimit-headers), and not a moment since 1970."""

LONGEST_WAIT = 3900.0
"""Seconds after which a forge is asked again whatever it said: GitHub's budgets are for an hour."""


class SharedLimits:
    """Until when (seconds since 1970) forges are to be left alone, by their address and the credentials: events that share a token
    share its budget.
    """

    def __init__(self) -> None:
        self._until: dict[int, float] = {}

    def close(self, key: int, until: float, now: float) -> None:
        """Send nothing before this moment."""
        self._until = {one: moment for one, moment in self._until.items() if moment > now}
        self._until[key] = max(until, self._until.get(key, until))

    def until(self, key: int) -> float:
        """The moment; 0 for any."""
        return self._until.get(key, 0.0)


def wait_of(status: int, headers: Mapping[str, str], body: bytes, now: float) -> float | None:
    """Seconds until the next call, where the answer says that there are to be none before; at most LONGEST_WAIT."""
    wait = _told(status, headers, body, now)
    return None if wait is None else min(wait, LONGEST_WAIT)


def _told(status: int, headers: Mapping[str, str], body: bytes, now: float) -> float | None:
    given = _number(headers.get("retry-after"))
    if given is None and "retry-after" in headers:
        given = _until(headers["retry-after"], now)
    if given is not None and status in (403, 429, 503):
        return given
    remaining = _number(headers.get("x-ratelimit-remaining", headers.get("ratelimit-remaining")))
    reset = _number(headers.get("x-ratelimit-reset", headers.get("ratelimit-reset")))
    if remaining is not None and remaining <= 0:
        return DEFAULT_WAIT if reset is None else max(reset if reset < _LONGEST_SPAN else reset - now, 1.0)
    limited = status == 403 and b"rate limit" in body.lower()
    return DEFAULT_WAIT if status == 429 or limited else None


def _until(date: str, now: float) -> float | None:
    """Seconds until a date as HTTP writes it."""
    try:
        return max(parsedate_to_datetime(date).timestamp() - now, 1.0)
    except (ValueError, OverflowError, TypeError):
        return None


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 16 else None
