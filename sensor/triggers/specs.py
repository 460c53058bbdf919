"""What stands under ``k8s``, ``argoWorkflow``, ``http`` and ``log`` in a trigger's template, and what can be wrong with it.

Spec §2.1–2.3, §2.13, §0.8 (where a resource comes from), §5.5 (what is checked).
"""

from __future__ import annotations

from pydantic import Field

from events.models.base import Finding, Int64, Json, Spec, Uint64, required
from events.models.sensor import TriggerParameter
from events.models.shared import (
    BasicAuth,
    ConfigMapKeySelector,
    GithubAppCreds,
    S3Artifact,
    SecretKeySelector,
    SecureHeader,
    TLSConfig,
)
from sensor.triggers._checks import check_parameters

__all__ = [
    "ArgoWorkflowConfig",
    "ArtifactLocation",
    "FileArtifact",
    "GitArtifact",
    "HttpConfig",
    "K8sConfig",
    "LogConfig",
    "UrlArtifact",
    "validate_argo_workflow",
    "validate_http",
    "validate_k8s",
    "validate_log",
]


class FileArtifact(Spec):
    """A file in the sensor's pod, or on this computer."""

    path: str = ""


class UrlArtifact(Spec):
    """A document to be fetched."""

    path: str = ""
    verify_cert: bool = False


class GitRemote(Spec):
    """A remote of a clone."""

    name: str = ""
    urls: list[str] = []


class GitCreds(Spec):
    """User name and password for HTTP."""

    username: SecretKeySelector | None = None
    password: SecretKeySelector | None = None


class GitArtifact(Spec):
    """A file in a Git repository (spec §2.16)."""

    url: str = ""
    clone_directory: str = ""
    creds: GitCreds | None = None
    ssh_key_secret: SecretKeySelector | None = None
    file_path: str = ""
    branch: str = ""
    tag: str = ""
    ref: str = ""
    remote: GitRemote | None = None
    insecure_ignore_host_key: bool = False
    github_app: GithubAppCreds | None = None


class ArtifactLocation(Spec):
    """Where the resource of a trigger comes from; of several the first one here counts."""

    s3: S3Artifact | None = Field(default=None, alias="s3")
    inline: str | None = None
    file: FileArtifact | None = None
    url: UrlArtifact | None = None
    git: GitArtifact | None = None
    configmap: ConfigMapKeySelector | None = None
    resource: Json = None


class K8sConfig(Spec):
    """``k8s``: create, update, patch or delete an object."""

    source: ArtifactLocation | None = None
    operation: str = ""
    parameters: list[TriggerParameter] = []
    patch_strategy: str = ""
    live_object: bool = False


class ArgoWorkflowConfig(Spec):
    """``argoWorkflow``: what the ``argo`` command would do with a Workflow."""

    source: ArtifactLocation | None = None
    operation: str = ""
    parameters: list[TriggerParameter] = []
    args: list[str] = []


class HttpConfig(Spec):
    """``http``: send a request. ``timeout`` in seconds."""

    url: str = ""
    payload: list[TriggerParameter] | None = None
    tls: TLSConfig | None = None
    method: str = ""
    parameters: list[TriggerParameter] = []
    timeout: Int64 = 0
    basic_auth: BasicAuth | None = None
    headers: dict[str, str] = {}
    secure_headers: list[SecureHeader | None] = []
    dynamic_headers: list[TriggerParameter] = []
    host: str = ""


class LogConfig(Spec):
    """``log``: write the event to the log."""

    interval_seconds: Uint64 = 0


K8S_OPERATIONS = ("create", "update", "patch", "delete")
ARGO_OPERATIONS = ("submit", "submit-from", "suspend", "resubmit", "retry", "resume", "terminate", "stop")
HTTP_METHODS = ("GET", "DELETE", "PATCH", "POST", "PUT")


def validate_k8s(config: K8sConfig, path: str) -> list[Finding]:
    """A source must be there; an absent operation means ``create``."""
    findings = _check_source(config.source, path)
    if config.operation and config.operation not in K8S_OPERATIONS:
        findings.append(_one_of(f"{path}.operation", K8S_OPERATIONS, config.operation))
    return findings + check_parameters(config.parameters, f"{path}.parameters")


def validate_argo_workflow(config: ArgoWorkflowConfig, path: str) -> list[Finding]:
    """A source and an operation must be there."""
    findings = _check_source(config.source, path)
    if config.operation not in ARGO_OPERATIONS:
        findings.append(_one_of(f"{path}.operation", ARGO_OPERATIONS, config.operation))
    return findings + check_parameters(config.parameters, f"{path}.parameters")


def validate_http(config: HttpConfig, path: str) -> list[Finding]:
    """A URL must be there; only in the payload may a destination be empty: the value is then the whole body."""
    findings = required(path, url=config.url)
    if config.method and config.method not in HTTP_METHODS:
        findings.append(_one_of(f"{path}.method", HTTP_METHODS, config.method))
    findings += check_parameters(config.parameters, f"{path}.parameters")
    return findings + check_parameters(config.payload, f"{path}.payload", dest_required=False)


def validate_log(config: LogConfig, path: str) -> list[Finding]:
    """Nothing can be wrong here."""
    return []


def _check_source(source: ArtifactLocation | None, path: str) -> list[Finding]:
    if source is not None:
        return []
    return [Finding("error", f"{path}.source", "must be given: where the object comes from")]


def _one_of(path: str, known: tuple[str, ...], value: str) -> Finding:
    text = f"not '{value}'" if value else "and it is empty"
    return Finding("error", path, f"must be one of {', '.join(known)}, {text}")
