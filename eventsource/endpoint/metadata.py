"""The header fields that expressions see as ``metadata``, as the reference's gateway passes them on (bindings spec §3.3). Pure.

Names in lower case, values always lists, only names that begin with ``x-``. What proves a delivery (a token that is the secret itself)
is masked: a binding could copy it into a Workflow, where many can read it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Sequence

from eventsource.delivery import MASKED, canonical
from eventsource.endpoint import answers

__all__ = ["SECRET_HEADERS", "metadata"]

SECRET_HEADERS = ("x-gitlab-token", "x-hook-uuid")
"""Header fields that hold the secret itself."""

_NAME = re.compile(r"[0-9a-z._-]+")
_VALUE = re.compile(r"[ -~]*")
_TIMEOUT = re.compile(r"[0-9]+[HMSmun]")


def metadata(
    headers: Sequence[tuple[str, str]], host: str, remote: str, *, secrets: Collection[str] = ()
) -> dict[str, list[str]]:
    """Lists by name. ``headers`` have any case; ``remote`` is the sender's address; ``secrets`` are names to mask.

    Raises a refusal (400) for what the gateway cannot pass on.
    """
    found: dict[str, list[str]] = {}
    first: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        if key in ("grpc-timeout", "x-forwarded-for", "x-forwarded-host"):
            first.setdefault(key, value)
        if key == "grpc-timeout" and not _TIMEOUT.fullmatch(value):
            raise answers.refused(400, f"invalid grpc-timeout: {value}", reason="BadHeader")
        if key.endswith("-bin"):
            value = _binary(name, value)
        elif key.startswith("x-"):
            _check(key, value)
        if key.startswith("x-"):
            found.setdefault(key, []).append(MASKED if key in secrets else value)
    host = first.get("x-forwarded-host") or host
    if host:
        found.setdefault("x-forwarded-host", []).append(host)
    through = first.get("x-forwarded-for", "")
    found.setdefault("x-forwarded-for", []).append(f"{through}, {remote}" if through else remote)
    return found


def _binary(name: str, value: str) -> str:
    raw = value.encode("utf-8", "surrogateescape")
    try:
        # With padding or without, as the gateway; one of the two reads it.
        decoded = base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)
    except binascii.Error:
        raise answers.refused(
            400, f"invalid binary header {canonical(name)}: illegal base64 data", reason="BadHeader"
        ) from None
    return decoded.decode("utf-8", "replace")


def _check(key: str, value: str) -> None:
    """What the reference's inner call cannot carry; there it is a 500."""
    if not _NAME.fullmatch(key):
        raise answers.refused(400, f"header key {key!r} contains characters not in [0-9a-z-_.]", reason="BadHeader")
    if not _VALUE.fullmatch(value):
        raise answers.refused(
            400, f"header key {key!r} contains value with non-printable ASCII characters", reason="BadHeader"
        )
