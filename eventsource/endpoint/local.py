"""The gate without a cluster: Secrets come from the manifests, and one token, when it is given, is good for everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from events.kube import Object
from events.secrets import Vault
from eventsource import signatures
from eventsource.delivery import Delivery
from eventsource.endpoint import answers, clients
from eventsource.endpoint.credentials import Credentials, has_authorization
from eventsource.endpoint.gate import Poster, Proven
from eventsource.endpoint.interceptor import Anonymous, Forbidden, Matched, Untouched, look_alike, which
from eventsource.endpoint.paths import webhook_namespace

__all__ = ["LocalGate"]


class LocalGate:
    """A client needs no ServiceAccount here; the labels of its Workflows are those it would have in a cluster."""

    def __init__(self, vault: Vault, token: bytes | None, bindings: Mapping[str, Sequence[Object]]) -> None:
        self._token = token
        self._bindings = bindings
        data: dict[str, dict[str, bytes]] = {}
        for (kind, namespace, name, key), value in vault.items():
            if kind == "secret" and name == clients.SECRET_NAME:
                data.setdefault(namespace, {})[key] = value
        self._clients = {namespace: clients.read(entries) for namespace, entries in data.items()}

    async def prove(self, delivery: Delivery, now: int) -> Proven | None:
        """See ``Gate``."""
        client = self.client(delivery, now)
        if isinstance(client, Forbidden):
            raise answers.cannot_check(client.why)
        if isinstance(client, Anonymous) and client.bad_proof:
            raise answers.unauthenticated()
        return self.proven(client, delivery) if isinstance(client, Matched) else None

    def client(self, delivery: Delivery, now: int) -> Matched | Untouched | Anonymous | Forbidden:
        """Which client of its namespace signed the delivery, or why none did. ``now`` is in seconds."""
        if has_authorization(delivery.headers):
            return Untouched()
        namespace = webhook_namespace(delivery.method, delivery.path)
        return Anonymous() if namespace is None else which(self._clients.get(namespace), delivery, now)

    def look_alike(self, delivery: Delivery) -> Matched | None:
        """The client of its namespace that the delivery would come from if nobody asked for a proof."""
        if has_authorization(delivery.headers):
            return None
        namespace = webhook_namespace(delivery.method, delivery.path)
        return None if namespace is None else look_alike(self._clients.get(namespace), delivery)

    def proven(self, client: Matched, delivery: Delivery) -> Proven:
        """What the client's signature gives it."""
        namespace = webhook_namespace(delivery.method, delivery.path)
        account = Credentials(account=f"system:serviceaccount:{namespace}:{client.name}")
        return Proven(client.name, client.type, client.delivery_id, account)

    async def admit(self, credentials: Credentials, namespace: str) -> Poster:
        """See ``Gate``."""
        return self.poster(credentials)

    def poster(self, credentials: Credentials) -> Poster:
        """Who posts with these credentials. Raises a refusal for a token that is not ours."""
        if credentials.account:
            return Poster({"sub": credentials.account})
        if credentials.authorization:
            self._check(credentials)
        return Poster()

    def ways_in(self, namespace: str) -> str:
        """See ``Gate``."""
        clients_here = self._clients.get(namespace)
        if self._token is None and clients_here is None:
            return f"there is neither a --token nor a Secret {clients.SECRET_NAME} in namespace {namespace}"
        ways = []
        if self._token is not None:
            ways.append("send `Authorization: Bearer` with what --token says")
        if clients_here is not None:
            ways.append(f"sign with the client's secret in {clients.SECRET_NAME} of namespace {namespace}")
        return ", or ".join(ways)

    async def bindings(self, credentials: Credentials, namespace: str) -> list[Object]:
        """See ``Gate``."""
        if credentials.authorization:
            self._check(credentials)
        if namespace:
            return list(self._bindings.get(namespace, ()))
        return [one for _, several in sorted(self._bindings.items()) for one in several]

    def _check(self, credentials: Credentials) -> None:
        kind, _, value = credentials.authorization.partition(" ")
        good = () if self._token is None else (self._token,)
        if kind != "Bearer" or not signatures.token_matches(value.strip(), good):
            raise answers.refused(401, "Unauthorized")
