"""Cases of ``bindings/http.jsonl``: requests, byte for byte, to our server with a real bus and an API server in memory.

Of a dispatch that went well the reference answers ``{}``; ours says more, which counts as the same. Errors are asked for as the
reference gives them (``--error-status argo``). Its auth modes are our ``--auth-mode``; its asynchronous servers are ``--wait 0``.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import json
from pathlib import Path
from typing import Any

import structlog.testing

from events.models.binding import ALLOW_TEMPLATES
from eventsource.endpoint.service import EndpointSettings
from sensor.naming import binding_key, generated_name
from tests.support.cluster import MemoryCluster, Rule
from tests.support.endpoint import on_cluster, post

NAME = "http"
RECORDED = ("want", "wantError")
SHARED = Path(__file__).resolve().parents[4] / "shared" / "conformance" / "bindings"

Case = dict[str, Any]


def matches(case: Case) -> bool:
    return {"server", "request", "bindings"} <= case.keys()


def want(case: Case) -> Any:
    recorded = case["want"]
    return {"status": recorded["status"], "workflows": recorded.get("workflows"), "events": recorded.get("k8sEvents")}


def run(case: Case) -> Any:
    with structlog.testing.capture_logs():
        return asyncio.run(_exchange(case))


def same(case: Case, wanted: Any, got: Any) -> bool:
    """Errors before a dispatch have the body that was recorded, too. A rule takes nothing from those whom the reference lets in."""
    recorded_want = want(case)
    if recorded_want["status"] == 200 and case["server"] == "client":
        wanted = recorded_want
    if wanted["status"] != got["status"]:
        return False
    if wanted["workflows"] is not None and wanted["workflows"] != got["workflows"]:
        return False
    if wanted.get("events") is not None and _notices(wanted["events"]) != _notices(got["events"]):
        return False
    recorded = case["want"]
    if got["status"] != recorded["status"] or got["status"] in (200, 500):
        return True
    location = recorded["headers"].get("Location")
    return bool(recorded["body"] == got["body"] and location == got["location"])


def _notices(events: list[Any]) -> list[Any]:
    """Who wrote them does not count, and each error of ours is told once."""
    return sorted((e["involvedObject"]["name"], e["type"], e["reason"]) for e in events)


# -- the server ------------------------------------------------------------------------------------------------------


async def _exchange(case: Case) -> Any:
    cluster = _cluster(case)
    server = case["server"]
    modes = {"server": ("server",), "client+server": ("client", "server")}.get(server, ("client",))
    settings = EndpointSettings(modes, "argo", wait=0.0 if "async" in server else 20.0)  # type: ignore[arg-type]
    request = case["request"]
    async with on_cluster(cluster, settings, instance_id="x" if server == "client-iid-x" else "") as address:
        headers = [(name, _with_tokens(case, value)) for name, value in request["headers"]]
        answer = await post(address, request["path"], body_of(case), headers, method=request["method"])
    host = f"127.0.0.1:{address[1]}"
    workflows = [_as_recorded(workflow, host) for workflow in cluster.all("Workflow")]
    return {
        "status": answer.status,
        "body": answer.body.decode("utf-8", "replace").replace(host, "${host}"),
        "location": answer.headers.get("location"),
        "workflows": sorted(workflows, key=lambda w: w["metadata"]["labels"][_BINDING]),
        "events": cluster.all("Event"),
    }


_BINDING = "workflows.argoproj.io/workflow-event-binding"


def body_of(case: Case) -> bytes | None:
    """The body of the request; None: there is none."""
    body = case["request"]["body"]
    if not isinstance(body, dict):
        return body if body is None else body.encode()
    if "base64" in body:
        return base64.b64decode(body["base64"])
    return (body.get("prefix", "") + body["text"] * body["count"] + body.get("suffix", "")).encode()


# -- the cluster -----------------------------------------------------------------------------------------------------


def _setup(case: Case) -> Any:
    """Namespace, accounts and templates: beside the cases, or where all cases are."""
    beside = Path(case["_folder"]) / "http-setup.json"
    return json.loads((beside if beside.exists() else SHARED / "http-setup.json").read_text())


def _token(case: Case, account: str) -> str:
    """A token as ServiceAccounts have them: a JWT, whose signature nobody checks here."""
    claims = {"sub": f"system:serviceaccount:{_setup(case)['namespace']}:{account}"}
    parts = [{"alg": "none"}, claims, {"signature": account}]
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts)


def _with_tokens(case: Case, value: str) -> str:
    while "${token:" in value:
        before, _, rest = value.partition("${token:")
        account, _, after = rest.partition("}")
        value = before + _token(case, account) + after
    return value


def _cluster(case: Case) -> MemoryCluster:
    setup = _setup(case)
    namespace = setup["namespace"]
    cluster = MemoryCluster()
    cluster.state.tokens["admintoken"] = "admin"
    for name, account in setup["accounts"].items():
        rules = [
            Rule(namespace, rule["apiGroups"][0], tuple(rule["resources"]), tuple(rule["verbs"]))
            for rule in setup["roles"].get(account["role"], ())
        ]
        if name == "cluster-poster":
            rules.append(Rule("", "argoproj.io", ("clusterworkflowtemplates",), ("get",)))
        cluster.allow(f"system:serviceaccount:{namespace}:{name}", _token(case, name), rules)
        cluster.put({"kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}})
        if name != "sa-no-token":
            data = {} if name == "sa-empty-token" else {"token": _encoded(_token(case, name))}
            secret = {"name": f"{name}.service-account-token", "namespace": namespace}
            cluster.put({"kind": "Secret", "metadata": secret, "data": data})
    for template in setup["templates"]:
        place = {} if template["kind"].startswith("Cluster") else {"namespace": namespace}
        cluster.put({**template, "metadata": {**template["metadata"], **place}})
    for index, binding in enumerate(case["bindings"]):
        metadata = copy.deepcopy(binding["metadata"])
        metadata.setdefault("namespace", namespace)
        metadata.setdefault("annotations", {})[ALLOW_TEMPLATES] = "true"
        metadata["resourceVersion"] = str(index)
        cluster.put({"kind": "WorkflowEventBinding", **binding, "metadata": metadata})
    if case["clients"] is not None:
        data = {name: _encoded(text) for name, text in case["clients"].items()}
        metadata = {"name": "argo-workflows-webhook-clients", "namespace": namespace}
        cluster.put({"kind": "Secret", "metadata": metadata, "data": data})
    return cluster


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _as_recorded(workflow: Any, host: str) -> Any:
    """The Workflow as the reference would have written it."""
    metadata = workflow["metadata"]
    annotations = metadata["annotations"]
    binding = metadata["labels"][_BINDING]
    key = binding_key(metadata["namespace"], binding, annotations["pointsman/event-id"])
    name = metadata["name"]
    if name == generated_name(metadata["generateName"], key):
        name = f"{metadata['generateName']}?????"
    shown = {"name": name, "generateName": metadata["generateName"], "labels": metadata["labels"]}
    shown["annotations"] = {k: v for k, v in annotations.items() if not k.startswith("pointsman/")}
    spec = json.loads(json.dumps(workflow["spec"]).replace(host, "${host}"))
    return {"metadata": shown, "spec": spec}
