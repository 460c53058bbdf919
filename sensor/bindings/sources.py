"""Where the bindings of a namespace come from: manifests, or a cluster, which is asked for each event as the reference does. Shell."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Protocol

from events.kube import ClusterApi, Object
from sensor.bindings.compiled import INSTANCE_ID, CompiledBinding, compile_binding
from sensor.bindings.dispatch import selected

__all__ = ["BindingSource", "ClusterBindings", "FixedBindings"]

API = "argoproj.io/v1alpha1"

_MOST = 5_000
"""Compiled bindings that are kept."""


class BindingSource(Protocol):
    """The bindings that belong to our instance."""

    async def of(self, namespace: str) -> Sequence[CompiledBinding]:
        """Those of a namespace (empty: of all), in order of their names. Raises Unavailable, or Refused when we may not ask."""


class FixedBindings:
    """The bindings of manifests."""

    def __init__(self, bindings: Iterable[CompiledBinding], instance_id: str = "") -> None:
        self._bindings = selected(bindings, instance_id)

    async def of(self, namespace: str) -> Sequence[CompiledBinding]:
        """See ``BindingSource``."""
        return [b for b in self._bindings if not namespace or b.namespace == namespace]


class ClusterBindings:
    """The bindings of a cluster as they are at this moment. One that did not change is not compiled again."""

    def __init__(self, cluster: ClusterApi, instance_id: str = "") -> None:
        self._cluster = cluster
        self._labels = f"{INSTANCE_ID}={instance_id}" if instance_id else f"!{INSTANCE_ID}"
        self._instance_id = instance_id
        self._compiled: OrderedDict[tuple[str, str], CompiledBinding] = OrderedDict()

    async def of(self, namespace: str) -> Sequence[CompiledBinding]:
        """See ``BindingSource``."""
        found = await self._cluster.find(API, "WorkflowEventBinding", namespace, labels=self._labels)
        return selected([self._compile(one, namespace) for one in found], self._instance_id)

    def _compile(self, raw: Object, namespace: str) -> CompiledBinding:
        metadata = raw["metadata"]
        version = (str(metadata.get("uid", "")), str(metadata.get("resourceVersion", "")))
        if not all(version):
            return compile_binding(raw, namespace)
        binding = self._compiled.get(version)
        if binding is None:
            binding = self._compiled[version] = compile_binding(raw, namespace)
            if len(self._compiled) > _MOST:
                self._compiled.popitem(last=False)
        else:
            self._compiled.move_to_end(version)
        return binding
