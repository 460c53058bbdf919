"""Rules of the API server about metadata, for the local store, and about what names objects and images, for what we print. Pure.

https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ and .../labels/;
https://pkg.go.dev/github.com/distribution/reference for images.
"""

from __future__ import annotations

import re
from typing import Any

from events.errors import Refused

__all__ = ["check_metadata", "generated_base", "is_image", "is_name", "is_namespace", "is_selector"]

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_IMAGE = re.compile(
    r"(?P<name>([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]+)?/)?"  # the registry
    r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*)"
    r"(:[\w][\w.-]{0,127})?"  # the tag
    r"(@[A-Za-z][\w+.-]*:[0-9a-fA-F]{32,})?",  # the digest
    re.ASCII,
)
_KEY = r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_VALUE = r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
_TEST = rf" *(==?|!=) *{_VALUE}| *[<>] *[0-9]+| +(in|notin) *\( *{_VALUE}( *, *{_VALUE})* *\)"
_REQUIREMENT = rf" *(! *{_KEY}|{_KEY}({_TEST})?) *"
_SELECTOR = re.compile(rf"{_REQUIREMENT}(,{_REQUIREMENT})*")
_MAX_GENERATED_BASE = 58  # leaves room for five random characters in 63


def generated_base(generate_name: str, suffix_length: int = 5) -> str:
    """What is kept of ``generateName`` so that the whole name has at most 63 characters."""
    return generate_name[: _MAX_GENERATED_BASE + 5 - suffix_length]


def is_name(name: str) -> bool:
    """Whether an API server takes it as the name of an object of most kinds."""
    return len(name) <= 253 and _SUBDOMAIN.fullmatch(name) is not None


def is_namespace(name: str) -> bool:
    """Whether a namespace can have this name."""
    return _NAMESPACE.fullmatch(name) is not None


def is_image(reference: str) -> bool:
    """Whether it names a container image: ``[REGISTRY[:PORT]/]PATH[:TAG][@DIGEST]``."""
    found = _IMAGE.fullmatch(reference)
    return found is not None and len(found["name"]) <= 255


def is_selector(text: str) -> bool:
    """Whether it selects by labels: ``team=rockets,tier!=test,env in (a, b),!old``."""
    return _SELECTOR.fullmatch(text) is not None


def check_metadata(kind: str, metadata: dict[str, Any]) -> None:
    """Raises Refused in the words of the API server when name, labels or annotations are not allowed."""
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        raise Refused(f"{kind}: metadata.name: Required value: name or generateName is required", status=422)
    if not is_name(name):
        raise Refused(
            f'{kind} "{name[:80]}" is invalid: metadata.name: Invalid value: a lowercase RFC 1123 subdomain must consist of '
            "lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
            status=422,
        )
    generate_name = metadata.get("generateName")
    if generate_name and (len(generate_name) > 253 or not _SUBDOMAIN.fullmatch(_without_dash(generate_name))):
        raise Refused(
            f'{kind} "{name[:80]}" is invalid: metadata.generateName: Invalid value: "{generate_name[:80]}"', status=422
        )
    for field in ("labels", "annotations"):
        content = metadata.get(field) or {}
        if not isinstance(content, dict) or not all(isinstance(v, str) for v in content.values()):
            raise Refused(f"{kind}: metadata.{field} must map texts to texts", status=400)
        for key, value in content.items():
            prefix, slash, local = key.rpartition("/")
            if len(local) > 63 or not _LABEL_NAME.fullmatch(local) or (slash and not _SUBDOMAIN.fullmatch(prefix)):
                raise Refused(f'{kind} "{name}" is invalid: metadata.{field}: Invalid value: "{key[:80]}"', status=422)
            if field == "labels" and value and (len(value) > 63 or not _LABEL_NAME.fullmatch(value)):
                raise Refused(
                    f'{kind} "{name}" is invalid: metadata.labels: Invalid value: "{value[:80]}": a valid label must be an '
                    "empty string or consist of alphanumeric characters, '-', '_' or '.', at most 63",
                    status=422,
                )


def _without_dash(prefix: str) -> str:
    """A prefix may end in what no name ends in."""
    return f"{prefix[:-2]}a" if len(prefix) > 1 and prefix.endswith("-") else prefix
