"""Parts of Kubernetes' own types that stand in EventBus, EventSource and Sensor: pods, services, volumes (spec §0.7).

As deep as people write them, so that a number in an ``env`` value is found here and not by a controller. What is deeper is kept
as it is, and the API server judges it. https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from events.models.base import Int32, Int32OrString, Int64, Json, Spec
from events.models.shared import ConfigMapKeySelector, SecretKeySelector

__all__ = [
    "Container",
    "ContainerTemplate",
    "Labels",
    "LocalObjectReference",
    "PersistenceStrategy",
    "PodFields",
    "PodTemplate",
    "Quantity",
    "ServicePort",
]

_QUANTITY = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+|n|u|m|k|[KMGTPE]i|[MGTPE])?", re.ASCII)


def _quantity(value: Json) -> Json:
    if type(value) in (int, float) or (isinstance(value, str) and _QUANTITY.fullmatch(value)):
        return value
    raise ValueError("must be a quantity such as 500m or 2Gi")


Quantity = Annotated[Json, AfterValidator(_quantity)]


class Labels(Spec):
    """Labels and annotations for what the controller makes."""

    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class LocalObjectReference(Spec):
    """An object of the same namespace, by name."""

    name: str = ""


class ResourceRequirements(Spec):
    """What a container asks for, and may use at most."""

    free_form: ClassVar[bool] = True

    limits: dict[str, Quantity] = {}
    requests: dict[str, Quantity] = {}


class FieldSelector(Spec):
    """A field of the pod as the value of a variable."""

    api_version: str = ""
    field_path: str = ""


class EnvVarSource(Spec):
    """Where the value of a variable comes from."""

    free_form: ClassVar[bool] = True

    field_ref: FieldSelector | None = None
    config_map_key_ref: ConfigMapKeySelector | None = None
    secret_key_ref: SecretKeySelector | None = None


class EnvVar(Spec):
    """An environment variable; its value is a text, always."""

    name: str = ""
    value: str = ""
    value_from: EnvVarSource | None = None


class EnvFromSource(Spec):
    """All keys of a ConfigMap or Secret as variables."""

    free_form: ClassVar[bool] = True

    prefix: str = ""
    config_map_ref: LocalObjectReference | None = None
    secret_ref: LocalObjectReference | None = None


class VolumeMount(Spec):
    """Where a volume appears in the container."""

    free_form: ClassVar[bool] = True

    name: str = ""
    read_only: bool = False
    mount_path: str = ""
    sub_path: str = ""
    sub_path_expr: str = ""


class Volume(Spec):
    """A volume of the pod: its name, and beside it one kind of source."""

    free_form: ClassVar[bool] = True

    name: str = ""


class SecurityContext(Spec):
    """Of a container or a pod."""

    free_form: ClassVar[bool] = True

    privileged: bool = False
    run_as_user: Int64 | None = None
    run_as_group: Int64 | None = None
    run_as_non_root: bool = False
    read_only_root_filesystem: bool = False
    allow_privilege_escalation: bool = False
    fs_group: Int64 | None = None
    supplemental_groups: list[Int64] = []


class Toleration(Spec):
    """A taint that the pod tolerates."""

    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""
    toleration_seconds: Int64 | None = None


class ContainerTemplate(Spec):
    """What can be said of a container of a bus."""

    resources: ResourceRequirements = ResourceRequirements()
    image_pull_policy: str = ""
    security_context: SecurityContext | None = None


class Container(ContainerTemplate):
    """What can be said of the container of an EventSource or Sensor."""

    volume_mounts: list[VolumeMount] = []
    env: list[EnvVar] = []
    env_from: list[EnvFromSource] = []


class PodFields(Spec):
    """Fields of a pod that all three resources share."""

    metadata: Labels | None = None
    service_account_name: str = ""
    security_context: SecurityContext | None = None
    node_selector: dict[str, str] = {}
    tolerations: list[Toleration] = []
    image_pull_secrets: list[LocalObjectReference] = []
    priority_class_name: str = ""
    priority: Int32 | None = None
    affinity: dict[str, Any] | None = None


class PodTemplate(PodFields):
    """``template`` of an EventSource or Sensor."""

    container: Container | None = None
    volumes: list[Volume] = []


class ServicePort(Spec):
    """A port of a Service."""

    name: str = ""
    protocol: str = ""
    app_protocol: str = ""
    port: Int32 = 0
    target_port: Int32OrString = Field(default=0)
    node_port: Int32 = 0


class PersistenceStrategy(Spec):
    """The volume under a bus."""

    storage_class_name: str = ""
    access_mode: str = ""
    volume_size: Quantity = Field(default="20Gi")
