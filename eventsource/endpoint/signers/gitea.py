"""Gitea and Forgejo: HMAC-SHA256 in small hexadecimal digits, without a prefix. https://docs.gitea.com/usage/webhooks"""

from __future__ import annotations

from eventsource import forges, signatures
from eventsource.delivery import Delivery
from eventsource.endpoint.signers import Signer, mismatch, register


@register("gitea")
class Gitea(Signer):
    """The reference does not know it, so a secret is asked for."""

    type = "gitea"
    forge = forges.GITEA
    proofs = ("X-Gitea-Signature",)

    def check(self, delivery: Delivery, now: int) -> None:
        """Check the signature. Raises Rejected(401)."""
        if not signatures.mac_matches(self.proof(delivery), delivery.body, [self.secret]):
            raise mismatch()
