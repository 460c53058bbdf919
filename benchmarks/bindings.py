"""WorkflowEventBindings without the network: ``python benchmarks/bindings.py``

A signed push of 8 KB meets 1, 100 and 1,000 bindings of its namespace; one in a hundred matches and is rendered. What is timed is
all that is pure: decoding the payload, every selector, and the Workflow of every match. The promise is 1,000 selectors in at most
10 ms, that is 10 µs each.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from payload import push

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


def binding(number: int) -> CompiledBinding:
    """One of many bindings; each hundredth matches."""
    selector = MATCHING if number % 100 == 0 else SELECTORS[number % len(SELECTORS)].replace("{}", str(number))
    submit = {
        "workflowTemplateRef": {"name": "ci"},
        "arguments": {"parameters": [{"name": n, "valueFrom": {"event": text}} for n, text in PARAMETERS.items()]},
    }
    spec = {"event": {"selector": selector}, "submit": submit}
    return compile_binding({"metadata": {"name": f"b-{number:04d}"}, "spec": spec}, "ci")


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


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each figure (default 2)")
    options = parser.parse_args()
    body = push()
    print(f"payload {len(body):,} bytes, decoded in {best(lambda: decode_payload(body), options.seconds) * 1e6:.0f} µs")
    print(f"{'bindings':>8}  {'compile':>10}  {'selectors':>10}  {'each':>9}  {'dispatch':>10}  {'events/s':>8}")
    for count in (1, 100, 1_000):
        begin = time.perf_counter()
        bindings = [binding(number) for number in range(count)]
        event = environment(body)
        first = list(decide(bindings, event))
        compiled = time.perf_counter() - begin
        errors = [result.error.message for result in first if result.error is not None]
        selectors = best(lambda b=bindings, e=event: list(decide(b, e)), options.seconds)
        whole = best(lambda b=bindings: list(dispatch(b, environment(body), lambda _: TEMPLATE)), options.seconds)
        print(
            f"{count:>8,}  {compiled * 1e3:>7.1f} ms  {selectors * 1e3:>7.3f} ms  {selectors / count * 1e6:>6.2f} µs"
            f"  {whole * 1e3:>7.3f} ms  {1 / whole:>8,.0f}   {sum(r.matched for r in first)} matched, {len(errors)} errors"
        )


if __name__ == "__main__":
    main()
