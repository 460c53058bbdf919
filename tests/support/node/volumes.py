"""What a container finds: the files of its volumes and its environment, made of ConfigMaps, Secrets and the pod itself."""

from __future__ import annotations

import base64
import os
import re
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from tests.support.node.api import Key, Object

Files = dict[str, bytes]
Token = Callable[[Object, Mapping[str, Any]], Awaitable[str]]


class Missing(Exception):
    """An object or key that the pod needs is not there (yet)."""


class Sources:
    """Where values come from."""

    def __init__(self, configmaps: Mapping[Key, Object], secrets: Mapping[Key, Object], token: Token) -> None:
        self.configmaps = configmaps
        self.secrets = secrets
        self.token = token

    def data(self, kind: str, namespace: str, name: str, optional: bool = False) -> Files:
        """All keys of a ConfigMap or Secret."""
        found = (self.configmaps if kind == "configMap" else self.secrets).get((namespace, name))
        if found is None and not optional:
            raise Missing(f'{kind.lower()} "{name}" not found')
        data = (found or {}).get("data") or {}
        if kind == "secret":
            return {key: base64.b64decode(value) for key, value in data.items()}
        return {key: value.encode() for key, value in data.items()}


async def files(volume: Mapping[str, Any], pod: Object, sources: Sources) -> Files | None:
    """The files of a volume; None for one that is just a folder."""
    namespace = pod["metadata"]["namespace"]
    if (projected := volume.get("projected")) is not None:
        together: Files = {}
        for source in projected["sources"]:
            together |= await files(source, pod, sources) or {}
        return together
    if (token := volume.get("serviceAccountToken")) is not None:
        return {token["path"]: (await sources.token(pod, token)).encode()}
    if (down := volume.get("downwardAPI")) is not None:
        return {item["path"]: field(pod, item["fieldRef"]["fieldPath"]).encode() for item in down["items"]}
    for kind in ("configMap", "secret"):
        if (source := volume.get(kind)) is not None:
            optional = source.get("optional", False)
            data = sources.data(kind, namespace, source.get("secretName") or source["name"], optional)
            if items := source.get("items"):
                if (lacking := [i["key"] for i in items if i["key"] not in data]) and not optional:
                    raise Missing(f"references non-existent {kind.lower()} key: {lacking[0]}")
                data = {item["path"]: data[item["key"]] for item in items if item["key"] in data}
            return data
    return None


def write(folder: Path, content: Files, mode: int, group: int | None) -> None:
    """Have these files, all at once: behind the link ``..data`` that is replaced, as a kubelet does it."""
    data = folder / "..data"
    if data.exists():
        present = {str(path.relative_to(data)): path.read_bytes() for path in data.rglob("*") if path.is_file()}
        if present == content:
            return
    fresh = folder / f"..{time.time_ns()}"
    fresh.mkdir(parents=True)
    for name, value in content.items():
        (fresh / name).parent.mkdir(parents=True, exist_ok=True)
        (fresh / name).write_bytes(value)
        (fresh / name).chmod(mode | (0o040 if group is not None else 0))
    for path in [folder, fresh, *fresh.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
        if group is not None:
            os.chown(path, -1, group)
    old = data.resolve() if data.exists() else None
    (folder / "..new").symlink_to(fresh.name)
    os.replace(folder / "..new", data)
    names = {name.split("/")[0] for name in content}
    for link in folder.iterdir():
        if not link.name.startswith("..") and link.name not in names:
            link.unlink()
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    if old is not None:
        shutil.rmtree(old)


def environment(container: Mapping[str, Any], pod: Object, sources: Sources) -> dict[str, str]:
    """The variables of a container."""
    namespace = pod["metadata"]["namespace"]
    found: dict[str, str] = {}
    for one in container.get("envFrom", ()):
        for kind in ("configMap", "secret"):
            if reference := one.get(f"{kind}Ref"):
                data = sources.data(kind, namespace, reference["name"], reference.get("optional", False))
                found |= {one.get("prefix", "") + key: value.decode() for key, value in data.items()}
    for one in container.get("env", ()):
        origin = one.get("valueFrom")
        if not origin:
            found[one["name"]] = expand(one.get("value", ""), found)
        elif reference := origin.get("fieldRef"):
            found[one["name"]] = field(pod, reference["fieldPath"])
        else:
            kind = "configMap" if "configMapKeyRef" in origin else "secret"
            reference = origin[f"{kind}KeyRef"]
            data = sources.data(kind, namespace, reference["name"], reference.get("optional", False))
            if reference["key"] in data:
                found[one["name"]] = data[reference["key"]].decode()
            elif not reference.get("optional"):
                raise Missing(f"couldn't find key {reference['key']} in {kind} {namespace}/{reference['name']}")
    return found


def expand(text: str, variables: Mapping[str, str]) -> str:
    """``$(NAME)`` replaced where there is such a variable."""
    return re.sub(r"\$\((\w+)\)", lambda match: variables.get(match[1], match[0]), text)


def field(pod: Object, path: str) -> str:
    """A field of the pod, as ``metadata.name`` or ``metadata.labels['app']``."""
    if match := re.fullmatch(r"metadata\.(labels|annotations)\['([^']+)'\]", path):
        return str(pod["metadata"].get(match[1], {}).get(match[2], ""))
    value: Any = pod
    for part in path.split("."):
        value = value.get(part, "") if isinstance(value, dict) else ""
    return str(value)
