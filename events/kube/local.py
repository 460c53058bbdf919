"""The local store: Workflows in an SQLite database of the state folder, by the rules of the API server.

No engine runs them: what is kept is exactly what a cluster would have been sent. Readable by other processes at any time.
"""

from __future__ import annotations

import datetime
import secrets
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from events.errors import Refused
from events.expressions.golang.jsons import encode_json
from events.groupcommit import GroupCommit, connect, insert, read
from events.kube import AlreadyExists, Object
from events.kube.rules import check_metadata, generated_base

__all__ = ["LocalStore", "Templates", "open_store", "parameters", "read_workflows", "template_name"]

FILE = "workflows.db"

Templates = Mapping[tuple[str, str, str], Object]
"""WorkflowTemplates by ``(kind, namespace, name)``; the namespace of a ClusterWorkflowTemplate is empty."""

_New = tuple[Object, bytes]
"""A Workflow, and its JSON text."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS workflow (
  namespace TEXT NOT NULL, name TEXT NOT NULL, created INTEGER NOT NULL, template TEXT NOT NULL, object BLOB NOT NULL,
  PRIMARY KEY (namespace, name)
);
CREATE INDEX IF NOT EXISTS workflow_created ON workflow (created);
"""

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"  # as the API server: no vowels, nothing that looks alike


class LocalStore:
    """Create and get, as an API server that knows only Workflows."""

    def __init__(self, path: Path, commits: GroupCommit[_New, Object], templates: Templates) -> None:
        self._path = path
        self._commits = commits
        self._templates = templates

    async def create(self, obj: Object) -> Object:
        """Store a Workflow durably; raises Refused when a template or a required parameter is missing."""
        if (obj.get("apiVersion"), obj.get("kind")) != ("argoproj.io/v1alpha1", "Workflow"):
            raise Refused(
                f"{obj.get('kind')} cannot be created without a cluster", hint="start with --kube", status=404
            )
        check_template(obj, self._templates)
        completed = _completed(obj)
        return await self._commits.submit((completed, _encoded(completed)))

    async def get(self, api_version: str, kind: str, namespace: str, name: str) -> Object | None:
        """The Workflow or template of this name."""
        if kind != "Workflow":
            return self._templates.get((kind, namespace, name))
        with connect(self._path, read_only=True) as connection:
            row = connection.execute(
                "SELECT object FROM workflow WHERE namespace = ? AND name = ?", (namespace, name)
            ).fetchone()
        connection.close()
        return None if row is None else orjson.loads(row["object"])


@asynccontextmanager
async def open_store(folder: Path, templates: Templates) -> AsyncIterator[LocalStore]:
    """The store in a state folder."""
    path = folder / FILE
    async with GroupCommit(path, _SCHEMA, _insert) as commits:
        yield LocalStore(path, commits, templates)


def _completed(obj: Object) -> Object:
    """The object with what the API server adds. Raises Refused for metadata that it would refuse."""
    metadata = dict(obj.get("metadata") or {})
    if not metadata.get("name") and metadata.get("generateName"):
        suffix = "".join(secrets.choice(_ALPHABET) for _ in range(5))
        metadata["name"] = generated_base(metadata["generateName"]) + suffix
    check_metadata("Workflow", metadata)
    metadata.update(
        uid=str(uuid.uuid4()),
        creationTimestamp=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        resourceVersion="1",
        generation=1,
    )
    return {**obj, "metadata": metadata}


def _encoded(obj: Object) -> bytes:
    try:
        return orjson.dumps(obj)
    except orjson.JSONEncodeError:  # it writes 254 levels, and reads more
        return encode_json(obj, escape_html=False).encode()


# One row holds the answer: each row that is fetched costs as much as a statement.
_TAKEN = """
SELECT json_group_array(json_array(namespace, name)) FROM workflow
WHERE (namespace, name) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))
"""


def _insert(connection: sqlite3.Connection, new: list[_New]) -> list[Object | AlreadyExists]:
    keys = [(obj["metadata"]["namespace"], obj["metadata"]["name"]) for obj, _ in new]
    found = connection.execute(_TAKEN, (orjson.dumps(keys).decode(),)).fetchone()[0]
    taken = {(namespace, name) for namespace, name in orjson.loads(found)}
    now = int(time.time())
    answers: list[Object | AlreadyExists] = []
    fresh = []
    for key, (obj, text) in zip(keys, new, strict=True):
        if key in taken:
            answers.append(AlreadyExists(f'workflows.argoproj.io "{key[1]}" already exists', status=409))
        else:
            taken.add(key)
            answers.append(obj)
            fresh.append((*key, now, template_name(obj), text))
    insert(connection, "INSERT INTO workflow", fresh)
    return answers


def template_name(obj: Object) -> str:
    """The template that a Workflow refers to; empty when it has none."""
    reference = _dict(_dict(obj.get("spec")).get("workflowTemplateRef"))
    return str(reference.get("name") or "")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def check_template(obj: Object, templates: Templates) -> None:
    """Raises Refused unless the referenced template is known and each of its required parameters has a value."""
    spec = _dict(obj.get("spec"))
    reference = _dict(spec.get("workflowTemplateRef"))
    name = reference.get("name")
    if not name:
        return
    cluster = bool(reference.get("clusterScope"))
    kind = "ClusterWorkflowTemplate" if cluster else "WorkflowTemplate"
    namespace = "" if cluster else _dict(obj.get("metadata")).get("namespace", "")
    template = templates.get((kind, namespace, name))
    title = f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
    if template is None:
        raise Refused(f"{title} not found", hint="add it to the manifests", status=404)
    given = {p["name"]: p for p in parameters(spec) if "name" in p}
    for parameter in parameters(_dict(template.get("spec"))):
        name = parameter.get("name")
        has_default = any(parameter.get(k) is not None for k in ("value", "default", "valueFrom"))
        own = given.get(name, {})
        if not has_default and own.get("value") is None and own.get("valueFrom") is None:
            raise Refused(f"parameter '{name}' of {title} has no value", status=400)


def parameters(spec: Any) -> list[dict[str, Any]]:
    """The parameters among the arguments of a Workflow's or a template's ``spec``."""
    found = _dict(_dict(spec).get("arguments")).get("parameters")
    return [p for p in found if isinstance(p, dict)] if isinstance(found, list) else []


def read_workflows(folder: Path, *, namespace: str = "", name: str = "", template: str = "") -> Iterator[Object]:
    """Workflows of a state folder, oldest first. Raises Unavailable when the file cannot be read."""
    where, values = [], []
    for column, value in (("namespace", namespace), ("name", name), ("template", template)):
        if value:
            where.append(f"{column} = ?")
            values.append(value)
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    query = f"SELECT object FROM workflow{condition} ORDER BY created, rowid"  # noqa: S608 - columns are ours
    for row in read(folder / FILE, query, values):
        yield orjson.loads(row["object"])
