"""Which webhook client a request comes from, and whose token it gets for that (bindings spec §2.2). Pure, but for the look-ups it is given.

A request without an Authorization header may prove with a signature that it comes from one of the namespace's clients; it then counts
as posted by the ServiceAccount that the client is named after. What proves nothing goes on without credentials and is judged by the
modes of the server; with ``Anonymous.bad_proof`` it must be refused in any of them. The reference lets it in where its mode is ``server``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from events.errors import Rejected
from eventsource.delivery import Delivery
from eventsource.endpoint.clients import SECRET_NAME, Clients, Entry
from eventsource.endpoint.credentials import has_authorization
from eventsource.endpoint.paths import webhook_namespace

__all__ = [
    "MAX_BODY",
    "Anonymous",
    "Authorized",
    "Forbidden",
    "Lookups",
    "Matched",
    "Outcome",
    "Untouched",
    "intercept",
    "look_alike",
    "token_secret_name",
    "which",
]

MAX_BODY = 2 << 20
"""Bytes of a body that may be signed."""

TOKEN_SECRET = "workflows.argoproj.io/service-account-token.name"
"""The annotation of a ServiceAccount that names its token Secret."""

_NAME = re.compile(r"[a-z0-9][-.a-z0-9]{0,252}")
"""What may go into a path of the Kubernetes API as a name; the API server has the last word."""


@dataclass(frozen=True, slots=True)
class Untouched:
    """There is an Authorization header: the request speaks for itself."""


@dataclass(frozen=True, slots=True)
class Anonymous:
    """The request goes on without credentials.

    ``refused`` has the reason, a CamelCase word, for each client (by name) that the request claims to come from, without proof.
    """

    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def bad_proof(self) -> bool:
        """Whether it claimed to come from a client and does not: it must be refused, also where anonymous requests are not."""
        return bool(self.refused)


@dataclass(frozen=True, slots=True)
class Forbidden:
    """403: clients cannot be checked, or the one that matches cannot act. ``why`` is for the log, the sender does not learn it."""

    why: str


@dataclass(frozen=True, slots=True)
class Matched:
    """The request comes from the client ``name``; ``open`` says that it needed no proof for that.

    ``delivery_id`` is the sender's id of the delivery, the same when it is sent again.
    """

    name: str
    type: str
    delivery_id: str
    open: bool = False


@dataclass(frozen=True, slots=True)
class Authorized:
    """The request counts as sent by this ServiceAccount of the namespace, with its token.

    The token is as it stands in the Secret, which may be anything: empty (Kubernetes takes that for anonymous) or with line breaks.
    """

    client: Matched
    token: str = field(repr=False)


Outcome = Untouched | Anonymous | Forbidden | Authorized


class Lookups(Protocol):
    """What is read from the cluster, with the server's own rights. Each may raise Unavailable."""

    async def clients(self, namespace: str) -> Clients | None:
        """The clients of the namespace (``clients.read`` of the Secret's data); None when there is no such Secret."""

    async def service_account(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The ServiceAccount as the API server gives it; None when there is none."""

    async def token(self, namespace: str, secret: str) -> str | None:
        """The value of ``token`` in this Secret, empty without that key; None when there is no such Secret."""


def which(clients: Clients | None, delivery: Delivery, now: int) -> Matched | Anonymous | Forbidden:
    """The client that the delivery comes from, the first by name; those without a secret come last. ``now`` is in seconds.

    Without a Secret (None), and with a broken entry where no other one matches, nobody can tell: forbidden, as in the reference.
    """
    if clients is None:
        return Forbidden(f"there is no Secret {SECRET_NAME} in the namespace")
    if len(delivery.body) > MAX_BODY:
        return Forbidden(f"the body is larger than {MAX_BODY} bytes")
    refused: dict[str, str] = {}
    for entry in clients.entries:
        try:
            entry.signer.verify(delivery, now)
        except Rejected as error:
            if entry.signer.presented(delivery) or entry.signer.named(delivery):
                refused[entry.name] = error.reason
        else:
            return _matched(entry, delivery)
    if clients.problems:
        return Forbidden(f"no client matches, and these cannot be used: {', '.join(clients.problems)}")
    return Anonymous(refused)


def look_alike(clients: Clients | None, delivery: Delivery) -> Matched | None:
    """The client that the delivery would come from if nobody asked for a proof: the first whose header fields it has."""
    for entry in () if clients is None else clients.entries:
        if entry.signer.named(delivery) or entry.signer.presented(delivery):
            return _matched(entry, delivery)
    return None


def _matched(entry: Entry, delivery: Delivery) -> Matched:
    signer = entry.signer
    return Matched(entry.name, signer.type, signer.delivery_id(delivery), signer.is_open)


def token_secret_name(service_account: Mapping[str, Any]) -> str:
    """The Secret with the token of a ServiceAccount: the first of its ``secrets``, else as annotated, else ``<name>.service-account-token``."""
    secrets = service_account.get("secrets") or ()
    if secrets:
        return str(secrets[0].get("name") or "")
    metadata = service_account.get("metadata") or {}
    annotated = (metadata.get("annotations") or {}).get(TOKEN_SECRET)
    return f"{metadata.get('name')}.service-account-token" if annotated is None else str(annotated)


async def intercept(delivery: Delivery, lookups: Lookups, now: int) -> Outcome:
    """The whole decision for a request (its path decoded) in a cluster. ``now`` is in seconds. Raises Unavailable.

    Without a cluster ``which`` alone says who posts: there, a client needs no ServiceAccount.
    """
    if has_authorization(delivery.headers):
        return Untouched()
    namespace = webhook_namespace(delivery.method, delivery.path)
    if namespace is None:
        return Anonymous()
    if not _NAME.fullmatch(namespace):
        return Forbidden("the namespace has an impossible name")
    client = which(await lookups.clients(namespace), delivery, now)
    if not isinstance(client, Matched):
        return client
    account = await lookups.service_account(namespace, client.name) if _NAME.fullmatch(client.name) else None
    if account is None:
        return Forbidden(f"there is no ServiceAccount '{client.name}', after which the client is named")
    secret = token_secret_name(account)
    token = await lookups.token(namespace, secret) if _NAME.fullmatch(secret) else None
    if token is None:
        return Forbidden(f"ServiceAccount '{client.name}' has no Secret '{secret}' with its token")
    return Authorized(client, token)
