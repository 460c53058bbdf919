"""The floor, first process: HTTP → signature → JetStream and nothing else. What a bare program with the same libraries can do.

Environment: PORT, NATS_URL, SECRET. It answers 200 after the bus has acknowledged the write.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import os

import nats
import orjson
import uvloop
from aiohttp import web

SECRET = os.environ["SECRET"].encode()
SUBJECT = "default.floor.push"


async def main() -> None:
    connection = await nats.connect(os.environ["NATS_URL"])
    stream = connection.jetstream(publish_async_max_pending=10_000)
    await stream.add_stream(name="default", subjects=["default.*.*"])

    async def push(request: web.Request) -> web.Response:
        body = await request.read()
        expected = "sha256=" + hmac.new(SECRET, body, "sha256").hexdigest()
        if not hmac.compare_digest(expected, request.headers.get("X-Hub-Signature-256", "")):
            return web.Response(status=401)
        delivery = request.headers["X-GitHub-Delivery"]
        headers = orjson.dumps({str(name): [value] for name, value in request.headers.items()})
        data = base64.b64encode(b'{"headers":' + headers + b',"body":' + body + b"}")
        context = {"specversion": "1.0", "id": delivery, "source": "floor", "type": "github", "subject": "push"}
        event = orjson.dumps(context)[:-1] + b',"data_base64":"' + data + b'"}'
        await (await stream.publish_async(SUBJECT, event, headers={"Nats-Msg-Id": delivery}))
        return web.Response(text="success")

    app = web.Application(client_max_size=1 << 20)
    app.router.add_post("/push", push)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(os.environ["PORT"])).start()
    print("Ready", flush=True)
    await asyncio.Event().wait()


uvloop.run(main())
