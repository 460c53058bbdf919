"""All objects of a selection, and each change of them, for ever: list, then watch, and list again when the server forgot (410).

A server that is away is waited for. https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass

import structlog

from events.backoff import jittered
from events.errors import Refused, Unavailable
from events.kube import Object
from events.kube.control import Control, Selection

__all__ = ["Changed", "Gone", "Listed", "Observation", "observe"]

log = structlog.get_logger("watch")

_LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class Changed:
    """An object is so now."""

    obj: Object


@dataclass(frozen=True, slots=True)
class Gone:
    """An object is no more; this is the last that was seen of it."""

    obj: Object


@dataclass(frozen=True, slots=True)
class Listed:
    """All objects of the selection were told since the list began: these are the uids of those that there are."""

    uids: frozenset[str]


Observation = Changed | Gone | Listed


async def observe(control: Control, selection: Selection) -> AsyncIterator[Observation]:
    """The objects of a selection as they are, then ``Listed``, then each change; never ends by itself."""
    version, failures = "", 0
    while True:
        try:
            if not version:
                uids: set[str] = set()
                page = await control.page(selection)
                while True:
                    for obj in page.items:
                        uids.add(obj["metadata"]["uid"])
                        yield Changed(obj)
                    version = page.version
                    if not page.following:
                        break
                    page = await control.page(selection, following=page.following)
                yield Listed(frozenset(uids))
            async for kind, obj in control.watch(selection, version):
                if kind == "ERROR":
                    version, failures = _after_error(obj, version, failures)
                    break
                version, failures = obj["metadata"]["resourceVersion"], 0
                if kind == "DELETED":
                    yield Gone(obj)
                elif kind != "BOOKMARK":
                    yield Changed(obj)
        except Unavailable as problem:
            failures += 1
            log.warning("watch interrupted", kind=selection.kind, reason=problem.message, failures=failures)
        except Refused as problem:
            if problem.status == 410:
                version = ""  # forgotten; the next list is complete
                continue
            failures += 1
            version = ""
            log.error("watch refused", kind=selection.kind, reason=problem.message, failures=failures)
        # Also a watch that ends well at once must not become a busy loop.
        pause = jittered(failures, random.random, first=0.1, cap=_LONGEST_PAUSE)
        await asyncio.sleep(pause)


def _after_error(status: Object, version: str, failures: int) -> tuple[str, int]:
    """Go on where we are, or list anew, when the server does not know the version."""
    if status.get("code") in (410, 504):  # 504: a version of the future, after the store was put back
        return "", failures
    return version, failures + 1
