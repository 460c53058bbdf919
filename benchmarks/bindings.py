"""WorkflowEventBindings, without the network and through the event endpoint: ``python benchmarks/bindings.py``

A signed push of 8 KB meets 1, 100 and 1,000 bindings of its namespace; one in a hundred matches and is rendered. The first table times
all that is pure: decoding the payload, every selector, and the Workflow of every match. The promise is 1,000 selectors in at most
10 ms, that is 10 µs each. The second one is ``pointsman up``: pushes that are posted over kept connections, stored, dispatched, and
answered when all bindings have run and the Workflows are in the local store. A post that is refused, or whose Workflow is missing, ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contenders import endpoint
from load import Order, ordered
from payload import push

from events.kube.local import read_workflows
from sensor.bindings.compiled import CompiledBinding, compile_binding
from sensor.bindings.dispatch import decide, dispatch
from sensor.bindings.environment import Environment, decode_payload

SELECTORS = (
    'metadata["x-github-event"] == ["push"] && payload.repository.full_name == "acme/other-{}"',
    'metadata["x-github-event"] == ["pull_request"] && payload.action in ["opened", "synchronize"] && payload.number == {}',
    'discriminator == "team-{}" && payload.ref startsWith "refs/heads/"',
    'payload.ref == "refs/heads/release-{}" && !payload.deleted',
    'payload.ref matches "^refs/tags/v{}[.]" && payload.repository.owner?.login == "ada"',
    'payload.object_attributes?.state == "opened" && payload.project.id == {}',
    'payload.repository.name == "rocket-{}" || "fuel-{}" in payload.repository.topics',
    'any(payload.commits ?? [], any(.modified ?? [], # startsWith "services/{}/"))',
)
MATCHING = 'metadata["x-github-event"] == ["push"] && payload.ref == "refs/heads/main"'
PARAMETERS = {"branch": 'trimPrefix(payload.ref, "refs/heads/")', "sha": "payload.after", "who": "payload.pusher.name"}
TEMPLATE = {"kind": "WorkflowTemplate", "metadata": {"name": "ci", "namespace": "ci"}, "spec": {}}


def manifest(number: int, namespace: str = "default") -> dict[str, Any]:
    """One of many bindings; each hundredth matches."""
    selector = MATCHING if number % 100 == 0 else SELECTORS[number % len(SELECTORS)].replace("{}", str(number))
    submit = {
        "workflowTemplateRef": {"name": "ci"},
        "arguments": {"parameters": [{"name": n, "valueFrom": {"event": text}} for n, text in PARAMETERS.items()]},
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowEventBinding",
        "metadata": {"name": f"b-{number:04d}", "namespace": namespace},
        "spec": {"event": {"selector": selector}, "submit": submit},
    }


def binding(number: int) -> CompiledBinding:
    """The same, compiled."""
    return compile_binding(manifest(number, "ci"), "ci")


def environment(body: bytes) -> Environment:
    """One event, decoded."""
    return Environment(
        event_id="5f2b0c9d1e3a4f67",
        namespace="ci",
        metadata={"x-github-event": ["push"]},
        payload=decode_payload(body),
        now=NOW,
    )


NOW = datetime(2024, 1, 2, tzinfo=UTC)


def best(run: Callable[[], Any], seconds: float) -> float:
    """Seconds of the fastest of as many runs as fit."""
    fastest, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        run()
        fastest = min(fastest, time.perf_counter() - begin)
    return fastest


COUNTS = (1, 100, 1_000)
POSTS = "/api/v1/events/default/"


def pure(seconds: float) -> None:
    """The first table."""
    body = push()
    print(f"payload {len(body):,} bytes, decoded in {best(lambda: decode_payload(body), seconds) * 1e6:.0f} µs")
    print(f"{'bindings':>8}  {'compile':>10}  {'selectors':>10}  {'each':>9}  {'dispatch':>10}  {'events/s':>8}")
    for count in COUNTS:
        begin = time.perf_counter()
        bindings = [binding(number) for number in range(count)]
        event = environment(body)
        first = list(decide(bindings, event))
        compiled = time.perf_counter() - begin
        errors = [result.error.message for result in first if result.error is not None]
        selectors = best(lambda b=bindings, e=event: list(decide(b, e)), seconds)
        whole = best(lambda b=bindings: list(dispatch(b, environment(body), lambda _: TEMPLATE)), seconds)
        print(
            f"{count:>8,}  {compiled * 1e3:>7.1f} ms  {selectors * 1e3:>7.3f} ms  {selectors / count * 1e6:>6.2f} µs"
            f"  {whole * 1e3:>7.3f} ms  {1 / whole:>8,.0f}   {sum(r.matched for r in first)} matched, {len(errors)} errors"
        )


async def through_the_endpoint(count: int, posts: int, connections: int) -> str:
    """A row of the second table, with so many bindings."""
    with tempfile.TemporaryDirectory(prefix="pointsman-benchmark-") as name:
        async with endpoint(Path(name), [manifest(number) for number in range(count)]) as running:
            await ordered(Order(running.port, max(1, posts // 10), connections, "warm", POSTS))
            answers = await ordered(Order(running.port, posts, connections, "post", POSTS))
            workflows = sum(1 for _ in read_workflows(running.folder))
    matching = -(-count // 100)
    if answers.refused or workflows != matching * (posts + max(1, posts // 10)):
        raise SystemExit(f"{answers.refused} of {posts} posts were refused, {workflows} Workflows started: no figures")
    took = (answers.ended - answers.began) / 1e9
    cuts = statistics.quantiles(answers.seconds, n=100)
    return (
        f"{count:>8,}  {posts / took:>8,.0f}  {matching * posts / took:>11,.0f}"
        f"  {cuts[49] * 1e3:>7.1f} ms  {cuts[98] * 1e3:>7.1f} ms"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each figure of the first table (default 2)")
    parser.add_argument(
        "--posts",
        type=int,
        default=2_000,
        help="for a row of the second, a tenth with 1,000 bindings; 0: no second (default 2000)",
    )
    parser.add_argument("--connections", type=int, default=32, help="of the posts (default 32)")
    options = parser.parse_args()
    pure(options.seconds)
    if options.posts:
        print(
            f"\n{'bindings':>8}  {'events/s':>8}  {'Workflows/s':>11}  {'p50':>10}  {'p99':>10}   through the endpoint"
        )
        for count in COUNTS:
            posts = options.posts if count < 1_000 else max(2, options.posts // 10)
            print(asyncio.run(through_the_endpoint(count, posts, options.connections)), flush=True)


if __name__ == "__main__":
    main()
