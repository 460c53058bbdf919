"""What is said of a delivery that came again."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
import structlog

from eventbus.ledger import Entry, open_ledger
from eventbus.redelivered import Redelivered, advice
from eventbus.rounds import KeptRound, RoundState


@pytest.mark.parametrize(
    ("outcomes", "letters", "says"),
    [
        (["submitted"], [], ""),
        (["waiting", "pending"], [], ""),
        (["refused", "submitted"], ["k1", "k2"], "`pointsman retry k1 k2`"),
        (["refused"], [], "another delivery id"),
        (["filtered"], [], "another delivery id"),
        (["error"], [], "another delivery id"),
        ([], [], ""),
    ],
)
def test_the_hint_fits_what_it_was_settled_as(outcomes: list[str], letters: list[str], says: str) -> None:
    hint = advice(outcomes, letters)
    assert says in hint
    assert bool(says) == bool(hint)


async def test_the_line_names_what_each_trigger_did_and_the_letter_to_retry(tmp_path: Path) -> None:
    letter = KeptRound("k1", "ns/ci", "start", RoundState.DEAD, 0, "R", "no", "t", 1, 1, 0, 0, "e1", "d1", b"{}")
    async with open_ledger(tmp_path) as ledger:
        await ledger.record([], [Entry("e1", "ns/ci", "start", "push", "refused", "", "no")], kept=[letter])
        [line] = await told(Redelivered(tmp_path), "e1")
        assert (line["event_id"], line["settled"]) == ("e1", ["refused: ns/ci/start"])
        assert "pointsman retry k1" in line["hint"]
        [line] = await told(Redelivered(tmp_path), "unknown")
        assert line["settled"] == ["not yet"]


async def told(one: Redelivered, event_id: str) -> list[Any]:
    for _ in range(1000):
        one.tell(event_id, "d1")  # a storm: only some of it has lines
    with structlog.testing.capture_logs() as lines:
        running = asyncio.create_task(one.run())
        async with asyncio.timeout(60):
            while not lines:
                await asyncio.sleep(0.001)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    return lines[:1]
