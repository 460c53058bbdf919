"""Who may post with a signature: one type of webhook client a file, no I/O (bindings spec §2.3 and §2.4).

A type is a subclass of ``Signer`` in a file of its name. To add one: ``proofs``, ``check``, and ``forge`` for the header fields of its
sender. Signatures are over the raw body; what the body says, and which event it is, is for the bindings to judge.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from events.errors import Rejected, SpecError
from events.registry import Registry
from eventsource import forges
from eventsource.delivery import Delivery

__all__ = ["Options", "Signer", "register", "registry"]

Options = Mapping[str, str]
"""The fields of an entry beside ``type`` and ``secret``, names in small letters."""


class Signer(ABC):
    """A client that signs with ``secret``. Raises SpecError when the entry cannot be used.

    Without a secret a client of the reference's types proves nothing and posts all the same: it is *open*, as in the reference.
    """

    type: ClassVar[str]
    forge: ClassVar[forges.Forge]
    may_be_open: ClassVar[bool] = False
    proofs: tuple[str, ...]
    """The header fields (canonical names) that may hold its proof."""

    def __init__(self, secret: bytes, options: Options) -> None:
        if not secret and not self.may_be_open:
            raise SpecError("the secret is missing", path="secret", reason="SecretEmpty")
        self.secret = secret

    def __repr__(self) -> str:
        return f"<{self.type}{' without a secret' if self.is_open else ''}>"

    @property
    def is_open(self) -> bool:
        """Whether anybody may post in its name."""
        return not self.secret

    def verify(self, delivery: Delivery, now: int) -> None:
        """Check that the delivery comes from this client; ``now`` is in seconds. Raises Rejected(401).

        The field that names the event must be there, as in the reference; any event will do.
        """
        if self.forge.event_header and not delivery.header(self.forge.event_header):
            raise Rejected(401, f"{self.forge.event_header} is missing", reason="EventMissing")
        if not self.is_open:
            self.check(delivery, now)

    @abstractmethod
    def check(self, delivery: Delivery, now: int) -> None:
        """Check the proof. Raises Rejected(401)."""

    def presented(self, delivery: Delivery) -> bool:
        """Whether the delivery brings something that ought to be a proof of this type."""
        return any(delivery.header(name) for name in self.proofs)

    def named(self, delivery: Delivery) -> bool:
        """Whether the delivery says that it is an event of this sender."""
        return bool(self.forge.event_header and delivery.header(self.forge.event_header))

    def delivery_id(self, delivery: Delivery) -> str:
        """The sender's id of this delivery, the same when it is sent again."""
        return self.forge.delivery_id(delivery)

    def proof(self, delivery: Delivery) -> str:
        """The first of ``proofs``. Raises Rejected(401) when it is missing."""
        given = delivery.header(self.proofs[0])
        if not given:
            raise Rejected(401, f"{self.proofs[0]} is missing", reason="SignatureMissing")
        return given


def mismatch() -> Rejected:
    """What to raise for a proof that is none."""
    return Rejected(401, "the signature does not match", reason="SignatureMismatch")


registry: Registry[type[Signer]] = Registry("eventsource.endpoint.signers", "type of webhook client")
register = registry.register
