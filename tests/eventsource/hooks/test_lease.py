from __future__ import annotations

from pathlib import Path

from eventsource.hooks.lease import FileLease


def test_one_of_two_has_it_until_it_lets_go(tmp_path: Path) -> None:
    one, other = FileLease(tmp_path / "hooks"), FileLease(tmp_path / "hooks")
    assert (one.held, other.held, one.held) == (True, False, True)
    one.close()
    assert (other.held, one.held) == (True, False)
    other.close()


def test_a_folder_that_cannot_be_made_gives_it_to_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not FileLease(tmp_path / "file" / "hooks").held
