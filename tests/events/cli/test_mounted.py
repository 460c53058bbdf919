from __future__ import annotations

from pathlib import Path

import pytest

from events.cli import mounted
from events.cli.mounted import Mounts
from events.errors import SpecError
from events.models.shared import ConfigMapKeySelector, SecretKeySelector
from tests.support.mounts import mount


@pytest.fixture
def mounts(tmp_path: Path) -> Mounts:
    mount(tmp_path / "secrets", "github", {"token": b"first\n", "other": b"x"})
    mount(tmp_path / "config", "settings", {"colour": b"red"})
    return Mounts({"secret": tmp_path / "secrets", "configmap": tmp_path / "config"}, "ns")


def test_each_key_of_each_mounted_object_is_read_and_nothing_of_the_kubelets_own(mounts: Mounts) -> None:
    assert {key for key, _ in mounts.vault.items()} == {
        ("secret", "ns", "github", "token"),
        ("secret", "ns", "github", "other"),
        ("configmap", "ns", "settings", "colour"),
    }
    assert mounts.vault.get("ns", SecretKeySelector(name="github", key="token")) == b"first"
    assert mounts.vault.get("ns", ConfigMapKeySelector(name="settings", key="colour")) == b"red"


async def test_a_swapped_object_is_taken_up_and_told_of(mounts: Mounts, tmp_path: Path) -> None:
    seen: list[bytes] = []

    async def changed() -> None:
        seen.append(mounts.vault.get("ns", SecretKeySelector(name="github", key="token")))

    mounts.listen(changed)
    await mounts.look()
    assert seen == []
    mount(tmp_path / "secrets", "github", {"token": b"other"})
    await mounts.look()
    await mounts.look()
    assert seen == [b"other"]
    assert ("secret", "ns", "github", "other") not in mounts.vault


async def test_a_plain_folder_of_files_is_followed_too(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "key").write_bytes(b"one")
    mounts = Mounts({"secret": tmp_path}, "ns")
    (tmp_path / "plain" / "key").write_bytes(b"three")
    await mounts.look()
    assert mounts.vault.get("ns", SecretKeySelector(name="plain", key="key")) == b"three"


async def test_a_listener_that_fails_does_not_end_the_following(
    mounts: Mounts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    monkeypatch.setattr(mounted, "LOOK_SECONDS", 0.01)

    async def fails() -> None:
        raise RuntimeError("a bug")

    mounts.listen(fails)
    following = asyncio.create_task(mounts.run())
    for value in (b"second", b"third"):
        mount(tmp_path / "secrets", "github", {"token": value})
        async with asyncio.timeout(30):
            while mounts.vault.get("ns", SecretKeySelector(name="github", key="token")) != value:
                await asyncio.sleep(0.01)
    following.cancel()


def test_what_is_missing_is_named_with_what_helps_in_a_cluster(mounts: Mounts) -> None:
    with pytest.raises(SpecError, match=r"Secret 'github' has no key 'nope'.*add it to the Secret"):
        mounts.vault.get("ns", SecretKeySelector(name="github", key="nope"))
