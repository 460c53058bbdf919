"""What the options of ``up`` make of the manifests."""

from __future__ import annotations

from pathlib import Path

import pytest

from events.cli.options import UpOptions, signature


@pytest.mark.parametrize(
    ("file", "recursive", "counts"),
    [
        ("sensor.yaml", False, True),
        ("more.yml", False, True),
        ("more.json", False, True),
        ("below/sensor.yaml", False, False),
        ("below/sensor.yaml", True, True),
        ("up.log", False, False),  # `pointsman up . --watch 2> up.log`
        (".pointsman/ledger.db-journal", False, False),
        (".pointsman/ledger.db-journal", True, False),
        ("../token", False, True),  # named by --secret
    ],
)
def test_an_edit_is_one_of_a_file_that_is_read(tmp_path: Path, file: str, recursive: bool, counts: bool) -> None:
    folder = tmp_path / "manifests"
    edited = folder / file
    edited.parent.mkdir(parents=True, exist_ok=True)
    (folder / "bus.yaml").write_text("")
    options = UpOptions((str(folder),), recursive=recursive, secrets={"hook/token": tmp_path / "token"})

    before = signature(options)
    assert signature(options) == before
    edited.write_text("edited")

    assert (signature(options) != before) == counts
