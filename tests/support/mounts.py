"""Secrets and ConfigMaps as the kubelet mounts them: links through ``..data``, swapped at once."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Mapping
from pathlib import Path

_VERSIONS = itertools.count(1)


def mount(root: Path, name: str, values: Mapping[str, bytes]) -> None:
    """Mount an object under ``root``, or change it as the kubelet does."""
    folder = root / name
    version = folder / f"..2026_01_01_{next(_VERSIONS)}"
    version.mkdir(parents=True)
    for key, value in values.items():
        (version / key).write_bytes(value)
    before = (folder / "..data").resolve() if (folder / "..data").exists() else None
    (folder / "..data_tmp").symlink_to(version.name)
    (folder / "..data_tmp").rename(folder / "..data")
    for key in values:
        if not (folder / key).is_symlink():
            (folder / key).symlink_to(Path("..data", key))
    for path in folder.iterdir():
        if path.is_symlink() and not path.exists():
            path.unlink()
    if before is not None:
        shutil.rmtree(before)
