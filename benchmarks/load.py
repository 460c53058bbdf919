"""The load: a process that sends signed pushes over kept connections, each the next one when it has its answer.

It is told what to do in one JSON line on its standard input, and tells what it saw in one JSON line. The request is rendered before; only the
delivery id differs, and it carries the moment of sending (nanoseconds since 1970), so that whoever sees the id at the other end knows the
latency.
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
import uvloop
from payload import PATH, request_parts

__all__ = ["Answers", "Order", "ordered", "send", "sent_at"]


@dataclass
class Order:
    """Send ``events`` pushes to this port over so many connections; ``name`` makes the delivery ids unique.

    ``rate``: so many each second, evenly (0: each connection as soon as it can). Their times count from the moment when they are due.
    """

    port: int
    events: int
    connections: int
    name: str
    path: str = PATH
    rate: float = 0.0


@dataclass
class Answers:
    """What came back: times of the answers in seconds each, refusals, first and last moment (nanoseconds since 1970), CPU seconds."""

    seconds: list[float] = field(default_factory=list)
    refused: int = 0
    began: int = 0
    ended: int = 0
    cpu: float = 0.0


def sent_at(delivery_id: str) -> int:
    """The moment of sending that a delivery id carries."""
    return int(delivery_id.rpartition("-")[2])


class _Sender(asyncio.Protocol):
    """One connection."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._answer = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        number = self._run.next()
        if number is None:
            self._transport.close()
            return
        self._sent = self._run.due(number)
        wait = self._sent - time.perf_counter()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self._write, number)
        else:
            self._write(number)

    def _write(self, number: int) -> None:
        self._transport.write(self._run.request(number))

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, body = self._answer.partition(b"\r\n\r\n")
        if not end or len(body) < _content_length(head):
            return
        self._run.answered(time.perf_counter() - self._sent, head.startswith(b"HTTP/1.1 2"))
        self._answer = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        self._run.closed(self)


class _Run:
    """One order."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.answers = Answers()
        self.done = asyncio.get_running_loop().create_future()
        self._before, self._after = request_parts(f"127.0.0.1:{order.port}", order.path)
        self._numbers = iter(range(order.events))
        self._open = order.connections
        self._start = time.perf_counter()

    def due(self, number: int) -> float:
        """When this one is to be sent, by the clock of ``perf_counter``."""
        rate = self.order.rate
        return self._start + number / rate if rate else time.perf_counter()

    def next(self) -> int | None:
        return next(self._numbers, None)

    def request(self, number: int) -> bytes:
        identifier = f"{self.order.name}-{number}-{time.time_ns()}".encode()
        return b"".join((self._before, identifier, self._after))

    def answered(self, seconds: float, good: bool) -> None:
        self.answers.seconds.append(seconds)
        self.answers.refused += not good

    def closed(self, sender: _Sender) -> None:
        self._open -= 1
        if not self._open and not self.done.done():
            self.done.set_result(None)


def _content_length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0] or 0)


async def send(order: Order) -> Answers:
    """Carry out an order."""
    run = _Run(order)
    loop = asyncio.get_running_loop()
    cpu = time.process_time()
    run.answers.began = time.time_ns()
    await asyncio.gather(
        *(loop.create_connection(lambda: _Sender(run), "127.0.0.1", order.port) for _ in range(order.connections))
    )
    await run.done
    run.answers.ended = time.time_ns()
    run.answers.cpu = time.process_time() - cpu
    return run.answers


async def ordered(order: Order) -> Answers:
    """Have an order carried out by a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        told, _ = await process.communicate(orjson.dumps(order) + b"\n")
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise RuntimeError("the load generator failed")
    return Answers(**orjson.loads(told))


if __name__ == "__main__":
    order = Order(**orjson.loads(sys.stdin.buffer.readline()))
    sys.stdout.buffer.write(orjson.dumps(asdict(uvloop.run(send(order)))) + b"\n")
