"""Manifests in files: which objects they hold, and where each field stands.

A file may hold several documents, and Lists. Kinds that have no part in the flow are counted and skipped; a kind of
``argoproj.io`` that nobody knows is an error, since it is most likely a misspelt one.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from events import goyaml
from events.errors import SpecError
from events.models.base import Finding
from events.registry import did_you_mean

__all__ = ["STDIN", "Bundle", "Located", "Manifest", "in_folder", "load", "vault_values"]

USED = (
    "EventBus",
    "EventSource",
    "Sensor",
    "WorkflowEventBinding",
    "WorkflowTemplate",
    "ClusterWorkflowTemplate",
)
"""Kinds of ``argoproj.io`` that we read."""

_OTHER_ARGO = (
    "Workflow",
    "CronWorkflow",
    "WorkflowTaskSet",
    "WorkflowTaskResult",
    "WorkflowArtifactGCTask",
    "Application",
    "ApplicationSet",
    "AppProject",
    "Rollout",
    "Experiment",
    "AnalysisRun",
    "AnalysisTemplate",
    "ClusterAnalysisTemplate",
)
_CLUSTER_SCOPED = ("ClusterWorkflowTemplate",)
STDIN = Path("-")
_TEMPLATE = re.compile(rb"\{\{-?\s*(\.|\$|(if|else|end|range|with|include|template|define|toYaml|tpl)\b)")
"""Programs of Helm and its like, as they stand in what is no YAML yet. (Argo's own are ``{{workflow.name}}``.)"""
_SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object as it stands in a file. ``namespace`` is empty for cluster-scoped kinds."""

    file: str
    kind: str
    api_version: str
    namespace: str
    name: str
    body: dict[str, Any]
    marks: goyaml.Marks = field(repr=False, default_factory=dict)
    base: goyaml.Path = ()

    @property
    def title(self) -> str:
        """``Sensor default/ci``."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    def locate(self, path: str) -> tuple[int, int]:
        """Line and column of a field such as ``spec.triggers[0].template``, or of the nearest part that is there."""
        keys: list[str | int] = []
        best = self.marks.get(self.base, (1, 1))
        parts: list[str | int] = [int(i) if i else k.replace("\\.", ".") for k, i in _PATH_PART.findall(path)]
        for part in parts:
            keys.append(part)
            mark = self.marks.get((*self.base, *keys))
            if mark is None:
                break
            best = mark
        return best


_PATH_PART = re.compile(r"((?:[^.\[\]\\]|\\.)+)|\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Located:
    """A finding and the manifest that it is about; prints as ``file:line:col: error: object: path: sentence``."""

    finding: Finding
    manifest: Manifest | None
    file: str = ""
    line: int = 0
    column: int = 0

    @classmethod
    def of(cls, manifest: Manifest, finding: Finding) -> Located:
        """A finding with its place in the file."""
        line, column = manifest.locate(finding.path)
        return cls(finding, manifest, manifest.file, line, column)

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else f"{self.file}: " if self.file else ""
        title = f"{self.manifest.title}: " if self.manifest else ""
        path = f"{self.finding.path}: " if self.finding.path else ""
        hint = f" ({self.finding.hint})" if self.finding.hint else ""
        return f"{place}{self.finding.severity}: {title}{path}{self.finding.message}{hint}"


@dataclass
class Bundle:
    """What the files hold: the objects that we read, what was skipped, and what is wrong."""

    manifests: list[Manifest] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    findings: list[Located] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    hollow: list[Path] = field(default_factory=list)
    """Those of the files in which there is no object at all, of whatever kind."""

    def of(self, *kinds: str) -> list[Manifest]:
        """The manifests of these kinds, in order."""
        return [m for m in self.manifests if m.kind in kinds]

    @property
    def errors(self) -> list[Located]:
        """The findings that keep these manifests from being run."""
        return [f for f in self.findings if f.finding.severity == "error"]


def load(paths: Iterable[str | os.PathLike[str]], *, namespace: str = "default", recursive: bool = False) -> Bundle:
    """Read files and folders; ``-`` is stdin. ``namespace`` is for objects that name none. What is wrong is in ``findings``."""
    bundle = Bundle()
    seen: set[Path] = set()
    for given in paths:
        path = Path(given)
        try:
            files = _files(path, recursive)
        except SpecError as error:
            bundle.findings.append(Located(Finding("error", "", error.message, error.hint), None, str(path)))
            continue
        for file in files:
            if file.resolve() in seen:  # given twice, say by its name and with its folder
                continue
            seen.add(file.resolve())
            bundle.files.append(file)
            _read(file, namespace, bundle)
    _find_twins(bundle)
    return bundle


def in_folder(folder: Path, *, recursive: bool = False) -> list[Path]:
    """The files of a folder that are read as manifests."""
    every = folder.rglob("*") if recursive else folder.iterdir()
    return sorted(p for p in every if p.suffix in _SUFFIXES and p.is_file())


def _files(path: Path, recursive: bool) -> list[Path]:
    if path == STDIN:
        return [path]
    if path.is_dir():
        files = in_folder(path, recursive=recursive)
        if not files:
            hint = "" if recursive else "--recursive looks in the folders below, too"
            raise SpecError("no .yaml, .yml or .json file in this folder", hint=hint)
        return files
    if not path.exists():
        raise SpecError("no such file or folder")
    return [path]


def _read(file: Path, namespace: str, bundle: Bundle) -> None:
    name = "<stdin>" if file == STDIN else str(file)
    try:
        text = sys.stdin.buffer.read() if file == STDIN else file.read_bytes()
    except OSError as error:
        bundle.findings.append(Located(Finding("error", "", f"cannot be read: {error.strerror}"), None, name))
        return
    if file == STDIN and not text.strip():
        hint = "did the command before the pipe fail?"
        bundle.findings.append(Located(Finding("error", "", "nothing came on stdin", hint), None, name))
        return
    try:
        objects = 0
        for document in goyaml.load_all(text):
            objects += _is_object(document.value)
            _take(name, document, document.value, (), namespace, bundle)
        if not objects:
            bundle.hollow.append(file)
    except SpecError as error:
        finding = Finding("error", "", error.sentence, error.hint)
        if _TEMPLATE.search(text):
            finding = Finding(
                "error", "", error.sentence, "it looks like a template; render it first, say with helm template"
            )
        bundle.findings.append(Located(finding, None, name, *(error.place or ())))


def _is_object(body: Any) -> bool:
    """Whether it is meant as an object of Kubernetes."""
    if not isinstance(body, dict):
        return False
    has_kind = isinstance(body.get("kind"), str) and bool(body["kind"])
    return has_kind or str(body.get("apiVersion", "")).startswith("argoproj.io/")


def _take(
    file: str, document: goyaml.YAMLDocument, body: Any, base: goyaml.Path, namespace: str, bundle: Bundle
) -> None:
    line, column = document.marks.get(base, (1, 1))

    def complain(message: str, hint: str = "") -> None:
        bundle.findings.append(Located(Finding("error", "", message, hint), None, file, line, column))

    if not _is_object(body):
        bundle.skipped["document that is no Kubernetes object"] += 1
        return
    kind, api_version = body.get("kind"), body.get("apiVersion") or ""
    if not isinstance(kind, str) or not kind:
        complain("kind is missing", "apiVersion is of argoproj.io")
        return
    if kind == "List" and isinstance(body.get("items"), list):
        for index, item in enumerate(body["items"]):
            _take(file, document, item, (*base, "items", index), namespace, bundle)
        return
    if not isinstance(api_version, str):
        complain("apiVersion must be a text")
        return
    group = api_version.partition("/")[0]
    if group == "argoproj.io":
        if kind not in USED:
            if kind in _OTHER_ARGO:
                bundle.skipped[kind] += 1
            else:
                hint = did_you_mean(kind, [*USED, *_OTHER_ARGO]) or f"known: {', '.join(USED)}"
                complain(f"unknown kind '{kind}' of argoproj.io", hint)
            return
        if api_version != "argoproj.io/v1alpha1":
            complain(f"{kind} has apiVersion '{api_version}'", "write argoproj.io/v1alpha1")
            return
    elif not (api_version == "v1" and kind in ("Secret", "ConfigMap")):
        if kind in USED:
            complain(f"{kind} has apiVersion '{api_version}'", "write argoproj.io/v1alpha1")
        else:
            bundle.skipped[kind] += 1
        return
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    own_namespace = metadata.get("namespace") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name:
        complain(f"{kind} has no metadata.name")
        return
    if own_namespace is not None and not isinstance(own_namespace, str):
        complain(f"{kind} {name}: metadata.namespace must be a text")
        return
    where = "" if kind in _CLUSTER_SCOPED else own_namespace or namespace
    manifest = Manifest(file, kind, api_version, where, name, body, document.marks, base)
    bundle.manifests.append(manifest)
    bundle.findings += [Located.of(manifest, v) for _, v in _values(manifest) if isinstance(v, Finding)]
    for path in document.duplicates:
        if path[: len(base)] == base:
            text = ".".join(map(str, path[len(base) :]))
            bundle.findings.append(
                Located.of(manifest, Finding("warning", text, "stands twice in this mapping; the last one counts"))
            )


def _find_twins(bundle: Bundle) -> None:
    seen: dict[tuple[str, str, str], Manifest] = {}
    for manifest in bundle.manifests:
        key = (manifest.kind, manifest.namespace, manifest.name)
        twin = seen.setdefault(key, manifest)
        if twin is not manifest:
            line, _ = twin.locate("")
            finding = Finding("error", "metadata.name", f"defined twice: also in {twin.file}:{line}")
            bundle.findings.append(Located.of(manifest, finding))


def vault_values(manifests: Iterable[Manifest]) -> Mapping[tuple[str, str, str, str], bytes]:
    """The values of the Secrets and ConfigMaps among ``manifests``, by kind, namespace, name and key.

    A value that cannot be read is left out; ``load`` has told of it.
    """
    return {
        (manifest.kind.lower(), manifest.namespace, manifest.name, key): value
        for manifest in manifests
        for key, value in _values(manifest)
        if isinstance(value, bytes)
    }


def _values(manifest: Manifest) -> Iterator[tuple[str, bytes | Finding]]:
    """The values of a Secret or ConfigMap by key, or what is wrong with them."""
    if manifest.kind not in ("Secret", "ConfigMap"):
        return
    encoded, plain = ("data", "stringData") if manifest.kind == "Secret" else ("binaryData", "data")
    for section, is_base64 in ((encoded, True), (plain, False)):
        content = manifest.body.get(section) or {}
        if not isinstance(content, dict):
            yield "", Finding("error", section, "must be a mapping")
            continue
        for key, value in content.items():
            path = section + "." + key.replace(".", "\\.")
            if not isinstance(value, str):
                yield key, Finding("error", path, "must be a text", "quote numbers and true/false")
            elif not is_base64:
                yield key, value.encode("utf-8", "replace")
            else:
                try:
                    yield key, base64.b64decode("".join(value.split()), validate=True)
                except (binascii.Error, ValueError):
                    hint = "use stringData for plain text" if section == "data" else "use data for plain text"
                    yield key, Finding("error", path, "is not base64", hint)
