"""Step 2, verify: does a delivery come from who knows the secret? Pure; constant time; over raw bytes.

Every check takes all keys that are good now (during a rotation there are two) and never says which part of it failed, apart
from what the caller can see itself: a missing or malformed header. Nothing here quotes a key, a token or a signature.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Collection, Sequence

from events.errors import Rejected

__all__ = [
    "SIGNING_PREFIX",
    "TOLERANCE",
    "bearer",
    "hub_signature",
    "mac_matches",
    "signing_key",
    "standard_webhook",
    "token_matches",
]

SIGNING_PREFIX = "whsec_"
TOLERANCE = 300
"""Seconds that the time of a signed delivery may lie in the past or in the future."""

_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def _bytes(header: str) -> bytes:
    """The bytes of a header as they were sent."""
    return header.encode("utf-8", "surrogateescape")


def _any_equal(given: bytes, expected: Sequence[bytes]) -> bool:
    """Compare with all of them, without an early exit."""
    found = False
    for one in expected:
        found |= hmac.compare_digest(given, one)
    return found


def mac_matches(
    given: str | bytes, body: bytes, keys: Sequence[bytes], *, algorithm: str = "sha256", encoding: str = "hex"
) -> bool:
    """Whether ``given`` is the HMAC of ``body`` with one of ``keys``, as ``hex`` in small letters or as padded ``base64``."""
    macs = [hmac.digest(key, body, algorithm) for key in keys if key]
    expected = [base64.b64encode(mac) if encoding == "base64" else mac.hex().encode() for mac in macs]
    return _any_equal(_bytes(given) if isinstance(given, str) else given, expected)


def hub_signature(
    header: str, body: bytes, keys: Sequence[bytes], *, algorithms: Collection[str] = ("sha256",)
) -> None:
    """Check ``<algorithm>=<hex>`` over ``body``. Hex of either case will do; the algorithm is written small.

    Raises Rejected(401).
    """
    if not header:
        raise Rejected(401, "the signature header is missing", reason="SignatureMissing")
    algorithm, equals, hexadecimal = header.partition("=")
    if not equals or algorithm not in algorithms:
        known = " or ".join(f"{name}=" for name in algorithms)
        raise Rejected(401, f"the signature must begin with {known}", reason="SignatureMalformed")
    if not mac_matches(hexadecimal.lower(), body, keys, algorithm=algorithm):
        raise Rejected(401, "the signature does not match", reason="SignatureMismatch")


def token_matches(given: str, tokens: Sequence[bytes]) -> bool:
    """Whether a shared token is one of ``tokens``. Digests are compared, so that the length does not show either."""
    expected = [hashlib.sha256(token).digest() for token in tokens if token]
    return _any_equal(hashlib.sha256(_bytes(given)).digest(), expected)


def bearer(header: str, tokens: Sequence[bytes]) -> None:
    """Check ``Authorization: Bearer <token>``, written exactly so. Raises Rejected(401)."""
    if not header.startswith("Bearer "):
        raise Rejected(401, "the Authorization header must be 'Bearer' and a token", reason="AuthorizationMissing")
    if not token_matches(header.removeprefix("Bearer "), tokens):
        raise Rejected(401, "the bearer token does not match", reason="AuthorizationMismatch")


def signing_key(secret: bytes) -> bytes:
    """The key in a ``whsec_…`` secret. Raises ValueError when it is no base64."""
    try:
        return base64.b64decode(secret.removeprefix(SIGNING_PREFIX.encode()), validate=True)
    except binascii.Error as error:
        raise ValueError("a signing secret is 'whsec_' and base64") from error


def standard_webhook(
    *, identifier: str, timestamp: str, signatures: str, body: bytes, keys: Sequence[bytes], now: int
) -> None:
    """Check the three headers of Standard Webhooks 1.0.0 (``v1``: HMAC-SHA256). ``now`` is in seconds. Raises Rejected(401)."""
    if not (identifier and timestamp and signatures):
        raise Rejected(
            401, "webhook-id, webhook-timestamp and webhook-signature must be given", reason="SignatureMissing"
        )
    if not _TIMESTAMP.fullmatch(timestamp):
        raise Rejected(401, "webhook-timestamp must be seconds since 1970", reason="SignatureMalformed")
    if abs(now - int(timestamp)) > TOLERANCE:
        raise Rejected(401, f"webhook-timestamp is more than {TOLERANCE} s away from now", reason="SignatureExpired")
    signed = b".".join((_bytes(identifier), timestamp.encode(), body))
    expected = [base64.b64encode(hmac.digest(key, signed, "sha256")) for key in keys if key]
    found = False
    for signature in signatures.split(" "):
        version, _, given = signature.partition(",")
        if version == "v1":
            found |= _any_equal(_bytes(given), expected)
    if not found:
        raise Rejected(401, "the signature does not match", reason="SignatureMismatch")
