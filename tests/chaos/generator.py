"""Sends signed GitHub pushes and writes down what it was told: ``sent`` before a request, ``answered`` after its answer was read.

Only what it has written down (and synced) counts as accepted. Nothing under test writes into this journal.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import random
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.chaos.journal import Journal

SECRET = b"open-sesame"
PATIENCE = 10.0
"""Seconds that a Git server waits for an answer."""

FIRES, FILTERED, FAULTY = "refs/heads/main", "refs/heads/other", "refs/heads/faulty"
"""What a push to such a branch does: starts a Workflow, is filtered, lets a filter fail (see ``manifests``)."""


def push(delivery_id: str, ref: str = FIRES, *, padding: int = 0) -> bytes:
    """The body of a push; the delivery id stands in it, too, so that a Workflow can be traced by its parameters."""
    body = {
        "ref": ref,
        "after": hashlib.sha1(delivery_id.encode()).hexdigest(),
        "deleted": False if ref != FAULTY else "neither yes nor no",
        "repository": {"clone_url": f"https://git.example.com/acme/{delivery_id}.git"},
        "padding": "x" * padding,
    }
    return json.dumps(body).encode()


def headers(body: bytes, delivery_id: str, *, secret: bytes = SECRET, event: str = "push") -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery_id,
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
    }


class Generator:
    """``async with Generator(url, journal file) as generator``. ``open`` are the ids whose request is under way."""

    def __init__(self, url: str, path: Path, *, connections: int = 128) -> None:
        self.url = url
        self.path = path
        self.open: set[str] = set()
        self._journal = Journal(path)
        self._connections = connections

    async def __aenter__(self) -> Self:
        await self._journal.__aenter__()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections), timeout=aiohttp.ClientTimeout(total=PATIENCE)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()
        await self._journal.__aexit__(kind, error, trace)

    async def send(
        self, delivery_id: str, ref: str = FIRES, *, event: str = "push", path: str = "", padding: int = 0
    ) -> int:
        """One delivery; the HTTP status, 0 when there was no answer. Accepted is what has a 2xx in the journal."""
        body = push(delivery_id, ref, padding=padding)
        facts = {"id": delivery_id, "ref": ref, "path": path}
        self._journal.append(what="sent", **facts)
        self.open.add(delivery_id)
        began, status, word = time.monotonic(), 0, ""
        try:
            async with self._session.post(
                self.url + path, data=body, headers=headers(body, delivery_id, event=event)
            ) as response:
                text = await response.read()
                status = response.status
                word = _word(text)
        except (aiohttp.ClientError, OSError, TimeoutError):
            pass
        finally:
            self.open.discard(delivery_id)
        took = round(time.monotonic() - began, 4)
        await self._journal.append(what="answered", status=status, word=word, seconds=took, **facts)
        return status

    async def stream(self, ids: Iterable[str], rate: float, rng: random.Random, **options: Any) -> None:
        """Send at ``rate`` a second on average, as independent senders do; a slow answer holds back nobody."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        async with asyncio.TaskGroup() as tasks:
            for delivery_id in ids:
                due += rng.expovariate(rate)
                await asyncio.sleep(max(0.0, due - loop.time()))
                tasks.create_task(self.send(delivery_id, kind_of(delivery_id), **options))

    async def send_all(self, ids: Iterable[str], *, connections: int = 64, **options: Any) -> None:
        """Send as fast as the answers come."""
        waiting = iter(ids)

        async def work() -> None:
            for delivery_id in waiting:
                await self.send(delivery_id, kind_of(delivery_id), **options)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(connections):
                tasks.create_task(work())


def kind_of(delivery_id: str) -> str:
    """The branch of a delivery, told by its id: ``…-filtered`` and ``…-faulty`` start nothing."""
    return {"filtered": FILTERED, "faulty": FAULTY}.get(delivery_id.rpartition("-")[2], FIRES)


def names(prefix: str, count: int, *, odd: int = 20) -> Iterable[str]:
    """Delivery ids; every ``odd``-th is to be filtered, and every ``odd``-th lets a filter fail (0: none)."""
    for n in range(count):
        kind = {1: "-filtered", 2: "-faulty"}.get(n % odd, "") if odd else ""
        yield f"{prefix}-{n}{kind}"


def _word(text: bytes) -> str:
    try:
        return str(json.loads(text).get("status", ""))
    except (ValueError, AttributeError):
        return ""
