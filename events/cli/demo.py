"""``pointsman demo``: the whole product at work, without a manifest, a cluster or a Git server of one's own.

It runs ``examples/01-github-push`` as ``up`` would, sends it a signed push, the same push again and a forged one, and tells
what became of each. What is told is read back from the ledger and the store; where it is not as promised, the demo fails.
"""

from __future__ import annotations

import asyncio
import shlex
import shutil
import socket
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any, TypeVar

import click

from eventbus import ledger
from events import bundled, logs, manifests
from events.cli import story
from events.cli.deliveries import Request, make_request, read_sample
from events.cli.ending import told_to_end
from events.cli.options import UpOptions
from events.cli.posting import Answer, Sender
from events.cli.printing import as_yaml
from events.cli.running import Up
from events.cli.up import running
from events.errors import InUse, PointsmanError
from events.kube.local import read_workflows
from events.models.base import parse
from events.models.sensor import Sensor

__all__ = ["command"]

EXAMPLE = "examples/01-github-push"
PORT = 12000
_DEADLINE = 20.0

T = TypeVar("T")


class DemoFailed(PointsmanError):
    """Something was not as the demo promises."""

    reason = "DemoFailed"


@click.command("demo", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--once", is_flag=True, help="Tell the story and end, instead of staying up for more.")
@click.option("--state", type=click.Path(path_type=Path), help="State folder to keep.  [default: a temporary one]")
@click.option("--port", type=click.IntRange(1, 65535), help=f"Port of the webhook.  [default: {PORT}, or a free one]")
def command(once: bool, state: Path | None, port: int | None) -> None:
    """See the whole product work: a signed push arrives, a Workflow is submitted.

    Nothing is needed but this program: the bus is embedded, Workflows go to a local store. With --once the exit code is 0
    when everything happened as told, and 1 when it did not.
    """
    logs.configure("error")
    try:
        with tempfile.TemporaryDirectory(prefix="pointsman-demo-", ignore_cleanup_errors=True) as scratch:
            code = asyncio.run(_demo(Path(scratch), state or Path(scratch) / "state", port, once))
    except PointsmanError as error:
        click.echo(f"error: {error}", err=True)
        code = 1
    sys.exit(code)


async def _demo(scratch: Path, folder: Path, port: int | None, once: bool) -> int:
    ended = told_to_end()
    click.echo(f"Starting {EXAMPLE} with an embedded bus.")
    async with _running_example(scratch / "manifests", folder, port) as (up, example):
        if port is None and example.port != PORT:
            click.echo(f"  Port {PORT} is in use by another program, so the webhook is on port {example.port}.")
        for title, what, where in up.plan.lines:
            click.echo(f"  {title}: {what}, {where}")
        telling = asyncio.create_task(_Demo(folder, example).tell())
        waiting = asyncio.create_task(ended.wait())
        await asyncio.wait((telling, waiting), return_when=asyncio.FIRST_COMPLETED)
        if not telling.done():
            telling.cancel()
            return 130
        telling.result()
        if not once:
            _say_more(example, folder)
            await waiting
            click.echo("Stopping.")
        waiting.cancel()
        return 0


@asynccontextmanager
async def _running_example(path: Path, folder: Path, port: int | None) -> AsyncIterator[tuple[Up, _Example]]:
    """The example on the port that was asked for; without one on 12000, or on any when that is taken. Raises InUse."""
    choices = [PORT, 0, 0] if port is None else [port]
    async with AsyncExitStack() as stack:
        while True:
            try:
                example = _Example(path, _free_port(choices.pop(0)))
                # What the manifests say wins over a variable that happens to be set.
                options = UpOptions((str(path),), state=folder, log_level="error", secrets=example.secrets)
                up = await stack.enter_async_context(running(options, quiet=True))
                break
            except InUse:
                if not choices:
                    raise
        yield up, example


class _Example:
    """The example's manifests, copied with the port that is really free, and what they say."""

    def __init__(self, path: Path, port: int) -> None:
        path.mkdir(exist_ok=True)
        for file in bundled.find(EXAMPLE).glob("*.yaml"):
            text = file.read_text(encoding="utf-8").replace(f'port: "{PORT}"', f'port: "{port}"')
            (path / file.name).write_text(text, encoding="utf-8")
        bundle = manifests.load([path])
        self.port = port
        self.url = f"http://127.0.0.1:{port}/push"
        self.sensor = parse(Sensor, bundle.of("Sensor")[0].body)
        values = dict(manifests.vault_values(bundle.manifests))
        self.secrets = {f"{namespace}/{name}/{key}": value for (_, namespace, name, key), value in values.items()}
        [self.secret] = values.values()


class _Demo:
    """The story: three deliveries and what became of them."""

    def __init__(self, folder: Path, example: _Example) -> None:
        self._folder = folder
        self._example = example

    async def tell(self) -> None:
        """Tell it; raises DemoFailed where it does not go as promised."""
        signed = _request(self._example.secret)
        answer = await self._send(signed)
        _must(answer.status == 200, f"the signed push was answered {answer.status} {answer.text}")
        event_id = answer.value["id"]
        outcome = await self._eventually(lambda: self._outcome(event_id), "the push never reached the sensor")
        _must(outcome["outcome"] == "submitted", f"the push was {outcome['outcome']}: {outcome['detail']}")
        [event] = ledger.read_events(self._folder, event_id=event_id)
        [workflow] = self._workflows(event_id)
        _chapter("A signed push", story.accepted(signed, answer, event, outcome, self._example.sensor, workflow))

        answer = await self._send(signed)
        duplicate = answer.status == 200 and answer.value == {"id": event_id, "status": "duplicate"}
        _must(duplicate, f"the same push again was answered {answer.status} {answer.text}")
        _must(len(self._workflows(event_id)) == 1, "the same push started a second Workflow")
        _chapter("The same push again", story.redelivered(signed, answer))

        stored = len(list(ledger.read_events(self._folder)))
        forged = _request(b"not the secret")
        answer = await self._send(forged)
        _must(answer.status == 401, f"the forged push was answered {answer.status} {answer.text}")
        _must(len(list(ledger.read_events(self._folder))) == stored, "the forged push was stored")
        _chapter("A push with a forged signature", story.refused(forged, answer))

        click.echo(f"\n{click.style('The Workflow that was submitted', bold=True)}\n")
        click.echo(as_yaml(workflow), nl=False)

    async def _send(self, request: Request) -> Answer:
        def send() -> Answer:
            with closing(Sender(self._example.url)) as sender:
                return sender.send(request)

        return await asyncio.to_thread(send)

    def _outcome(self, event_id: str) -> dict[str, Any] | None:
        return next(ledger.read_outcomes(self._folder, event_id), None)

    def _workflows(self, event_id: str) -> list[dict[str, Any]]:
        found = read_workflows(self._folder)
        return [w for w in found if w["metadata"]["annotations"]["pointsman/event-id"] == event_id]

    async def _eventually(self, ask: Callable[[], T | None], failure: str) -> T:
        deadline = time.monotonic() + _DEADLINE
        while (answer := ask()) is None:
            _must(time.monotonic() < deadline, f"{failure} within {_DEADLINE:.0f} s")
            await asyncio.sleep(0.01)
        return answer


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise DemoFailed(otherwise)


def _request(secret: bytes) -> Request:
    payload = read_sample("github", "push")
    return make_request("github", "push", payload, secret=secret, identity=str(uuid.uuid4()), now=time.time())


def _chapter(title: str, steps: Iterable[story.Step]) -> None:
    click.echo(f"\n{click.style(title, bold=True)}")
    for name, what in steps:
        click.echo(f"  {click.style(f'{name:<10}', fg='cyan')}  {what}")


def _say_more(example: _Example, folder: Path) -> None:
    click.echo(f"\n{click.style('Running until Ctrl-C. In another terminal:', bold=True)}")
    send = f"send github push --to {example.url} --secret {shlex.quote(example.secret.decode())}"
    state = shlex.quote(str(folder))
    for line in (
        send,
        f"{send} --set ref=refs/heads/other",
        f"get events -o wide --state {state}",
        f"get workflows -o yaml --state {state}",
    ):
        click.echo(f"  {_program()} {line}")


def _program() -> str:
    """How this program is called from the shell: by its name where that is found, else as it was called now."""
    called = Path(sys.argv[0])
    if called.name != "pointsman":
        return f"{shlex.quote(sys.executable)} -m events"
    found = shutil.which("pointsman")
    return "pointsman" if found and Path(found).resolve() == called.resolve() else shlex.quote(sys.argv[0])


def _free_port(wanted: int) -> int:
    """The port that is wanted, or for 0 any that is free. Raises InUse."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", wanted))
        except OSError as error:
            hint = "choose another with --port"
            raise InUse(f"port {wanted} cannot be opened: {error.strerror}", hint=hint) from None
        port: int = one.getsockname()[1]
        return port
