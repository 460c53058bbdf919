"""What stands under ``k8s``, ``argoWorkflow``, ``http`` and ``log`` in a trigger's template, and what can be wrong with it.

Spec §2.1–2.3, §2.13, §0.8 (where a resource comes from), §5.5 (what is checked).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from events.models.base import Finding, Int64, Json, Spec, Uint64, one_of, required
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
from events.models.urls import is_http_url
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
    "advise_http",
    "validate_argo_workflow",
    "validate_http",
    "validate_k8s",
    "validate_log",
]


K8S_OPERATIONS = ("create", "update", "patch", "delete")
ARGO_OPERATIONS = ("submit", "submit-from", "suspend", "resubmit", "retry", "resume", "terminate", "stop")
HTTP_METHODS = ("GET", "DELETE", "PATCH", "POST", "PUT")


class FileArtifact(Spec):
    """A file in the sensor's pod, or on this computer."""

    path: str = ""
    """Path of the file."""


class UrlArtifact(Spec):
    """A document to be fetched."""

    path: str = ""
    """The URL."""
    verify_cert: bool = False
    """Whether the certificate of the server is checked."""


class GitRemote(Spec):
    """A remote of a clone."""

    name: str = ""
    """Name of the remote; `origin` when absent."""
    urls: list[str] = []
    """Its URLs."""


class GitCreds(Spec):
    """User name and password for HTTP."""

    username: SecretKeySelector | None = None
    """The user name."""
    password: SecretKeySelector | None = None
    """The password, or a token."""


class GitArtifact(Spec):
    """A file in a Git repository (spec §2.16)."""

    url: str = ""
    """URL of the repository."""
    clone_directory: str = ""
    """Where it is cloned to."""
    creds: GitCreds | None = None
    """User name and password."""
    ssh_key_secret: SecretKeySelector | None = None
    """The private key for SSH."""
    file_path: str = ""
    """Path of the file in the repository."""
    branch: str = ""
    """The branch; `master` when absent."""
    tag: str = ""
    """The tag, instead of a branch."""
    ref: str = ""
    """A full reference, instead of a branch or tag."""
    remote: GitRemote | None = None
    """A further remote."""
    insecure_ignore_host_key: bool = False
    """Do not check the key of the SSH server."""
    github_app: GithubAppCreds | None = None
    """A GitHub App that may read the repository."""


class ArtifactLocation(Spec):
    """Where the resource of a trigger comes from; of several the first one here counts."""

    s3: S3Artifact | None = Field(default=None, alias="s3")
    """An object in a bucket."""
    inline: str | None = None
    """YAML or JSON text."""
    file: FileArtifact | None = None
    """A file in the pod."""
    url: UrlArtifact | None = None
    """A document on a server."""
    git: GitArtifact | None = None
    """A file in a Git repository."""
    configmap: ConfigMapKeySelector | None = None
    """A key of a ConfigMap."""
    resource: Json = None
    """The object itself."""


class K8sConfig(Spec):
    """``k8s``: create, update, patch or delete an object."""

    source: ArtifactLocation | None = None
    """Where the object comes from."""
    operation: Annotated[str, one_of("", *K8S_OPERATIONS)] = ""
    """What is done with it; `create` when absent."""
    parameters: list[TriggerParameter] = []
    """Values of the events that are put into the object."""
    patch_strategy: str = ""
    """Media type of the patch; `application/merge-patch+json` when absent."""
    live_object: bool = False
    """Put the values into the object that is there instead."""


class ArgoWorkflowConfig(Spec):
    """``argoWorkflow``: what the ``argo`` command would do with a Workflow."""

    source: ArtifactLocation | None = None
    """Where the Workflow comes from."""
    operation: Annotated[str, one_of("", *ARGO_OPERATIONS)] = ""
    """What is done with it; `submit` creates it."""
    parameters: list[TriggerParameter] = []
    """Values of the events that are put into the Workflow."""
    args: list[str] = []
    """Further arguments of the `argo` command."""


class HttpConfig(Spec):
    """``http``: send a request. ``timeout`` in seconds."""

    url: str = ""
    """Where the request goes."""
    payload: list[TriggerParameter] | None = None
    """Values of the events that make up the body."""
    tls: TLSConfig | None = None
    """How to speak TLS."""
    method: Annotated[str, one_of("", *HTTP_METHODS)] = ""
    """The method; `POST` when absent."""
    parameters: list[TriggerParameter] = []
    """Values of the events that are put into these settings."""
    timeout: Int64 = 0
    """Seconds; 60 when absent."""
    basic_auth: BasicAuth | None = None
    """User name and password."""
    headers: dict[str, str] = {}
    """Headers that are always the same."""
    secure_headers: list[SecureHeader | None] = []
    """Headers with values of Secrets."""
    dynamic_headers: list[TriggerParameter] = []
    """Headers with values of the events; `dest` is the name."""
    host: str = ""
    """The Host header."""


class LogConfig(Spec):
    """``log``: write the event to the log."""

    interval_seconds: Uint64 = 0
    """Has no effect."""


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


def advise_http(config: HttpConfig, path: str) -> list[Finding]:
    """A URL that no request can go to. Nothing is said of one that an event writes."""
    written = any(parameter.dest.casefold().startswith("url") for parameter in config.parameters)
    if not config.url or written or is_http_url(config.url):
        return []
    return [Finding("error", f"{path}.url", f"no request can go to '{config.url}'", "write https://host/path")]


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
