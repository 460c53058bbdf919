"""What is remembered of hooks: it survives, it may be lost, and nonsense in its place is the same as nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from events.errors import Unavailable
from eventsource.hooks.lease import FileLease
from eventsource.hooks.memory import FileStore, Memory, Remembered
from eventsource.hooks.plan import Desired, Existing, Sealed, Target
from tests.support.forges.managed import URL, Store

SEVEN, NINE = Target("project", "7"), Target("project", "9")


def wish(secret: bytes | None = None, target: Target = SEVEN, url: str = URL) -> Desired:
    return Desired(target, url, frozenset(), {}, None if secret is None else Sealed(secret))


def hook(id: str = "1", target: Target = SEVEN) -> Existing:
    return Existing(target, id, URL, frozenset())


async def test_it_survives_in_a_file_that_holds_no_secret(tmp_path: Path) -> None:
    record = await Memory(FileStore(tmp_path)).load("ns.source")
    record.note("gitlab x", hook(), wish(b"hunter2"), 5.0, finish=True)
    await Memory(FileStore(tmp_path)).save("ns.source", record)
    again = await Memory(FileStore(tmp_path)).load("ns.source")

    assert again.hooks == record.hooks
    assert again.secrets("gitlab x") == {(SEVEN, "1"): wish(b"hunter2").fingerprint}
    assert b"hunter2" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"null",
        b"{}",
        b"[1]",
        b"[{}]",
        b'[{"target": 1}]',
        b'[{"target": ["a", "b"], "forge": "x", "id": "1"}]',
        b"[[]]",
    ],
)
def test_nonsense_is_nothing(data: bytes) -> None:
    assert Remembered.from_bytes(data).hooks == {}


async def test_while_the_store_is_away_a_process_remembers_its_own() -> None:
    class Away(Store):
        async def get(self, key: str) -> bytes | None:  # type: ignore[override]
            raise Unavailable("the bus is away")

        async def put(self, key: str, value: bytes) -> None:
            raise Unavailable("the bus is away")

    memory = Memory(Away())
    record = await memory.load("s")
    record.note("f", hook(), wish(b"s"), 1.0, finish=False)
    await memory.save("s", record)

    assert (await memory.load("s")).hooks == record.hooks


def test_a_secret_is_confirmed_when_all_hooks_have_it_and_since_the_last() -> None:
    record = Remembered()
    record.note("f", hook(), wish(b"new"), 1.0, finish=False)
    record.note("f", hook("2", NINE), wish(b"old", NINE), 2.0, finish=False)
    assert record.confirmed("f", URL, Sealed(b"new")) is None

    record.note("f", hook("2", NINE), wish(b"new", NINE), 3.0, finish=False)
    record.note("f", hook("2", NINE), wish(b"new", NINE), 4.0, finish=False)
    assert record.confirmed("f", URL, Sealed(b"new")) == 3.0


def test_what_was_made_to_go_is_left_over_when_it_is_not_wanted_any_more() -> None:
    record = Remembered()
    record.note("f", hook(), wish(), 1.0, finish=True)
    record.note("f", hook("2", NINE), wish(target=NINE), 1.0, finish=False)

    assert record.left_over({("f", SEVEN, URL)}) == []
    assert record.left_over(set()) == [("f", SEVEN, "1", URL)]


def test_of_two_processes_one_has_the_lock(tmp_path: Path) -> None:
    first, second = FileLease(tmp_path), FileLease(tmp_path)
    assert (first.held, second.held, first.held) == (True, False, True)
