"""The floor, second process: JetStream → two filters → HTTP and nothing else.

Environment: NATS_URL, SINK (a URL). 32 requests at a time, each message acknowledged after its request was answered.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
from typing import Any

import aiohttp
import nats
import orjson
import uvloop

PATTERN = re.compile("^refs/heads/main$")
SUBJECT = "default.floor.push"


async def main() -> None:
    connection = await nats.connect(os.environ["NATS_URL"])
    consumer = await connection.jetstream().pull_subscribe(SUBJECT, durable="floor")
    queue: asyncio.Queue[Any] = asyncio.Queue(2000)

    async def worker(session: aiohttp.ClientSession) -> None:
        while True:
            message = await queue.get()
            data = orjson.loads(base64.b64decode(orjson.loads(message.data)["data_base64"]))
            body = data["body"]
            if PATTERN.search(body["ref"]) and body["deleted"] is False:
                payload = {
                    "repository": body["repository"]["clone_url"],
                    "revision": body["after"],
                    "delivery": data["headers"]["X-GitHub-Delivery"][0],
                }
                headers = {"Content-Type": "application/json"}
                async with session.post(os.environ["SINK"], data=orjson.dumps(payload), headers=headers) as response:
                    await response.read()
            await message.ack()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:
        workers = [asyncio.create_task(worker(session)) for _ in range(32)]
        print("Ready", flush=True)
        while workers:
            try:
                for message in await consumer.fetch(200, timeout=1):
                    await queue.put(message)
            except TimeoutError:
                pass


uvloop.run(main())
