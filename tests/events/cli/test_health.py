from __future__ import annotations

import aiohttp
import pytest

from events.cli.health import Status, listen_on, open_health


class Pod:
    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.facts = Status()

    def unready(self) -> list[str]:
        return self.reasons

    def hanging(self) -> list[str]:
        return []

    def status(self) -> Status:
        return self.facts


async def ask(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


async def test_readyz_says_why_not_and_what_else_is_wrong() -> None:
    pod = Pod()
    async with open_health(pod, 0, "127.0.0.1") as port:
        assert await ask(port, "/readyz") == (200, "ok\n")
        pod.facts = Status(troubles=["an event is left out", "the end is near"])
        assert await ask(port, "/readyz") == (
            200,
            "ok\nwarning: an event is left out\nwarning: the end is near\n",
        )
        pod.reasons = ["the end is near"]
        assert await ask(port, "/readyz") == (503, "the end is near\nwarning: an event is left out\n")
        assert await ask(port, "/livez") == (200, "ok\n")


async def test_status_is_json_for_the_controller() -> None:
    pod = Pod()
    async with open_health(pod, 0, "127.0.0.1") as port:
        assert (await ask(port, "/status"))[1] == (
            '{"lastEvent":null,"lastSubmission":null,"lastError":null,"hooks":[],"troubles":[]}'
        )
        pod.facts = Status(last_event=1_700_000_000.25, last_error="no")
        assert (
            '"lastEvent":"2023-11-14T22:13:20.250+00:00","lastSubmission":null,"lastError":"no"'
            in (await ask(port, "/status"))[1]
        )


async def test_metrics_are_those_of_the_process() -> None:
    async with open_health(Pod(), 0, "127.0.0.1") as port:
        assert "pointsman_build_info{" in (await ask(port, "/metrics"))[1]


@pytest.mark.parametrize("host", ["", "127.0.0.1", "::1"])
def test_two_processes_may_listen_on_one_port_so_that_one_can_take_over(host: str) -> None:
    with listen_on(host, 0) as one, listen_on(host, one.getsockname()[1]) as other:
        assert one.getsockname()[1] == other.getsockname()[1]
