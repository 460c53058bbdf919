"""Who posts is told what the bindings did, as soon as the bus lets us hear it."""

from __future__ import annotations

from typing import Any

import pytest

from events.errors import PointsmanError, Refused, Unavailable
from eventsource.endpoint import results
from eventsource.endpoint.results import ResultsDesk
from tests.support.waiting import until


class Bus:
    """A bus that fails at first; ``listening`` says whether somebody listens."""

    def __init__(self, *failures: PointsmanError) -> None:
        self.failures = list(failures)
        self.listening = False

    async def state(self, bucket: str, *, max_age: float) -> object:
        if self.failures:
            raise self.failures.pop(0)
        return object()

    async def listen(self, topic: str, handler: Any) -> None:
        self.listening = True


async def test_a_bus_that_is_away_and_then_refuses_us_for_a_while_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(results, "_RETRY_SECONDS", 0.001)
    bus = Bus(Unavailable("away"), Refused("not yet"), Unavailable("away"))
    async with ResultsDesk.opened(bus, 0):  # type: ignore[arg-type]
        await until(lambda: bus.listening)
