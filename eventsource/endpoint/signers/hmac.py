"""Any sender that signs the body with an HMAC; the entry says how.

| field | default | is |
| --- | --- | --- |
| ``header`` | must be given | the field with the signature |
| ``algorithm`` | ``sha256`` | ``sha1``, ``sha256``, ``sha384`` or ``sha512`` |
| ``encoding`` | ``hex`` | ``hex`` (digits of either case) or ``base64`` |
| ``prefix`` | none | what stands before the signature, such as ``sha256=`` |
"""

from __future__ import annotations

import re

from events.errors import Rejected, SpecError
from events.registry import did_you_mean
from eventsource import forges, signatures
from eventsource.delivery import Delivery, canonical
from eventsource.endpoint.signers import Options, Signer, mismatch, register

ALGORITHMS = ["sha1", "sha256", "sha384", "sha512"]
ENCODINGS = ["hex", "base64"]

_FIELD_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")
_TAKEN = ("Authorization", "Host", "Cookie")
"""An Authorization header means that the request speaks for itself; the others are not the sender's to choose."""


@register("hmac")
class Hmac(Signer):
    """The reference does not know it, so a secret is asked for."""

    type = "hmac"
    forge = forges.ANYONE

    def __init__(self, secret: bytes, options: Options) -> None:
        super().__init__(secret, options)
        header = options.get("header", "")
        if not _FIELD_NAME.fullmatch(header):
            raise SpecError(
                "the header with the signature must be named", path="header", hint="such as 'header: X-Signature'"
            )
        self.header = canonical(header)
        if self.header in _TAKEN:
            raise SpecError(f"{self.header} cannot hold the signature", path="header")
        self.proofs = (self.header,)
        self.algorithm = _one_of(ALGORITHMS, "algorithm", options.get("algorithm") or "sha256")
        self.encoding = _one_of(ENCODINGS, "encoding", options.get("encoding") or "hex")
        self.prefix = options.get("prefix", "")

    def check(self, delivery: Delivery, now: int) -> None:
        """Check the signature. Raises Rejected(401)."""
        given = self.proof(delivery)
        if not given.startswith(self.prefix):
            raise Rejected(401, f"{self.header} must begin with '{self.prefix}'", reason="SignatureMalformed")
        given = given.removeprefix(self.prefix)
        if self.encoding == "hex":
            given = given.lower()
        if not signatures.mac_matches(
            given, delivery.body, [self.secret], algorithm=self.algorithm, encoding=self.encoding
        ):
            raise mismatch()


def _one_of(known: list[str], field: str, value: str) -> str:
    if value not in known:
        raise SpecError(f"must be one of {', '.join(known)}", path=field, hint=did_you_mean(value[:50], known))
    return value
