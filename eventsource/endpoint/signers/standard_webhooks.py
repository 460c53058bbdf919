"""Standard Webhooks 1.0.0: id, time and body are signed with a secret ``whsec_…``; five minutes are allowed for.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

from events.errors import SpecError
from eventsource import forges, signatures
from eventsource.delivery import Delivery
from eventsource.endpoint.signers import Options, Signer, register


@register("standard-webhooks")
class StandardWebhooks(Signer):
    """The reference does not know it, so a secret is asked for."""

    type = "standard-webhooks"
    forge = forges.ANYONE
    proofs = ("Webhook-Signature",)

    def __init__(self, secret: bytes, options: Options) -> None:
        super().__init__(secret, options)
        if not secret.startswith(signatures.SIGNING_PREFIX.encode()):
            raise SpecError("a signing secret begins with 'whsec_'", path="secret", reason="SecretMalformed")
        try:
            self.key = signatures.signing_key(secret)
        except ValueError as error:
            raise SpecError(str(error), path="secret", reason="SecretMalformed") from None
        if not self.key:
            raise SpecError("the secret is missing", path="secret", reason="SecretEmpty")

    def check(self, delivery: Delivery, now: int) -> None:
        """Check the signature. Raises Rejected(401)."""
        signatures.standard_webhook(
            identifier=delivery.header("Webhook-Id"),
            timestamp=delivery.header("Webhook-Timestamp"),
            signatures=delivery.header("Webhook-Signature"),
            body=delivery.body,
            keys=[self.key],
            now=now,
        )
