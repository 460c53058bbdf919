"""The gate in a cluster: Secrets and ServiceAccounts are read, and permissions asked, with every request (bindings spec §2).

Nothing is cached, so that a rotated secret and a changed role count at once. Tokens go to the API server and nowhere else.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from events.errors import Refused, Rejected
from events.kube import ClusterApi, Object
from events.models.dispatching import Grants
from eventsource.delivery import Delivery
from eventsource.endpoint import answers, clients
from eventsource.endpoint.clients import Clients
from eventsource.endpoint.credentials import OURSELVES, Credentials, claims_of
from eventsource.endpoint.gate import Poster, Proven
from eventsource.endpoint.interceptor import Anonymous, Authorized, Forbidden, intercept

__all__ = ["ClusterGate", "instance_selector"]

API = "argoproj.io/v1alpha1"
INSTANCE_ID = "workflows.argoproj.io/controller-instanceid"

log = structlog.get_logger("bindings")


def instance_selector(instance_id: str) -> str:
    """The label selector of the bindings that belong to an instance."""
    return f"{INSTANCE_ID}={instance_id}" if instance_id else f"!{INSTANCE_ID}"


class ClusterGate:
    """Asks the API server, with our own account for Secrets and in the poster's name for the rest."""

    def __init__(self, cluster: ClusterApi, instance_id: str = "") -> None:
        self._cluster = cluster
        self._selector = instance_selector(instance_id)
        self._secrets = _Secrets(cluster)

    async def prove(self, delivery: Delivery, now: int) -> Proven | None:
        """See ``Gate``."""
        try:
            outcome = await intercept(delivery, self._secrets, now)
        except Refused as error:
            raise answers.cannot_check(error.message) from None
        if isinstance(outcome, Forbidden):
            raise answers.cannot_check(outcome.why)
        if isinstance(outcome, Anonymous) and outcome.bad_proof:
            raise answers.unauthenticated()
        if isinstance(outcome, Authorized):
            client, token = outcome.client, outcome.token.strip()
            if not (token.isascii() and token.isprintable()):
                raise answers.cannot_check(f"the token of ServiceAccount '{client.name}' is none")
            return Proven(client.name, client.type, client.delivery_id, Credentials(f"Bearer {token}"))
        return None

    async def admit(self, credentials: Credentials, namespace: str) -> Poster:
        """See ``Gate``."""
        if credentials == OURSELVES:
            return Poster()
        bindings = await self.bindings(credentials, namespace)
        review = _Review(self._cluster.acting(credentials.authorization))
        try:
            return Poster(claims_of(credentials), await review.grants(bindings))
        except Refused as error:
            raise _refused(error) from None

    def ways_in(self, namespace: str) -> str:
        """See ``Gate``."""
        return (
            "send `Authorization: Bearer` with a token of the cluster, or sign with the secret of a client in "
            f"{clients.SECRET_NAME} of namespace {namespace}"
        )

    async def bindings(self, credentials: Credentials, namespace: str) -> list[Object]:
        """See ``Gate``."""
        if credentials == OURSELVES:
            asked = self._cluster
        else:
            asked = self._cluster.acting(credentials.authorization)
        try:
            return await asked.find(API, "WorkflowEventBinding", namespace, labels=self._selector)
        except Refused as error:
            raise _refused(error) from None


def _refused(error: Refused) -> Rejected:
    """What the API server says to the poster."""
    return answers.refused(error.status if error.status in (401, 403, 404) else 400, error.message)


class _Secrets:
    """The look-ups of the interceptor."""

    def __init__(self, cluster: ClusterApi) -> None:
        self._cluster = cluster
        self._told: set[str] = set()

    async def clients(self, namespace: str) -> Clients | None:
        secret = await self._cluster.get("v1", "Secret", namespace, clients.SECRET_NAME)
        if secret is None:
            return None
        found = clients.read(_decoded(secret))
        for finding in found.findings():
            text = f"{namespace}: {finding}"
            if text not in self._told:
                self._told.add(text)
                log.warning("webhook client", namespace=namespace, problem=str(finding))
        return found

    async def service_account(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        return await self._cluster.get("v1", "ServiceAccount", namespace, name)

    async def token(self, namespace: str, secret: str) -> str | None:
        found = await self._cluster.get("v1", "Secret", namespace, secret)
        return None if found is None else _decoded(found).get("token", b"").decode("utf-8", "replace")


def _decoded(secret: Object) -> dict[str, bytes]:
    values = {}
    for key, value in (secret.get("data") or {}).items():
        try:
            values[key] = base64.b64decode(value or "")
        except binascii.Error:
            values[key] = b""
    return values


class _Review:
    """Asks in the poster's name what it may do. A refusal is fetched in the API server's own words."""

    def __init__(self, other: ClusterApi) -> None:
        self._other = other

    async def grants(self, bindings: Iterable[Object]) -> Grants:
        """What it may do for these bindings."""
        names, namespaces = [], set()
        wanted: dict[tuple[str, str], set[str]] = {}
        for binding in bindings:
            metadata = binding["metadata"]
            namespace = metadata["namespace"]
            names.append(f"{namespace}/{metadata['name']}")
            template = _template(binding)
            if template is not None:
                namespaces.add(namespace)
                kind, name = template
                wanted.setdefault((kind, "" if kind.startswith("Cluster") else namespace), set()).add(name)
        templates: dict[str, str] = {}
        workflows: dict[str, str] = {}
        await asyncio.gather(
            *(self._creation(namespace, workflows) for namespace in sorted(namespaces)),
            *(self._reading(kind, where, sorted(several), templates) for (kind, where), several in wanted.items()),
        )
        return Grants(names, templates, workflows)

    async def _creation(self, namespace: str, denied: dict[str, str]) -> None:
        if not await self._may("create", "workflows", namespace):
            metadata = {"name": "never-created", "namespace": namespace}
            words = await _refusal(self._other.rehearse({"apiVersion": API, "kind": "Workflow", "metadata": metadata}))
            if words:
                denied[namespace] = words

    async def _reading(self, kind: str, namespace: str, names: list[str], denied: dict[str, str]) -> None:
        if await self._may("get", f"{kind.lower()}s", namespace):
            return
        for name in names:  # a role may name single templates
            words = await _refusal(self._other.get(API, kind, namespace, name))
            if words:
                denied[Grants.template_key(kind, namespace, name)] = words

    async def _may(self, verb: str, resource: str, namespace: str) -> bool:
        attributes = {"verb": verb, "group": "argoproj.io", "resource": resource, "namespace": namespace}
        review = await self._other.create(
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "metadata": {},
                "spec": {"resourceAttributes": attributes},
            }
        )
        return bool((review.get("status") or {}).get("allowed"))


def _template(binding: Object) -> tuple[str, str] | None:
    """Kind and name of the template that a binding submits, as far as it is well-formed."""
    try:
        reference = binding["spec"]["submit"]["workflowTemplateRef"]
        kind = "ClusterWorkflowTemplate" if reference.get("clusterScope") is True else "WorkflowTemplate"
        return kind, str(reference["name"])
    except (KeyError, TypeError, AttributeError):
        return None


async def _refusal(asking: Any) -> str:
    """The words of a 403; empty when it went well after all, or failed for another reason (which will show when it is done)."""
    try:
        await asking
    except Refused as error:
        return error.message if error.status == 403 else ""
    return ""
