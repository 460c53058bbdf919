"""Cases of ``bindings/interceptor.jsonl``: a request, the clients of a namespace and the accounts in it → who posts."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from eventsource.delivery import Delivery, canonical
from eventsource.endpoint import clients
from eventsource.endpoint.clients import Clients
from eventsource.endpoint.interceptor import Anonymous, Authorized, Untouched, intercept

NAME = "interceptor"
RECORDED = ("want", "wantError")
NAMESPACE = "my-ns"

Case = dict[str, Any]


def matches(case: Case) -> bool:
    return {"clients", "serviceAccounts", "tokenSecrets"} <= case.keys()


def want(case: Case) -> Any:
    recorded = case["want"]
    return recorded["outcome"], recorded.get("authorization")


def body_of(case: Case) -> bytes:
    if "bodyBase64" in case:
        return base64.b64decode(case["bodyBase64"])
    if "bodyRepeat" in case:
        parts = case["bodyRepeat"]
        return (parts["prefix"] + parts["text"] * parts["count"] + parts["suffix"]).encode()
    body: str = case.get("body", "")
    return body.encode()


def delivery_of(case: Case) -> Delivery:
    path, _, query = case.get("path", f"/api/v1/events/{NAMESPACE}/my-d").partition("?")
    headers = tuple((canonical(name), value) for name, value in case["headers"])
    return Delivery(case.get("method", "POST"), unquote(path), headers, body_of(case), query)


class Namespaces:
    """The only namespace of a case."""

    def __init__(self, case: Case) -> None:
        self.case = case

    async def clients(self, namespace: str) -> Clients | None:
        if namespace != NAMESPACE or self.case.get("noClientsSecret"):
            return None
        return clients.read({name: text.encode() for name, text in self.case["clients"].items()})

    async def service_account(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        account = self.case["serviceAccounts"].get(name)
        if account is None:
            return None
        return {
            "metadata": {"name": name, "annotations": account["annotations"]},
            "secrets": [{"name": secret} for secret in account["secrets"]],
        }

    async def token(self, namespace: str, secret: str) -> str | None:
        tokens = self.case["tokenSecrets"]
        return tokens[secret] or "" if secret in tokens else None


def run(case: Case) -> Any:
    delivery = delivery_of(case)
    outcome = asyncio.run(intercept(delivery, Namespaces(case), 0))
    if isinstance(outcome, Authorized):
        return "authorized", f"Bearer {outcome.token}"
    authorization = delivery.header("Authorization") if isinstance(outcome, Untouched) else None
    names = {Untouched: "untouched", Anonymous: "anonymous"}
    return names.get(type(outcome), "forbidden"), authorization


def same(case: Case, wanted: Any, got: Any) -> bool:
    """A rule never takes anything away from those whom the reference lets in."""
    recorded = want(case)
    return bool(got == (recorded if recorded[0] == "authorized" else wanted))
