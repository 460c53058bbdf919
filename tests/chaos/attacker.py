"""A hostile client in a process of its own: ``python -m tests.chaos.attacker slow|uploads PORT COUNT SECONDS``.

``slow``: so many connections that send a byte every second: one half of their headers, the other of a body of which they announce 1 MiB. ``uploads``: so many bodies of 25 MB at once, with a signature
that is wrong. It prints how it went as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter

UPLOAD = 25 << 20
PART = b"x" * (64 << 10)

Results = Counter[str]


SLOW = (
    b"POST /push HTTP/1.1\r\nHost: x\r\nX-Slow: ",
    b"POST /push HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1048576\r\n\r\n",
)
"""What slow connections begin with."""


async def slow(port: int, seconds: float, results: Results, number: int) -> None:
    """One connection; when it is closed it comes again, as attackers do."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            results["refused"] += 1
            await asyncio.sleep(1.0)
            continue
        results["connected"] += 1
        try:
            writer.write(SLOW[number % 2])
            while loop.time() < end:
                writer.write(b"a")
                await writer.drain()
                try:
                    async with asyncio.timeout(1.0):
                        await reader.read(1024)
                    break
                except TimeoutError:
                    continue
            else:
                results["held"] += 1
        except OSError:
            pass
        finally:
            writer.close()
        if loop.time() < end:
            results["closed by the server"] += 1


async def upload(port: int, seconds: float, results: Results, number: int) -> None:
    """One large body, to the end or until there is an answer. Its size is not announced (chunks), so that it has to be read."""
    head = (
        "POST /push HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-GitHub-Event: push\r\n"
        f"X-Hub-Signature-256: sha256={'0' * 64}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"%x\r\n%s\r\n" % (len(PART), PART)
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head.encode())
            answer = asyncio.create_task(reader.readline())
            sent = 0
            while sent < UPLOAD and not answer.done():
                writer.write(chunk)
                sent += len(PART)
                await writer.drain()
            results[(await answer).decode("latin-1").partition(" ")[2][:3] or "closed"] += 1
            writer.close()
    except TimeoutError:
        results["no answer"] += 1
    except OSError:
        results["closed"] += 1


async def main(kind: str, port: int, count: int, seconds: float) -> None:
    results = Results()
    attack = {"slow": slow, "uploads": upload}[kind]
    await asyncio.gather(*(attack(port, seconds, results, number) for number in range(count)))
    print(json.dumps(results))


if __name__ == "__main__":
    os.nice(10)  # what is measured beside it must not wait for the attacker's own work
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
