"""GitHub: HMAC-SHA256 in small hexadecimal digits; ``sha256=`` before it may be left out, as in the reference.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

from __future__ import annotations

from eventsource import forges, signatures
from eventsource.delivery import Delivery
from eventsource.endpoint.signers import Signer, mismatch, register


@register("github")
class GitHub(Signer):
    """The older SHA-1 signature proves nothing."""

    type = "github"
    forge = forges.GITHUB
    may_be_open = True
    proofs = ("X-Hub-Signature-256", "X-Hub-Signature")

    def check(self, delivery: Delivery, now: int) -> None:
        """Check the signature. Raises Rejected(401)."""
        given = self.proof(delivery).removeprefix("sha256=")
        if not signatures.mac_matches(given, delivery.body, [self.secret]):
            raise mismatch()
