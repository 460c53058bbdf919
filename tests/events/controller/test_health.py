from __future__ import annotations

import aiohttp
import pytest

from events.controller import health
from events.errors import InUse


async def test_readiness_says_why_not_and_metrics_have_a_port_of_their_own() -> None:
    reason = ["not listed yet: Sensor"]
    async with health.serve(0, 0, lambda: reason[0], host="127.0.0.1") as ports, aiohttp.ClientSession() as session:

        async def ask(port: int, path: str) -> tuple[int, str]:
            async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                return answer.status, await answer.text()

        assert await ask(ports[0], "/readyz") == (503, "not listed yet: Sensor\n")
        reason[0] = ""
        assert await ask(ports[0], "/readyz") == (200, "ok\n")
        assert [(await ask(ports[0], path))[0] for path in ("/livez", "/healthz")] == [200, 200]
        assert "pointsman_controller_leading" in (await ask(ports[1], "/metrics"))[1]
        with pytest.raises(InUse):
            async with health.serve(ports[0], 0, lambda: "", host="127.0.0.1"):
                pass


async def test_without_a_host_it_listens_on_all_addresses() -> None:
    async with (
        health.serve(0, 0, lambda: "", host="") as (port, _),
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/livez") as answer,
    ):
        assert answer.status == 200
