"""GitLab: the secret token itself, or with a secret ``whsec_…`` the signature of GitLab 19.1.

https://docs.gitlab.com/user/project/integrations/webhooks/
"""

from __future__ import annotations

from events.errors import Rejected
from eventsource import forges
from eventsource.delivery import Delivery
from eventsource.endpoint.signers import Options, Signer, register
from eventsource.webhooks import gitlab


@register("gitlab")
class GitLab(Signer):
    """Without a secret, a delivery with a token is for somebody else, as in the reference."""

    type = "gitlab"
    forge = forges.GITLAB
    may_be_open = True
    proofs = ("X-Gitlab-Token", "Webhook-Signature")

    def __init__(self, secret: bytes, options: Options) -> None:
        super().__init__(secret, options)
        gitlab.check_secret(secret)

    def verify(self, delivery: Delivery, now: int) -> None:
        """Check that the delivery comes from this client. Raises Rejected(401)."""
        super().verify(delivery, now)
        if self.is_open and self.presented(delivery):
            raise Rejected(401, "there is no secret to check this token with", reason="TokenMismatch")

    def check(self, delivery: Delivery, now: int) -> None:
        """Check token or signature. Raises Rejected(401)."""
        gitlab.verify(delivery, [self.secret], now)
