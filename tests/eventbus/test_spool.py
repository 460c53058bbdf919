"""What a spool has confirmed is read back in order, whatever became of the process or the disk meanwhile."""

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from eventbus.disk import Disk, measure, percentile
from eventbus.metrics import SpoolMetrics
from eventbus.records import Record, encode
from eventbus.spool import Spool, SpoolFailed, SpoolFull


class FaultyDisk(Disk):
    """Notes what it is asked, and fails as it is told: ``fail`` gets the call's name."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fail: Callable[[str], bool] = lambda call: False

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.fail(name):
            raise OSError(errno.EIO, f"{name} fails")

    def create(self, path: Path) -> int:
        self._call("create")
        return super().create(path)

    def write(self, descriptor: int, data: bytes) -> None:
        if self.fail("torn"):
            os.write(descriptor, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "no space left")
        self._call("write")
        super().write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        self._call("sync")
        super().sync(descriptor)

    def sync_folder(self, folder: Path) -> None:
        self._call("sync_folder")
        super().sync_folder(folder)


def record(number: int, size: int = 10) -> Record:
    return Record(1_000_000_000 + number, "default.es.push", {"Nats-Msg-Id": f"id-{number}"}, b"x" * size)


async def fill(spool: Spool, numbers: range, size: int = 10) -> None:
    await asyncio.gather(*(spool.append(record(n, size)) for n in numbers))


async def take(spool: Spool, most: int = 7, *, total: int = 1_000_000) -> list[int]:
    """Forward everything, or at least ``total`` records; their numbers."""
    found: list[int] = []
    while len(found) < total and (batch := await spool.read(most)) is not None:
        found += [one.accepted - 1_000_000_000 for one in batch.records]
        await spool.done(batch, len(batch.records))
    return found


def files(root: Path, pattern: str = "*/*.spool") -> list[Path]:
    return sorted(root.glob(pattern))


def crashed(spool: Spool) -> None:
    """As if its process had been killed: its locks are free, its files as they are."""
    for descriptor in spool._folders._held.values():
        os.close(descriptor)
    spool._folders._held.clear()


async def test_records_are_read_in_the_order_of_their_appends(tmp_path: Path) -> None:
    async with Spool(tmp_path / "s") as spool:
        await fill(spool, range(100))
        await fill(spool, range(100, 200))
        assert (spool.records, spool.is_empty) == (200, False)
        assert await take(spool) == list(range(200))
        assert (spool.records, spool.bytes, spool.is_empty) == (0, 0, True)
        assert not files(tmp_path, "s/*/*"), "nothing lies around when nothing waits"
    assert not files(tmp_path, "s/*")


async def test_an_append_is_confirmed_after_its_sync_and_many_share_one(tmp_path: Path) -> None:
    disk = FaultyDisk()
    async with Spool(tmp_path / "s", disk=disk) as spool:
        await spool.append(record(0))
        assert disk.calls[-4:] == ["create", "sync_folder", "write", "sync"]
        disk.calls.clear()
        await fill(spool, range(1, 500))
        assert disk.calls.count("sync") < 10


async def test_segments_are_ended_at_their_size_and_removed_when_they_are_done(tmp_path: Path) -> None:
    disk = FaultyDisk()
    async with Spool(tmp_path / "s", limit=40_000, disk=disk) as spool:
        for start in range(0, 30, 3):
            await fill(spool, range(start, start + 3), size=1000)
        assert len(files(tmp_path / "s")) >= 3
        assert await take(spool, 2, total=24) == list(range(24))
        assert len(files(tmp_path / "s")) == 1
        before = disk.calls.count("sync_folder")
        assert await take(spool) == list(range(24, 30))
        assert disk.calls.count("sync_folder") > before, "a removal is synced, too"


async def test_a_full_spool_refuses_and_takes_again_when_there_is_room(tmp_path: Path) -> None:
    async with Spool(tmp_path / "s", limit=10_000) as spool:
        await fill(spool, range(5), size=1800)
        assert spool.is_full
        with pytest.raises(SpoolFull) as refused:
            spool.append(record(9, 1800))
        assert refused.value.retry_after
        assert spool.records == 5
        await take(spool)
        await spool.append(record(9, 1800))


@pytest.mark.parametrize("call", ["write", "sync", "torn"])
async def test_after_an_error_the_segment_is_never_written_again(tmp_path: Path, call: str) -> None:
    disk = FaultyDisk()
    async with Spool(tmp_path / "s", disk=disk) as spool:
        await fill(spool, range(3))
        first = files(tmp_path / "s")[0]
        size = first.stat().st_size
        times = iter([True])
        disk.fail = lambda name: name == call and next(times, False)
        await fill(spool, range(3, 6))  # in a new segment, without the sender's knowing
        assert len(files(tmp_path / "s")) == 2
        assert first.stat().st_size == size
        assert not spool.problem
        assert await take(spool) == list(range(6))


@pytest.mark.parametrize("call", ["write", "sync", "create", "sync_folder", "torn"])
async def test_a_disk_that_stays_broken_is_an_error_and_a_repaired_one_is_found(tmp_path: Path, call: str) -> None:
    disk = FaultyDisk()
    async with Spool(tmp_path / "s", disk=disk) as spool:
        await fill(spool, range(3))
        disk.fail = lambda name: name in (call, "sync")
        with pytest.raises(SpoolFailed):
            await spool.append(record(3))
        assert (spool.records, spool.failed) == (3, 1)
        assert "spool cannot be written" in spool.problem
        disk.fail = lambda name: False
        await spool.check()
        assert not spool.problem
        await spool.append(record(4))
        assert await take(spool) == [0, 1, 2, 4]
        assert spool.is_empty


async def test_a_disk_that_took_not_even_the_folder_is_found_repaired(tmp_path: Path) -> None:
    (tmp_path / "spool").touch()
    async with Spool(tmp_path / "spool" / "default") as spool:
        with pytest.raises(SpoolFailed):
            await spool.append(record(0))
        (tmp_path / "spool").unlink()
        await spool.check()
        assert not spool.problem


async def test_a_full_disk_that_takes_an_empty_file_is_not_repaired(tmp_path: Path) -> None:
    disk = FaultyDisk()
    async with Spool(tmp_path / "s", disk=disk) as spool:
        disk.fail = lambda name: name == "write"
        with pytest.raises(SpoolFailed):
            await spool.append(record(0))
        with pytest.raises(SpoolFailed):
            await spool.check()
        assert spool.problem
        disk.fail = lambda name: False
        await spool.check()
        assert not spool.problem
        assert not list((tmp_path / "s").glob("disk-probe-*"))


async def test_a_disk_that_stays_full_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk = FaultyDisk()
    async with Spool(tmp_path / "s", disk=disk) as spool:
        for _ in range(2):
            disk.fail = lambda name: True
            for number in range(3):
                with pytest.raises(SpoolFailed):
                    await spool.append(record(number))
            disk.fail = lambda name: False
            await spool.check()
        told = [r for r in caplog.records if r.levelname == "ERROR" and "spool cannot be written" in r.getMessage()]
        assert len(told) == 2


async def test_another_process_goes_on_where_one_was_killed(tmp_path: Path) -> None:
    async with Spool(tmp_path / "s") as spool:
        await fill(spool, range(50))
        assert await take(spool, total=14) == list(range(14))
        crashed(spool)
        async with Spool(tmp_path / "s") as second:
            assert second.records == 36
            await second.append(record(50))
            assert await take(second) == list(range(14, 51))
        assert not files(tmp_path, "s/*")


async def test_two_processes_at_once_do_not_touch_each_other_s_records(tmp_path: Path) -> None:
    async with Spool(tmp_path / "s") as new:
        async with Spool(tmp_path / "s") as old:
            await fill(old, range(5))
            await new.append(record(5))
            await new.adopt()
            assert (old.records, new.records) == (5, 1)
        await new.adopt()  # the old one has ended
        assert await take(new) == list(range(6))


@pytest.mark.parametrize("left", [b"", b"\0" * 7, encode(record(0))[:-1]])
async def test_a_process_that_was_killed_before_its_first_record_was_whole_keeps_no_other_from_starting(
    tmp_path: Path, left: bytes
) -> None:
    folder = tmp_path / "s" / "00000000000000000001-1"
    folder.mkdir(parents=True)
    (folder / "00000000000000000002.spool").write_bytes(left)
    async with Spool(tmp_path / "s") as spool:
        assert spool.is_empty
        assert not folder.exists()
        await spool.append(record(0))
        assert await take(spool) == [0]


async def test_what_was_forwarded_to_its_end_and_not_removed_keeps_no_other_from_starting(tmp_path: Path) -> None:
    async with Spool(tmp_path / "s") as spool:
        await fill(spool, range(3))
    file = files(tmp_path / "s")[0]
    file.with_suffix(".position").write_bytes(file.stat().st_size.to_bytes(8, "little"))
    async with Spool(tmp_path / "s") as spool:
        assert spool.is_empty


async def test_what_cannot_be_read_now_is_read_later_and_holds_nothing_else_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        async with Spool(tmp_path / "s") as spool:
            await spool.append(record(number))
        spool.root.rename(tmp_path / f"s{number}")
    (tmp_path / "s").mkdir()
    async with Spool(tmp_path / "s") as spool:
        for number in range(2):
            [folder] = (tmp_path / f"s{number}").glob("*-*")
            folder.rename(tmp_path / "s" / f"0000000000000000000{number}-1")
        read, failing = Path.read_bytes, iter([True])

        def fails_once(path: Path) -> bytes:
            if path.suffix == ".spool" and next(failing, False):
                raise OSError(errno.EMFILE, "too many open files")
            return read(path)

        monkeypatch.setattr(Path, "read_bytes", fails_once)
        await spool.adopt()
        assert await take(spool) == [1]
        await spool.adopt()
        assert await take(spool) == [0]


async def test_a_disk_without_locks_is_an_error_and_no_endless_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr("fcntl.flock", flock)
    async with Spool(tmp_path / "s") as spool:
        with pytest.raises(SpoolFailed, match="no locks"):
            await spool.append(record(0))


async def test_a_torn_tail_is_cut_and_set_aside(tmp_path: Path) -> None:
    async with Spool(tmp_path / "s") as spool:
        await fill(spool, range(5))
    file = files(tmp_path / "s")[0]
    whole = file.read_bytes()
    file.write_bytes(whole[:-3])
    async with Spool(tmp_path / "s") as spool:
        kept = len(whole) - len(encode(record(4)))
        assert file.stat().st_size == kept
        assert [p.read_bytes() for p in files(tmp_path / "s", "damaged/*")] == [whole[kept:-3]]
        assert spool.damaged_bytes == len(encode(record(4))) - 3
        assert await take(spool) == list(range(4))


async def test_a_segment_that_is_damaged_while_it_waits_does_not_block_those_behind_it(tmp_path: Path) -> None:
    async with Spool(tmp_path / "s", limit=60_000) as spool:
        for start in range(0, 9, 3):
            await fill(spool, range(start, start + 3), size=5200)
        first, second, *_ = files(tmp_path / "s")
        data = bytearray(first.read_bytes())
        data[len(data) // 2] ^= 1  # in the second of three records
        first.write_bytes(data)
        second.unlink()
        assert await take(spool, 1) == [0, *range(6, 9)]
        assert spool.is_empty
        assert len(files(tmp_path / "s", "damaged/*")) == 1


async def test_a_position_that_is_none_means_the_beginning(tmp_path: Path) -> None:
    async with Spool(tmp_path / "s") as spool:
        await fill(spool, range(5))
        await take(spool, 2, total=2)
    files(tmp_path / "s", "*/*.position")[0].write_bytes((17).to_bytes(8, "little"))
    async with Spool(tmp_path / "s") as spool:
        assert await take(spool) == list(range(5))


async def test_a_record_larger_than_what_is_read_at_once_is_read(tmp_path: Path) -> None:
    async with Spool(tmp_path / "s") as spool:
        await spool.append(record(1, 5 << 20))
        await spool.append(record(2))
        assert await take(spool) == [1, 2]


async def test_the_age_is_that_of_the_first_record(tmp_path: Path) -> None:
    async with Spool(tmp_path / "s") as spool:
        assert spool.oldest == 0
        await fill(spool, range(2))
        assert spool.oldest > 1_000_000


async def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "s" / f"{1:020d}-1" / f"{1:020d}.spool").mkdir(parents=True)
    with pytest.raises(SpoolFailed, match="cannot be read"):
        async with Spool(tmp_path / "s"):
            pass


def test_the_time_of_a_sync_is_measured_without_a_trace(tmp_path: Path) -> None:
    assert len(measure(tmp_path / "a" / "b", count=5, limit=60)) == 5
    assert len(measure(tmp_path, count=5, limit=0)) == 1
    assert not list((tmp_path / "a" / "b").iterdir())


@pytest.mark.parametrize(("seconds", "level"), [(0.001, "INFO"), (0.021, "WARNING")])
async def test_a_slow_disk_is_told(
    seconds: float, level: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setattr("eventbus.metrics.measure", lambda folder: [0.001] * 49 + [seconds])
    caplog.set_level("INFO")
    await SpoolMetrics().measure(tmp_path)
    assert [record.levelname for record in caplog.records] == [level]


async def test_a_disk_that_cannot_be_written_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    metrics = SpoolMetrics()
    await metrics.measure(tmp_path / "file" / "folder")
    assert "nothing can be written" in caplog.text
    assert not metrics.syncs


def test_a_percentile_is_the_nearest_rank() -> None:
    assert percentile([5, 1, 4, 2, 3], 0.5) == 3
    assert percentile([5, 1, 4, 2, 3], 0.99) == 5
    assert percentile([7], 0.5) == 7
