"""Group commit: what is answered is on disk, and no failure leaves anybody waiting."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from events.errors import PointsmanError, SpecError, Unavailable
from events.groupcommit import GroupCommit, connect, insert, read

SCHEMA = "CREATE TABLE IF NOT EXISTS word (text TEXT PRIMARY KEY)"


def apply(connection: sqlite3.Connection, words: list[str]) -> list[str | PointsmanError]:
    if "bug" in words:
        raise TypeError("a bug")
    insert(connection, "INSERT INTO word", [(word,) for word in words])
    return [SpecError("not this one") if word == "bad" else word.upper() for word in words]


async def test_many_writers_are_answered_and_what_they_wrote_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "words.db"
    async with GroupCommit(path, SCHEMA, apply) as commits:
        answers = await asyncio.gather(*(commits.submit(f"w{n:04}") for n in range(2000)))
    assert answers == [f"W{n:04}" for n in range(2000)]
    assert [row["text"] for row in read(path, "SELECT text FROM word ORDER BY text")] == [
        f"w{n:04}" for n in range(2000)
    ]


async def test_an_error_belongs_to_its_item_alone(tmp_path: Path) -> None:
    async with GroupCommit(tmp_path / "words.db", SCHEMA, apply) as commits:
        good, bad = await asyncio.gather(commits.submit("good"), commits.submit("bad"), return_exceptions=True)
    assert good == "GOOD"
    assert isinstance(bad, SpecError)


@pytest.mark.parametrize(("word", "kind"), [("once", Unavailable), ("bug", PointsmanError)])
async def test_a_failed_group_is_told_and_the_next_one_works(
    word: str, kind: type[PointsmanError], tmp_path: Path
) -> None:
    async with GroupCommit(tmp_path / "words.db", SCHEMA, apply) as commits:
        await commits.submit("once")
        with pytest.raises(kind, match=r"words\.db cannot be written"):
            await commits.submit(word)
        assert await commits.submit("next") == "NEXT"


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "words.db"
    path.write_text("something else " * 1000)
    with pytest.raises(Unavailable, match=r"words\.db cannot be opened: file is not a database"):
        connect(path)
    with pytest.raises(Unavailable, match=r"words\.db cannot be read: file is not a database"):
        list(read(path, "SELECT 1 FROM word"))


def test_what_has_not_been_made_yet_is_empty(tmp_path: Path) -> None:
    assert list(read(tmp_path / "none.db", "SELECT 1 FROM word")) == []
