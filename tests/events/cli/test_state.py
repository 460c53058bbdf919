"""The state folder of ``up`` on a disk that is full."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from eventbus.embedded import EmbeddedNats
from events.cli.state import StateFolder
from events.errors import SpecError


@pytest.mark.parametrize("call", ["open", "ftruncate", "pwrite"])
def test_a_full_disk_is_told_with_the_folder_and_what_to_do(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = StateFolder(tmp_path)
    with folder.opened():
        pass

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(f"events.cli.state.os.{call}", full)
        with pytest.raises(SpecError) as told, folder.opened():
            pass
    hint = "(free some space, or choose another with --state)"
    assert str(told.value) == f"the state folder {tmp_path} cannot be written: No space left on device {hint}"
    with folder.opened():  # it was given back
        pass


async def test_a_full_disk_under_the_files_of_the_bus_is_told_with_the_file_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("eventbus.embedded.os.fsync", full)
    with pytest.raises(SpecError) as told:
        await EmbeddedNats(tmp_path / "bus", [("default", "default")]).__aenter__()
    hint = "(free some space, or choose another folder with --state)"
    assert str(told.value).startswith(str(tmp_path / "bus"))
    assert str(told.value).endswith(f" cannot be written: No space left on device {hint}")
