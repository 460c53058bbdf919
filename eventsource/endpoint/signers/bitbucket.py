"""Bitbucket Cloud: the id of the hook, which serves as a token; compared in constant time.

The signature that Bitbucket Cloud can send as well is checked by a client of type ``hmac`` with ``header: X-Hub-Signature`` and
``prefix: sha256=``. https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/#HTTP-headers
"""

from __future__ import annotations

from eventsource import forges, signatures
from eventsource.delivery import Delivery
from eventsource.endpoint.signers import Signer, mismatch, register


@register("bitbucket")
class Bitbucket(Signer):
    """``secret`` is written exactly as X-Hook-UUID comes."""

    type = "bitbucket"
    forge = forges.BITBUCKET
    may_be_open = True
    proofs = ("X-Hook-Uuid",)

    def check(self, delivery: Delivery, now: int) -> None:
        """Check the id. Raises Rejected(401)."""
        if not signatures.token_matches(self.proof(delivery), [self.secret]):
            raise mismatch()
