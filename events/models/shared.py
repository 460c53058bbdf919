"""Types that several resources share: selectors, back-off, TLS, authentication (spec §0.2–0.6)."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, field_validator

from events.models.base import Json, Spec

__all__ = [
    "Backoff",
    "BasicAuth",
    "ConfigMapKeySelector",
    "Duration",
    "Metadata",
    "SecretKeySelector",
    "TLSConfig",
    "go_duration",
]

_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


def go_duration(text: str) -> int:
    """Go's ``time.ParseDuration`` (``1h30m``, ``-1.5s``): nanoseconds. Raises ValueError with a sentence."""
    rest = text.lstrip("+-") if text[:1] in "+-" else text
    if rest == "0":
        return 0
    position, total = 0, 0.0
    while position < len(rest):
        part = _PART.match(rest, position)
        if part is None:
            raise ValueError(f"'{text}' is not a duration such as 10s, 1m30s or 500ms")
        total += float(part[1]) * _UNITS[part[2]]
        position = part.end()
    if not rest:
        raise ValueError("an empty text is not a duration such as 10s")
    return -int(total) if text.startswith("-") else int(total)


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        return go_duration(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("must be a duration such as '10s', or a whole number of nanoseconds")
    return value


Duration = Annotated[int, BeforeValidator(_duration)]
"""Nanoseconds; written as a Go duration (``10s``) or as a number of nanoseconds."""


class Metadata(Spec):
    """The part of an object's metadata that we read."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    free_form = True


class SecretKeySelector(Spec):
    """A key of a Secret of the object's namespace."""

    name: str = ""
    key: str = ""
    optional: bool = False


class ConfigMapKeySelector(Spec):
    """A key of a ConfigMap of the object's namespace."""

    name: str = ""
    key: str = ""
    optional: bool = False


class Backoff(Spec):
    """Retry policy (spec §0.3): ``steps`` attempts in all, the pause grows by ``factor``, ``jitter`` adds up to its share."""

    duration: Duration = 1_000_000_000
    factor: Json = 1.0
    jitter: Json = 1
    steps: int = 0

    @field_validator("factor", "jitter", mode="before")
    @classmethod
    def _number(cls, value: Json) -> Json:
        # The reference keeps the raw JSON text here and fails only when it is used; a string is never a number for it.
        return value


class TLSConfig(Spec):
    """How to speak TLS to the other side (spec §0.4)."""

    ca_cert_secret: SecretKeySelector | None = None
    client_cert_secret: SecretKeySelector | None = None
    client_key_secret: SecretKeySelector | None = None
    insecure_skip_verify: bool = False
    enabled: bool = False


class BasicAuth(Spec):
    """User name and password, each from a Secret."""

    username: SecretKeySelector | None = None
    password: SecretKeySelector | None = None
