"""What became of an event is not forgotten for an earlier word, in whatever order the words are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventbus.ledger import Entry, open_ledger, read_outcomes


def entry(outcome: str, sequence: int) -> Entry:
    return Entry("e", "ns/s", "t", "d", outcome, sequence=sequence)


async def outcome_of(folder: Path, *entries: Entry) -> tuple[str, int]:
    async with open_ledger(folder) as ledger:
        for one in entries:
            await ledger.record([], [one])
    [row] = read_outcomes(folder)
    return row["outcome"], row["sequence"]


@pytest.mark.parametrize("later", ["submitted", "refused", "replaced", "reset", "pending"])
async def test_waiting_never_replaces_what_came_of_it(tmp_path: Path, later: str) -> None:
    orders = [
        (entry("waiting", 7), entry(later, 0)),
        (entry(later, 0), entry("waiting", 7)),
        (entry("waiting", 7), entry(later, 0), entry("waiting", 7)),
    ]
    for number, order in enumerate(orders):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert await outcome_of(folder, *order) == (later, 7)


async def test_an_event_that_was_replaced_waits_anew_when_it_is_published_anew(tmp_path: Path) -> None:
    assert await outcome_of(tmp_path, entry("waiting", 7), entry("replaced", 0), entry("waiting", 9)) == ("waiting", 9)
