"""Bitbucket Server and Data Center: HMAC-SHA256 in small hexadecimal digits.

Before it stand seven characters, ``sha256=``, that the reference does not look at; nor do we, since the algorithm is fixed.
https://confluence.atlassian.com/bitbucketserver/manage-webhooks-938025878.html
"""

from __future__ import annotations

from eventsource import forges, signatures
from eventsource.delivery import Delivery
from eventsource.endpoint.signers import Signer, mismatch, register

PREFIX = len("sha256=")


@register("bitbucketserver")
class BitbucketServer(Signer):
    """A signature of fewer than seven characters, which crashes the reference, is a wrong one."""

    type = "bitbucketserver"
    forge = forges.BITBUCKET_SERVER
    may_be_open = True
    proofs = ("X-Hub-Signature",)

    def check(self, delivery: Delivery, now: int) -> None:
        """Check the signature. Raises Rejected(401)."""
        given = self.proof(delivery).encode("utf-8", "surrogateescape")[PREFIX:]
        if not signatures.mac_matches(given, delivery.body, [self.secret]):
            raise mismatch()
