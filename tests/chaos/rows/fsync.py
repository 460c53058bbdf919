"""Every 2xx (stored on the bus, or spooled) has its write and its fsync before its answer, shown by a trace of system calls, not by us. And the negative control:
with ``--sync default`` the very same check must fail, or it would prove nothing.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.bench import Run, bench
from tests.chaos.generator import names
from tests.chaos.report import Report, bound
from tests.chaos.system import signal_to, until

CALLS = "write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,sendto,sendmsg"


@dataclass(frozen=True)
class Size:
    answers: int


TIERS = {"short": Size(200), "nightly": Size(10_000)}


@dataclass(frozen=True)
class Call:
    """One system call: its name, the file that it was for, what it wrote, when it began and ended (seconds)."""

    name: str
    file: str
    text: str
    begun: float
    ended: float

    @property
    def syncs(self) -> bool:
        return self.name in ("fsync", "fdatasync")

    @property
    def to_disk(self) -> bool:
        return self.file.startswith("/") and not self.file.startswith("/dev/")


@dataclass(frozen=True)
class Proof:
    """Answers of the source, and how many of them had their event synced before they left."""

    answers: int
    synced: int


async def run(size: Size, run: Run) -> Report:
    report = run.report()
    if shutil.which("strace") is None:
        report.skipped = "strace is not installed"
        return report
    always = await _traced(size, run, "always")
    control = await _traced(size, run, "default")
    report.figures |= {
        "answers_with_2xx": always.answers,
        "synced_before_the_answer": always.synced,
        "unsynced_rate": bound(always.answers - always.synced, always.answers),
        "negative_control": f"{control.synced} of {control.answers} with --sync default",
    }
    report.expect(always.answers == size.answers, f"{always.answers} of {size.answers} answers seen")
    report.expect(always.synced == always.answers, f"{always.answers - always.synced} answers left before the sync")
    report.expect(control.answers == size.answers, f"{control.answers} of {size.answers} answers seen in the control")
    report.expect(control.synced < control.answers / 2, "the negative control passes: this check proves nothing")
    return report


async def _traced(size: Size, run: Run, sync: str) -> Proof:
    part = Run(run.row, run.folder / sync, run.seed, run.plants)
    trace = part.folder / "trace"
    spooled = size.answers // 4 if sync == "always" else 0
    async with bench(part, "--sync", sync) as b:
        bus = b.up.child("bus")
        async with strace([bus, b.up.child("source")], trace):
            await b.generator.stream(names("stored", size.answers - spooled, odd=0), run.rate or 100.0, run.rng)
            if spooled:
                signal_to(bus, signal.SIGSTOP)
                await b.generator.stream(names("spooled", spooled, odd=0), run.rate or 100.0, run.rng)
                signal_to(bus, signal.SIGCONT)
        return prove(read(trace.read_text(errors="replace").splitlines()))


@asynccontextmanager
async def strace(pids: Iterable[int], output: Path) -> AsyncIterator[None]:
    """Trace these processes of ours, with all their threads."""
    attach = [word for pid in pids for word in ("-p", str(pid))]
    command = ["strace", "-f", "-q", "-y", "-ttt", "-T", "-s", "1000000", "-e", f"trace={CALLS}", "-o", str(output)]
    tracer = subprocess.Popen([*command, *attach], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        await until(lambda: output.exists() and tracer.poll() is None, 10, "strace runs")
        await asyncio.sleep(0.5)  # it attaches to one thread after the other
        yield
        await asyncio.sleep(0.5)
    finally:
        tracer.send_signal(signal.SIGINT)  # it lets go of them
        tracer.wait(30)


_LINE = re.compile(r"(?P<pid>\d+) +(?P<time>[\d.]+) (?P<rest>.*)")
_BEGIN = re.compile(r"(?P<name>\w+)\(\d+<(?P<file>[^>]*)>(?P<text>.*)")
_TOOK = re.compile(r"<(?P<seconds>[\d.]+)>$")


def read(lines: Iterable[str]) -> Iterator[Call]:
    """The calls of a trace (``strace -f -y -ttt -T``), also those that another thread interrupted."""
    open_: dict[str, tuple[str, str, str, float]] = {}
    for line in lines:
        if not (found := _LINE.match(line)):
            continue
        pid, time, rest = found["pid"], float(found["time"]), found["rest"]
        if rest.startswith("<... "):
            if pid in open_:
                name, file, text, begun = open_.pop(pid)
                yield Call(name, file, text, begun, time)
        elif begin := _BEGIN.match(rest):
            if rest.endswith("<unfinished ...>"):
                open_[pid] = (begin["name"], begin["file"], begin["text"], time)
            elif took := _TOOK.search(rest):
                yield Call(begin["name"], begin["file"], begin["text"], time, time + float(took["seconds"]))


_ANSWER = re.compile(r'HTTP/1\.1 20\d.*?\\"id\\":\\"(?P<id>[0-9a-f]{32})\\"')


def prove(calls: Iterable[Call]) -> Proof:
    """For each answer 2xx: was its event written to a file, and that file synced after the write, both before the answer began?"""
    calls = list(calls)
    syncs: dict[str, list[Call]] = {}
    writes: dict[str, list[Call]] = {}
    answers: dict[str, float] = {}
    for call in calls:
        if call.syncs:
            syncs.setdefault(call.file, []).append(call)
        elif not call.to_disk and (answer := _ANSWER.search(call.text)):
            answers.setdefault(answer["id"], call.begun)
    for call in calls:
        if call.to_disk and not call.syncs:
            for identity in set(re.findall(r"[0-9a-f]{32}", call.text)) & answers.keys():
                writes.setdefault(identity, []).append(call)
    synced = sum(
        any(w.ended <= s.begun and s.ended <= left for w in writes.get(identity, []) for s in syncs.get(w.file, []))
        for identity, left in answers.items()
    )
    return Proof(len(answers), synced)
