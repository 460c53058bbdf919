"""Step 8 · where the object of a trigger comes from (spec §0.8). Pure: what must be fetched is not built yet."""

from __future__ import annotations

from typing import Any

import orjson

from events import goyaml
from events.errors import SpecError
from sensor.triggers.specs import ArtifactLocation

__all__ = ["resource_text"]


def resource_text(source: ArtifactLocation | None, path: str) -> str:
    """The object as JSON text; raises SpecError when it is none or its place is not built yet."""
    if source is None:
        raise SpecError("must be given: where the object comes from", path=path)
    # The order is the reference's: the first that is set counts.
    for name in ("s3", "inline", "file", "url", "git", "configmap", "resource"):
        value = getattr(source, name)
        if value is None:
            continue
        if name == "inline":
            return _from_text(value, f"{path}.inline")
        if name == "resource":
            return _object(value, f"{path}.resource")
        raise SpecError(
            f"source '{name}' is not built yet", path=f"{path}.{name}", hint="use resource or inline", reason="NotBuilt"
        )
    raise SpecError("names no source", path=path, hint="resource or inline")


def _from_text(text: str, path: str) -> str:
    try:
        return _object(goyaml.load(text), path)
    except SpecError as error:
        raise SpecError(error.message, path=path, hint=error.hint) from None


def _object(value: Any, path: str) -> str:
    if not isinstance(value, dict):
        raise SpecError("must be an object", path=path)
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:  # nested too deeply
        raise SpecError(f"cannot be written as JSON: {error}", path=path) from None
