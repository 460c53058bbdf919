"""Desired and observed → what must be written. Pure.

A child carries the hash of what was wished for when it was written last, so that a new wish is seen. That somebody else changed a child is
seen by comparing: all that we wish for must be there, as the API server writes it (it adds defaults, and respells quantities).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from events.controller.names import APPLIED

__all__ = ["common", "contains", "fingerprint", "merge_patch", "recreate", "stamped", "wish"]

Json = dict[str, Any]

_SUFFIXES = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "k": Decimal(10**3), "M": Decimal(10**6),
    "G": Decimal(10**9), "T": Decimal(10**12), "P": Decimal(10**15), "E": Decimal(10**18), "Ki": Decimal(2**10),
    "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40), "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip
_SERVER_SIDE = ("resourceVersion", "generation", "managedFields", "creationTimestamp", "uid", "selfLink")


def stamped(desired: Json) -> Json:
    """The object with the hash of itself among its annotations."""
    digest = hashlib.sha256(orjson.dumps(desired, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
    metadata = desired["metadata"]
    annotations = {**metadata.get("annotations", {}), APPLIED: digest}
    return {**desired, "metadata": {**metadata, "annotations": annotations}}


def wish(obj: Json) -> str:
    """The hash that it was stamped with; empty when it was not."""
    return str((obj["metadata"].get("annotations") or {}).get(APPLIED, ""))


def fingerprint(observed: Json) -> str:
    """Differs when anybody changed the object, other than its status."""
    metadata = {name: value for name, value in observed["metadata"].items() if name not in _SERVER_SIDE}
    rest = {name: value for name, value in observed.items() if name not in ("metadata", "status")}
    text = orjson.dumps([metadata, rest], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(text, digest_size=12).hexdigest()


def contains(observed: Any, desired: Any) -> bool:
    """Whether all of ``desired`` stands in ``observed``, which may have more fields, but not more items in a list of ours."""
    if isinstance(desired, Mapping):
        if not isinstance(observed, Mapping):
            return not desired and observed is None
        return all(contains(observed.get(name), value) for name, value in desired.items())
    if isinstance(desired, list):
        here = observed if isinstance(observed, list) else []
        return len(here) == len(desired) and all(contains(o, d) for o, d in zip(here, desired, strict=True))
    if observed == desired and type(observed) is type(desired):
        return True
    if observed is None:  # the server leaves out what is empty
        return desired in (None, "", False) or (type(desired) is int and desired == 0)
    return _same_quantity(observed, desired)


def common(desired: Any, known: Any) -> Any:
    """What of ``desired`` the server ``known``: its fields at any depth; values stay as they are."""
    if isinstance(desired, Mapping) and isinstance(known, Mapping):
        return {name: common(value, known[name]) for name, value in desired.items() if name in known}
    if isinstance(desired, list) and isinstance(known, list) and len(desired) == len(known):
        return [common(one, other) for one, other in zip(desired, known, strict=True)]
    return desired


def _same_quantity(one: Any, other: Any) -> bool:
    first, second = _quantity(one), _quantity(other)
    return first is not None and first == second


def _quantity(value: Any) -> Decimal | None:
    """``500m``, ``0.5`` or ``2Gi`` as a number."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    text = str(value)
    number = text.rstrip("numkMGTPEi")
    try:
        return Decimal(number) * _SUFFIXES.get(text[len(number) :], Decimal(1))
    except InvalidOperation:
        return None


def recreate(observed: Json, desired: Json) -> bool:
    """Whether the object can only be made anew: the address of a Service cannot be changed (spec §5.4)."""
    if desired["kind"] != "Service":
        return False
    wanted, there = desired["spec"].get("clusterIP"), observed.get("spec", {}).get("clusterIP")
    return bool(there == "None" if wanted is None else wanted != there)


def merge_patch(before: Any, after: Mapping[str, Any]) -> Json:
    """The patch (RFC 7396) that makes ``after`` of ``before``; empty when they are the same."""
    old = before if isinstance(before, Mapping) else {}
    patch: Json = {name: None for name in old if name not in after}
    for name, value in after.items():
        if isinstance(value, Mapping) and isinstance(old.get(name), Mapping):
            inner = merge_patch(old[name], value)
            if inner:
                patch[name] = inner
        elif name not in old or old[name] != value:
            patch[name] = value
    return patch
