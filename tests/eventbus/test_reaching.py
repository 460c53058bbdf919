"""A name with several addresses is reached while some of them give no answer."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from eventbus import reaching


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """By address: what becomes of a connection."""
    known: dict[str, str] = {}

    async def resolve(host: str, port: int, **_: Any) -> list[Any]:
        families = {False: socket.AF_INET, True: socket.AF_INET6}
        return [(families[":" in one], socket.SOCK_STREAM, 6, "", (one, port)) for one in known for _ in range(2)]

    async def connect(host: str, port: int, **_: Any) -> tuple[str, int]:
        if known[host] == "hangs":
            await asyncio.sleep(60)
        if known[host] == "refuses":
            raise ConnectionRefusedError(host)
        return host, port

    monkeypatch.setattr(reaching, "_MOMENT", 0.01)
    monkeypatch.setattr(asyncio, "open_connection", connect)

    class Loop:
        getaddrinfo = staticmethod(resolve)

    monkeypatch.setattr(reaching.asyncio, "get_running_loop", Loop)  # type: ignore[attr-defined]
    return known


async def test_addresses_that_hang_or_refuse_are_passed_over(addresses: dict[str, str]) -> None:
    addresses |= {"10.0.0.1": "hangs", "10.0.0.2": "refuses", "10.0.0.3": "answers"}
    for _ in range(20):  # in whatever order
        assert await reaching.reach("bus", 4222, limit=1, seconds=1) == ("10.0.0.3", 4222)


async def test_the_addresses_share_the_connections_and_the_preferred_family_comes_first(
    addresses: dict[str, str],
) -> None:
    addresses |= {"fd00::1": "answers", "fd00::2": "answers", "10.0.0.1": "answers"}
    taken = {(await reaching.reach("bus", 4222, limit=1, seconds=1))[0] for _ in range(60)}
    assert taken == {"fd00::1", "fd00::2"}


async def test_when_none_answers_the_time_limit_holds(addresses: dict[str, str]) -> None:
    addresses |= {"10.0.0.1": "hangs", "10.0.0.2": "hangs"}
    with pytest.raises(TimeoutError):
        await reaching.reach("bus", 4222, limit=1, seconds=0.05)
    addresses |= {"10.0.0.1": "refuses", "10.0.0.2": "refuses"}
    with pytest.raises(ConnectionRefusedError):
        await reaching.reach("bus", 4222, limit=1, seconds=0.05)
