"""An API server in memory: objects, bearer tokens and RBAC, as far as the event endpoint meets them. In the words of the real one."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from events.errors import Refused
from events.kube import AlreadyExists, Object
from events.kube.rules import check_metadata

__all__ = ["ADMIN", "MemoryCluster", "Rule"]

ADMIN = "admin"
GROUPS = {"argoproj.io/v1alpha1": "argoproj.io", "v1": ""}


@dataclass(frozen=True)
class Rule:
    """What is allowed: verbs on resources of a group, in one namespace (empty: cluster-wide)."""

    namespace: str
    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


@dataclass
class _State:
    objects: dict[tuple[str, str, str], Object] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    rules: dict[str, list[Rule]] = field(default_factory=dict)


class MemoryCluster:
    """See ``events.kube.ClusterApi``. Made as the admin; ``acting`` gives others their view of it."""

    def __init__(self, state: _State | None = None, user: str | None = ADMIN) -> None:
        self.state = state or _State()
        self.user = user
        """None: the credentials are unknown."""

    # -- for tests -----------------------------------------------------------------------------------------------------

    def put(self, obj: Object) -> None:
        """Have this object, whatever was there."""
        metadata = dict(obj.get("metadata") or {})
        metadata.setdefault("uid", secrets.token_hex(8))
        metadata.setdefault("resourceVersion", secrets.token_hex(4))
        key = (obj["kind"], metadata.get("namespace", ""), metadata["name"])
        self.state.objects[key] = {**copy.deepcopy(obj), "metadata": metadata}

    def remove(self, kind: str) -> None:
        """Have no objects of this kind."""
        self.state.objects = {key: obj for key, obj in self.state.objects.items() if key[0] != kind}

    def all(self, kind: str) -> list[Object]:
        """The objects of this kind, in order of their making."""
        return [obj for key, obj in self.state.objects.items() if key[0] == kind]

    def allow(self, user: str, token: str, rules: Iterable[Rule]) -> None:
        """Know this user by its token."""
        self.state.tokens[token] = user
        self.state.rules[user] = list(rules)

    # -- the API -------------------------------------------------------------------------------------------------------

    def acting(self, authorization: str) -> MemoryCluster:
        kind, _, value = authorization.partition(" ")
        value = value.strip()
        if kind != "Bearer" or not value:
            return MemoryCluster(self.state, "system:anonymous")
        return MemoryCluster(self.state, self.state.tokens.get(value))

    async def create(self, obj: Object) -> Object:
        if obj["kind"] == "SelfSubjectAccessReview":
            asked = obj["spec"]["resourceAttributes"]
            allowed = self._may(asked["verb"], asked["group"], asked["resource"], asked["namespace"])
            return {**obj, "status": {"allowed": allowed}}
        self._check_create(obj)
        metadata = obj["metadata"]
        key = (obj["kind"], metadata.get("namespace", ""), metadata["name"])
        if key in self.state.objects:
            raise AlreadyExists(f'{_plural(obj["kind"])}.argoproj.io "{metadata["name"]}" already exists', status=409)
        self.put(obj)
        return copy.deepcopy(self.state.objects[key])

    async def rehearse(self, obj: Object) -> None:
        self._check_create(obj)

    async def get(self, api_version: str, kind: str, namespace: str, name: str) -> Object | None:
        self._check("get", GROUPS[api_version], _plural(kind), namespace, name)
        found = self.state.objects.get((kind, namespace, name))
        return copy.deepcopy(found)

    async def find(self, api_version: str, kind: str, namespace: str, *, labels: str = "") -> list[Object]:
        self._check("list", GROUPS[api_version], _plural(kind), namespace)
        found = [
            obj
            for (one, where, _), obj in sorted(self.state.objects.items())
            if one == kind and namespace in ("", where) and _selects(labels, obj["metadata"].get("labels") or {})
        ]
        return copy.deepcopy(found)

    def _check_create(self, obj: Object) -> None:
        group = GROUPS[obj["apiVersion"]]
        self._check("create", group, _plural(obj["kind"]), obj["metadata"].get("namespace", ""))
        check_metadata(obj["kind"], obj["metadata"])

    def _may(self, verb: str, group: str, resource: str, namespace: str) -> bool:
        if self.user == ADMIN:
            return True
        return any(
            rule.namespace in ("", namespace)
            and rule.group == group
            and resource in rule.resources
            and verb in rule.verbs
            for rule in self.state.rules.get(self.user or "", ())
        )

    def _check(self, verb: str, group: str, resource: str, namespace: str, name: str = "") -> None:
        if self.user is None:
            raise Refused("Unauthorized", status=401)
        if self._may(verb, group, resource, namespace):
            return
        kind = f"{resource}.{group}" if group else resource
        subject = f'{kind} "{name}"' if name else kind
        where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        raise Refused(
            f'{subject} is forbidden: User "{self.user}" cannot {verb} resource "{resource}" in API group "{group}" {where}',
            status=403,
        )


def _plural(kind: str) -> str:
    return f"{kind.lower()}s"


def _selects(selector: str, labels: Mapping[str, Any]) -> bool:
    """Only ``key=value`` and ``!key``."""
    if not selector:
        return True
    if selector.startswith("!"):
        return selector[1:] not in labels
    key, _, value = selector.partition("=")
    return bool(labels.get(key) == value)
