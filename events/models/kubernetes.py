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
    if value is None or type(value) in (int, float) or (isinstance(value, str) and _QUANTITY.fullmatch(value)):
        return value
    raise ValueError("must be a quantity such as 500m or 2Gi")


Quantity = Annotated[Json, AfterValidator(_quantity)]


class Labels(Spec):
    """Labels and annotations for what the controller makes."""

    labels: dict[str, str] = {}
    """Labels to add."""
    annotations: dict[str, str] = {}
    """Annotations to add."""


class LocalObjectReference(Spec):
    """An object of the same namespace, by name."""

    name: str = ""
    """Name of the object."""


class OptionalReference(LocalObjectReference):
    """An object of the same namespace, by name, that may be missing."""

    optional: bool = False
    """Whether pods may start without it."""


class ResourceRequirements(Spec):
    """What a container asks for, and may use at most."""

    free_form: ClassVar[bool] = True

    limits: dict[str, Quantity] = {}
    """What it may use at most, for example `memory: 256Mi`."""
    requests: dict[str, Quantity] = {}
    """What is set aside for it, for example `cpu: 100m`."""


class FieldSelector(Spec):
    """A field of the pod as the value of a variable."""

    api_version: str = ""
    """Version of the pod's API."""
    field_path: str = ""
    """Path of the field, for example `metadata.namespace`."""


class EnvVarSource(Spec):
    """Where the value of a variable comes from."""

    free_form: ClassVar[bool] = True

    field_ref: FieldSelector | None = None
    """A field of the pod."""
    config_map_key_ref: ConfigMapKeySelector | None = None
    """A key of a ConfigMap."""
    secret_key_ref: SecretKeySelector | None = None
    """A key of a Secret."""


class EnvVar(Spec):
    """An environment variable; its value is a text, always."""

    name: str = ""
    """Name of the variable."""
    value: str = ""
    """Its value."""
    value_from: EnvVarSource | None = None
    """Where its value is, instead of `value`."""


class EnvFromSource(Spec):
    """All keys of a ConfigMap or Secret as variables."""

    free_form: ClassVar[bool] = True

    prefix: str = ""
    """Put before each name."""
    config_map_ref: OptionalReference | None = None
    """The ConfigMap."""
    secret_ref: OptionalReference | None = None
    """The Secret."""


class VolumeMount(Spec):
    """Where a volume appears in the container."""

    free_form: ClassVar[bool] = True

    name: str = ""
    """Name of the volume."""
    read_only: bool = False
    """Whether nothing may be written there."""
    mount_path: str = ""
    """Where it appears."""
    sub_path: str = ""
    """Only this folder or file of the volume."""
    sub_path_expr: str = ""
    """As `subPath`, with variables `$(NAME)`."""


class Volume(Spec):
    """A volume of the pod: its name, and beside it one kind of source."""

    free_form: ClassVar[bool] = True

    name: str = ""
    """Name of the volume."""


class SecurityContext(Spec):
    """Of a container or a pod."""

    free_form: ClassVar[bool] = True

    privileged: bool = False
    """Refused when true."""
    run_as_user: Int64 | None = None
    """Number of the user."""
    run_as_group: Int64 | None = None
    """Number of the group."""
    run_as_non_root: bool = False
    """Refuse to start as root."""
    read_only_root_filesystem: bool = False
    """Whether only volumes can be written to."""
    allow_privilege_escalation: bool = False
    """Refused when true."""
    fs_group: Int64 | None = None
    """Group that owns the files of volumes."""
    supplemental_groups: list[Int64] = []
    """Further groups."""


class Toleration(Spec):
    """A taint that the pod tolerates."""

    key: str = ""
    """The key of the taint; empty means any."""
    operator: str = ""
    """`Exists` or `Equal`."""
    value: str = ""
    """The value of the taint."""
    effect: str = ""
    """The effect of the taint; empty means any."""
    toleration_seconds: Int64 | None = None
    """How long a `NoExecute` taint is tolerated."""


class ContainerTemplate(Spec):
    """What can be said of a container of a bus."""

    resources: ResourceRequirements = ResourceRequirements()
    """What the container asks for, and may use at most."""
    image_pull_policy: str = ""
    """When the image is fetched."""
    security_context: SecurityContext | None = None
    """Rights of the container."""


class Container(ContainerTemplate):
    """What can be said of the container of an EventSource or Sensor."""

    volume_mounts: list[VolumeMount] = []
    """Where volumes of the template appear."""
    env: list[EnvVar] = []
    """Environment variables."""
    env_from: list[EnvFromSource] = []
    """ConfigMaps and Secrets whose keys become environment variables."""


class PodFields(Spec):
    """Fields of a pod that all three resources share."""

    metadata: Labels | None = None
    """Labels and annotations of the pods."""
    service_account_name: str = ""
    """The account that the pods act as."""
    security_context: SecurityContext | None = None
    """Rights of the pods."""
    node_selector: dict[str, str] = {}
    """Labels that a node must have."""
    tolerations: list[Toleration] = []
    """Taints that are tolerated."""
    image_pull_secrets: list[LocalObjectReference] = []
    """Secrets for fetching the image."""
    priority_class_name: str = ""
    """Name of the priority class."""
    priority: Int32 | None = None
    """The priority itself."""
    affinity: dict[str, Any] | None = None
    """Which nodes and neighbours are preferred, as in a pod."""


class PodTemplate(PodFields):
    """``template`` of an EventSource or Sensor."""

    container: Container | None = None
    """What is added to the container."""
    volumes: list[Volume] = []
    """Volumes that are added, with their sources as in a pod."""


class ServicePort(Spec):
    """A port of a Service."""

    name: str = ""
    """Name of the port."""
    protocol: str = ""
    """`TCP` when absent."""
    app_protocol: str = ""
    """What is spoken on the port, a hint."""
    port: Int32 = 0
    """The port of the Service."""
    target_port: Int32OrString = Field(default=0)
    """The port of the pod: the one of the events."""
    node_port: Int32 = 0
    """Not used: the Service is of type ClusterIP."""


class PersistenceStrategy(Spec):
    """The volume under a bus."""

    storage_class_name: str = ""
    """Class of the volume; the cluster's default when absent."""
    access_mode: str = ""
    """`ReadWriteOnce` when absent."""
    volume_size: Quantity = Field(default="20Gi")
    """Size of the volume."""
