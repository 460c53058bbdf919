"""A forge that sends signed pushes at a steady pace, while a test changes what receives them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import secrets
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp

BODY = json.dumps(
    {
        "ref": "refs/heads/main",
        "after": "0" * 40,
        "deleted": False,
        "repository": {"clone_url": "https://git.example.com/acme/rocket.git"},
    }
).encode()


def signature(secret: str, body: bytes = BODY) -> str:
    """As GitHub signs."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@dataclass
class Traffic:
    """``async with Traffic(url, secret):`` posts ``rate`` pushes a second, each on a connection of its own unless ``alive``.

    ``patient``: a delivery that is not taken is sent again until it is. ``secret`` may be changed meanwhile.
    """

    url: str
    secret: str
    rate: float = 10
    patient: bool = False
    alive: bool = False
    taken: set[str] = field(default_factory=set)
    """Ids of the deliveries that were answered 2xx."""
    failures: list[str] = field(default_factory=list)
    """What became of the attempts that were not."""
    prefix: str = field(default_factory=lambda: secrets.token_hex(3))

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(force_close=not self.alive, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=10))
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        self._sending = self._group.create_task(self._send())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sending.cancel()
        try:
            await self._group.__aexit__(kind, error, trace)
        finally:
            await self._session.close()

    async def flows(self, count: int = 10, seconds: float = 60) -> None:
        """Wait until so many more deliveries were taken."""
        goal = len(self.taken) + count
        async with asyncio.timeout(seconds):
            while len(self.taken) < goal:
                await asyncio.sleep(0.05)

    async def _send(self) -> None:
        begin = time.monotonic()
        for number in itertools.count():
            await asyncio.sleep(max(0.0, begin + number / self.rate - time.monotonic()))
            self._group.create_task(self._deliver(f"{self.prefix}-{number}"))

    async def _deliver(self, delivery_id: str) -> None:
        while not await self._attempt(delivery_id) and self.patient:
            await asyncio.sleep(0.5)

    async def _attempt(self, delivery_id: str) -> bool:
        headers = {
            "Content-Type": "application/json",
            "X-GitHub-Event": "push",
            "X-GitHub-Delivery": delivery_id,
            "X-Hub-Signature-256": signature(self.secret),
        }
        begin = time.monotonic()
        try:
            async with self._session.post(self.url, data=BODY, headers=headers) as answer:
                text = await answer.text()
                problem = "" if answer.ok else f"{answer.status} {text}"
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            problem = repr(error)
        if not problem:
            self.taken.add(delivery_id)
            return True
        self.failures.append(f"{delivery_id} after {time.monotonic() - begin:.1f} s: {problem}")
        return False
