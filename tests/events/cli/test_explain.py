"""``pointsman explain``: what it shows is what ``up`` does, and nothing is done."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from events.cli.explain import command
from events.cli.explain_objects import as_object
from events.cli.explaining import EventExplanation, Explanation
from events.cli.recorded import read
from events.cli.send import command as send
from events.errors import PointsmanError
from sensor.explain import SensorExplanation, TriggerExplanation, TriggerStatus
from tests.support.up import ROOT, RunningUp, eventually, moved, pointsman, running

EXAMPLES = ROOT / "examples"
PUSH, GITLAB, TWO = EXAMPLES / "01-github-push", EXAMPLES / "02-gitlab-merge-request", EXAMPLES / "03-two-dependencies"
SIGNED = ("--secret", "open-sesame")
ID = ("--delivery-id", "d-1")


def made(*arguments: str, to: str = "http://localhost:12000/push", secret: tuple[str, ...] = SIGNED) -> bytes:
    """A delivery as ``send --print`` shows it."""
    return (
        CliRunner().invoke(send, [*arguments, "--to", to, *ID, *secret, "--print"], catch_exceptions=False).stdout_bytes
    )


def explain(manifests: Path, delivery: bytes | None, *options: str) -> Result:
    given = ["--delivery", "-"] if delivery is not None else []
    result = CliRunner().invoke(command, [str(manifests), *given, *options], input=delivery)
    error = result.exception
    assert error is None or isinstance(error, SystemExit | PointsmanError), repr(error)
    return result


def tree(manifests: Path, delivery: bytes | None, *options: str) -> dict[str, Any]:
    result = explain(manifests, delivery, "-o", "json", *options)
    shown: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (0 if shown["fires"] else 3)
    return shown


def refused(manifests: Path, delivery: bytes | None, *options: str) -> str:
    """The sentence of a delivery that cannot be explained."""
    result = explain(manifests, delivery, *options)
    assert isinstance(result.exception, PointsmanError), result.output
    return str(result.exception)


def parameters(submission: dict[str, Any]) -> dict[str, str]:
    return {p["name"]: p["value"] for p in submission["body"]["spec"]["arguments"]["parameters"]}


# -- the examples ----------------------------------------------------------------------------------------------------


def test_a_push_from_its_signature_to_the_workflow() -> None:
    result = explain(PUSH, made("github", "push"))
    assert result.exit_code == 0
    for words in (
        "verify   passed: with Secret github-secret/webhook-secret",
        "passed  data[0] body.ref: \"refs/heads/main\" matches '^refs/heads/main$'",
        'passed  exprs[0] deleted == false: {"deleted":false} is true',
        "trigger start-ci (argoWorkflow) on push: fires",
        'push dataKey body.repository.clone_url = "https://github.com/acme/rocket.git" → spec.arguments.parameters.0.value',
        "would create Workflow default/rocket-ci-",
        "1 trigger would fire; nothing was submitted",
    ):
        assert words in result.stdout


def test_a_filter_that_fails_shows_the_value_and_exits_with_3() -> None:
    result = explain(PUSH, made("github", "push", "--set", "ref=refs/heads/dev"))
    assert result.exit_code == 3
    assert "failed  data[0] body.ref: \"refs/heads/dev\" does not match '^refs/heads/main$'" in result.stdout
    assert "no trigger would fire" in result.stdout


def test_an_error_in_an_expression_is_told_with_what_it_saw(tmp_path: Path) -> None:
    text = (PUSH / "manifests.yaml").read_text()
    (tmp_path / "m.yaml").write_text(text.replace("deleted == false", "deleted < 1"))
    shown = tree(tmp_path, made("github", "push", "--set", "deleted=yes"))
    [dependency] = shown["events"][0]["sensors"][0]["dependencies"]
    errors = [(c["clause"], c["seen"]) for c in dependency["clauses"] if c["verdict"] == "error"]
    assert errors == [("exprs[0] deleted < 1", {"deleted": "yes"})]
    assert shown["fires"] == 0


def test_the_guides_manifests_tell_for_each_sensor_why() -> None:
    to = "http://localhost:12000/push"
    shown = tree(GITLAB, made("gitlab", "merge-request", to=to))
    [event] = shown["events"]
    told = {s["name"]: s["triggers"][0]["status"] for s in event["sensors"]}
    assert told == {"default": "fires", "al-cloud-release": "idle"}
    [submission] = [r["submission"] for s in event["sensors"] for t in s["triggers"] for r in t["rounds"]]
    assert parameters(submission) == {"branch": "log-votes", "pr": "128"}
    closed = made("gitlab", "merge-request", "--set", "object_attributes.state=closed", to=to)
    assert tree(GITLAB, closed)["fires"] == 0


def test_of_two_dependencies_the_missing_one_is_named() -> None:
    result = explain(TWO, made("github", "push", "--set", "ref=refs/heads/release-1.4"))
    assert result.exit_code == 3
    assert "dependency pushed: passed" in result.stdout
    assert "dependency approved: not asked: waits for event 'review' of EventSource 'github'" in result.stdout
    assert "trigger start-release (k8s) on pushed&&approved: waits for approved" in result.stdout


def test_a_forged_delivery_ends_at_its_signature_unless_nobody_asks(tmp_path: Path) -> None:
    forged = made("github", "push", secret=("--secret", "wrong"))
    result = explain(PUSH, forged)
    assert result.exit_code == 3
    assert "verify   refused with 401: the signature does not match" in result.stdout
    assert "Sensor" not in result.stdout
    assert explain(PUSH, forged, "--no-verify").exit_code == 0

    text = (PUSH / "manifests.yaml").read_text()
    (tmp_path / "m.yaml").write_text(text[: text.rindex("---")])
    assert "kind: Secret" not in (tmp_path / "m.yaml").read_text()
    assert "1 error in the manifests" in refused(tmp_path, forged)
    assert explain(tmp_path, forged, "--no-verify").exit_code == 0, "then no Secret is needed"
    given = ("--secret", "github-secret/webhook-secret=wrong")
    assert explain(tmp_path, forged, *given).exit_code == 0


REQUEST = """\
apiVersion: argoproj.io/v1alpha1
kind: EventSource
metadata: {name: hooks}
spec:
  webhook:
    sent: {endpoint: /sent, port: "12000", method: POST, filter: {expression: body.n > 1}}
---
apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata: {name: forward}
spec:
  dependencies:
    - name: sent
      eventSourceName: hooks
      eventName: sent
      transform: {jq: .body.n *= 2}
  triggers:
    - template:
        name: call
        http:
          url: http://target.example/run
          secureHeaders: [{name: X-Token, valueFrom: {secretKeyRef: {name: s, key: token}}}]
          payload: [{src: {dependencyName: sent, dataKey: body.n, useRawData: true}, dest: number}]
"""


def test_a_request_is_shown_without_the_values_of_secrets(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(REQUEST)
    given = ("--secret", "s/token=hidden", "--to", "/sent", "-H", "Webhook-Id: 7")
    shown = submission(tree(tmp_path, b'{"n": 2}', *given))
    assert (shown["kind"], shown["body"], shown["meta"]["url"]) == ("http", {"number": 4}, "http://target.example/run")
    assert "Idempotency-Key" in shown["meta"]["headers"]
    for output in ("text", "json"):
        assert "hidden" not in explain(tmp_path, b'{"n": 2}', *given, "-o", output).stdout
    text = explain(tmp_path, b'{"n": 2}', *given).stdout
    assert "dependency sent (jq transform): passed, it has no filters" in text
    assert "passed  filter body.n > 1: is true" in text
    assert "sent dataKey body.n, useRawData True = 4 → number" in text
    assert "would submit http http://target.example/run" in text


def test_the_filter_of_the_source_may_drop_the_event(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(REQUEST)
    result = explain(tmp_path, b'{"n": 1}')
    assert result.exit_code == 3
    assert "failed  filter body.n > 1: is not true\n  dropped by the filter of its source" in result.stdout


# -- output ----------------------------------------------------------------------------------------------------------

SHAPE = {
    "delivery": {
        "method": str, "path": str, "port": int, "bytes": int, "received": str, "namespace": str, "eventSource": str,
        "event": str, "kind": str, "discriminator": None, "client": None, "deliveryId": str,
        "steps": [{"step": str, "outcome": str, "reason": str, "status": None}],
    },
    "events": [
        {
            "id": str, "namespace": str, "eventBus": str, "deliveryId": str, "source": str, "subject": str, "type": str,
            "time": str, "filter": None, "bindings": [],
            "sensors": [
                {
                    "namespace": str, "name": str,
                    "dependencies": [
                        {
                            "name": str, "interested": bool, "reason": str, "transform": None,
                            "verdict": {"verdict": str, "clause": str, "reason": str, "seen": None},
                            "clauses": [{"verdict": str, "clause": str, "reason": str, "seen": {"deleted": bool}}],
                        }
                    ],
                    "triggers": [
                        {
                            "name": str, "kind": str, "condition": str, "status": str, "kept": [], "missing": [],
                            "recorded": [],
                            "rounds": [
                                {
                                    "events": {"push": str},
                                    "parameters": [
                                        {
                                            "field": str, "source": {"dependencyName": str, "dataKey": str},
                                            "operation": str, "destination": str, "value": str, "type": str,
                                            "problem": str,
                                        }
                                    ],
                                    "problem": str,
                                    "submission": {"kind": str, "namespace": str, "name": str, "meta": {}, "body": dict},
                                }
                            ],
                        }
                    ],
                }
            ],
        }
    ],
    "notes": [],
    "fires": int,
}  # fmt: skip


def fits(value: Any, shape: Any) -> bool:
    """Whether a value has exactly these keys and types; of a list the first item is looked at."""
    if isinstance(shape, dict):
        return (
            isinstance(value, dict)
            and sorted(value) == sorted(shape)
            and all(fits(value[key], shape[key]) for key in shape)
        )
    if isinstance(shape, list):
        return isinstance(value, list) and bool(value) == bool(shape) and (not shape or fits(value[0], shape[0]))
    return value is None if shape is None else isinstance(value, shape)


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_the_tree_has_its_shape_in_json_and_yaml(output: str) -> None:
    shown = yaml.safe_load(explain(PUSH, made("github", "push"), "-o", output).stdout)
    assert fits(shown, SHAPE)


def test_what_is_recorded_stands_beside_its_trigger() -> None:
    row = {"sensor": "ns/s", "trigger": "a", "dependency": "d", "outcome": "submitted", "target": "T", "detail": ""}
    triggers = tuple(TriggerExplanation(name, "log", "d", TriggerStatus.IDLE, (), (), ()) for name in ("a", "b"))
    sensors = tuple(SensorExplanation(name, (), triggers) for name in ("ns/s", "ns/other"))
    event = EventExplanation("1", "ns", "default", "", None, None, sensors, (row,))
    shown = as_object(Explanation(None, (event,)))["events"][0]["sensors"]
    assert [[len(t["recorded"]) for t in s["triggers"]] for s in shown] == [[1, 0], [0, 0]]


def test_values_of_a_sender_cannot_steer_the_terminal() -> None:
    result = explain(PUSH, made("github", "push", "--set", 'ref="\\u001b[31m\\n\\u009b"'))
    assert "\x1b" not in result.stdout
    assert "\x9b" not in result.stdout


def test_deep_values_are_shown(tmp_path: Path) -> None:
    text = (PUSH / "manifests.yaml").read_text().replace("path: body.deleted", "path: body.deep")
    (tmp_path / "m.yaml").write_text(text)
    deep = b'{"deep":' + b"[" * 900 + b"]" * 900 + b',"ref":"refs/heads/main"}'
    for output in ("json", "yaml", "text"):
        result = explain(tmp_path, deep, "-o", output, "--no-verify")
        assert result.exit_code == 3
        assert "nested too deeply" in result.stdout


# -- what is read ----------------------------------------------------------------------------------------------------


def test_a_bare_payload_with_what_is_missing_on_the_command_line() -> None:
    payload = read(made("github", "push")).body
    options = ("-H", "X-GitHub-Event: push", "-H", "X-GitHub-Delivery: d-1", "--no-verify")
    told = tree(PUSH, payload, *options)
    assert told["delivery"]["deliveryId"] == "d-1"
    assert tree(TWO, payload, *options, "--to", "/push")["delivery"]["event"] == "push"
    assert "nothing says where the delivery was sent" in refused(TWO, payload, *options)


def test_headers_of_the_command_line_win() -> None:
    shown = tree(PUSH, made("github", "push"), "-H", "x-github-delivery: another")
    assert shown["delivery"]["deliveryId"] == "another"


def test_a_delivery_as_json_is_the_same_delivery() -> None:
    arguments = ["github", "push", "--to", "http://localhost:12000/push", *ID, *SIGNED, "--print", "-o", "json"]
    as_json = CliRunner().invoke(send, arguments).stdout_bytes
    now = ("--now", "2026-01-02T03:04:05Z")
    assert tree(PUSH, as_json, *now) == tree(PUSH, made("github", "push"), *now)


def test_now_is_when_the_delivery_comes(tmp_path: Path) -> None:
    text = (PUSH / "manifests.yaml").read_text()
    window = "filters:\n        time: {start: '09:00:00', stop: '17:00:00', timezone: Europe/Berlin}\n"
    (tmp_path / "m.yaml").write_text(text.replace("filters:\n", window))
    assert explain(tmp_path, made("github", "push"), "--now", "2026-01-02T08:00:00Z").exit_code == 0
    late = explain(tmp_path, made("github", "push"), "--now", "2026-01-02T23:00:00+01:00")
    assert late.exit_code == 3
    assert '"2026-01-02T23:00:00+01:00" is not between 09:00:00 and 17:00:00 Europe/Berlin' in late.stdout


@pytest.mark.parametrize(
    ("delivery", "options", "sentence"),
    [
        (b"POST /nowhere HTTP/1.1\n\n", (), "nothing is served at '/nowhere' (served: /push on port 12000)"),
        (b"POST /push HTTP/1.1\nbroken\n\n", (), "stdin is no recorded delivery: line 2 is no header"),
        (b"POST /%zz HTTP/1.1\n\n", (), "the path '/%zz' cannot be read"),
        (b"{}", ("--to", "push"), "'push' is no address"),
        (b"{}", ("--state", "none"), "none is no state folder"),
        (None, ("--event", "x", "--state", "none"), "none is no state folder"),
    ],
)
def test_what_cannot_be_explained_is_one_sentence(
    delivery: bytes | None, options: tuple[str, ...], sentence: str
) -> None:
    assert sentence in refused(PUSH, delivery, *options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "give either --delivery FILE or --event ID"),
        (("--event", "x", "--delivery", "-"), "give either --delivery FILE or --event ID"),
        (("--event", "x", "--no-verify"), "go with --delivery"),
        (("--delivery", "nowhere.http"), "does not exist"),
        (("--delivery", "-", "--now", "yesterday"), "'yesterday' is no time"),
        (("--delivery", "-", "--now", "2026-01-02T03:04:05"), "is no time"),
        (("--delivery", "-", "-H", "x"), "write 'Name: value'"),
    ],
)
def test_a_wrong_command_line_exits_with_2(options: tuple[str, ...], sentence: str) -> None:
    result = CliRunner().invoke(command, [str(PUSH), *options], input="{}")
    assert result.exit_code == 2
    assert sentence in result.output


def test_errors_in_manifests_exit_with_2_and_are_named(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text((PUSH / "manifests.yaml").read_text().replace("operation: submit", "operation: x"))
    (tmp_path / "d.http").write_bytes(made("github", "push"))
    done = pointsman("explain", "m.yaml", "--delivery", "d.http", cwd=tmp_path)
    assert done.returncode == 2
    assert "m.yaml:" in done.stderr
    assert "must be one of submit" in done.stderr
    assert done.stderr.endswith("error: 1 error in the manifests; nothing can be explained\n")


DOCUMENTED = (ROOT / "docs" / "explain.md").read_text().split("```console\n")[1:]


@pytest.mark.parametrize("block", DOCUMENTED, ids=["sensor", "binding"])
def test_the_documented_output_is_real(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    first, second, output = block.partition("```")[0].split("\n", 2)
    to_send, to_explain = shlex.split(first)[3:-2], shlex.split(second)[3:]
    delivery = CliRunner().invoke(send, to_send, catch_exceptions=False).stdout_bytes
    options = ["-" if option == "push.http" else option for option in to_explain]
    assert CliRunner().invoke(command, options, input=delivery).stdout == output


def test_the_commands_of_the_readme_explain_what_they_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line for line in (ROOT / "README.md").read_text().splitlines() if "push.http" in line]
    to_send, to_explain = [shlex.split(line, comments=True)[1:] for line in lines]
    monkeypatch.chdir(tmp_path)
    without_secret = [one for one in (PUSH / "manifests.yaml").read_text().split("---\n") if "kind: Secret" not in one]
    Path("manifests").mkdir()
    Path("manifests/all.yaml").write_text("---\n".join(without_secret))
    Path("secret.txt").write_text("a secret\n")
    assert to_send[-2:] == [">", "push.http"]
    Path("push.http").write_bytes(CliRunner().invoke(send, to_send[1:-2], catch_exceptions=False).stdout_bytes)
    result = CliRunner().invoke(command, to_explain[1:], catch_exceptions=False)
    assert result.exit_code == 0
    assert "verify   passed: with Secret github-secret/webhook-secret" in result.stdout


# -- beside `up` -----------------------------------------------------------------------------------------------------


def post(delivery: bytes, up: RunningUp) -> int:
    """Send exactly these bytes."""
    request = read(delivery)
    assert request.target is not None
    connection = HTTPConnection("127.0.0.1", up.ports[0], timeout=10)
    connection.putrequest("POST", request.target.path, skip_host=True, skip_accept_encoding=True)
    for name, value in request.headers:
        connection.putheader(name, value)
    connection.endheaders(request.body)
    status = connection.getresponse().status
    connection.close()
    return status


def stripped(workflow: dict[str, Any]) -> dict[str, Any]:
    """A Workflow without what an API server adds, and without the moment of the submission."""
    metadata = {
        k: v
        for k, v in workflow["metadata"].items()
        if k not in ("uid", "creationTimestamp", "resourceVersion", "generation")
    }
    labels = {k: v for k, v in metadata["labels"].items() if not k.endswith("action-timestamp")}
    return {**workflow, "metadata": {**metadata, "labels": labels}}


def submission(shown: dict[str, Any]) -> dict[str, Any]:
    """The only one of an explanation."""
    [found] = [
        r["submission"] for e in shown["events"] for s in e["sensors"] for t in s["triggers"] for r in t["rounds"]
    ]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(("example", "arguments"), [(PUSH, ("github", "push")), (GITLAB, ("gitlab", "merge-request"))])
def test_what_is_explained_is_what_up_submits(example: Path, arguments: tuple[str, ...], tmp_path: Path) -> None:
    moved(example, tmp_path / "manifests")
    with running(tmp_path / "manifests", folder=tmp_path) as up:
        delivery = made(*arguments, to=up.url("/push"))
        before = submission(tree(tmp_path / "manifests", delivery))
        assert up.workflows() == []
        assert post(delivery, up) == 200
        [workflow] = eventually(up.workflows)
        assert stripped(before["body"]) == stripped(workflow)
        assert before["name"] == workflow["metadata"]["name"]

        eventually(lambda: [o["outcome"] for o in up.outcomes()].count("submitted") == 1)
        event_id = workflow["metadata"]["annotations"]["pointsman/event-id"]
        asked = tree(tmp_path / "manifests", None, "--event", event_id, "--state", str(up.state))
        assert stripped(submission(asked)["body"]) == stripped(workflow)
        recorded = [row for e in asked["events"] for s in e["sensors"] for t in s["triggers"] for row in t["recorded"]]
        assert f"Workflow/default/{before['name']}" in [row["target"] for row in recorded]
        assert len(up.workflows()) == 1


def test_what_a_join_keeps_counts_while_up_runs(tmp_path: Path) -> None:
    moved(TWO, tmp_path / "manifests")
    with running(tmp_path / "manifests", folder=tmp_path) as up:
        assert post(made("github", "push", "--set", "ref=refs/heads/release-1.4", to=up.url("/push")), up) == 200
        eventually(lambda: [o["outcome"] for o in up.outcomes()] == ["waiting"])
        [push] = up.events()
        review = made("github", "pull_request_review", to=up.url("/review"))
        state = ("--state", str(up.state))

        assert tree(tmp_path / "manifests", review)["fires"] == 0
        told = tree(tmp_path / "manifests", review, *state)
        [trigger] = told["events"][0]["sensors"][0]["triggers"]
        assert [(k["dependency"], k["eventId"]) for k in trigger["kept"]] == [("pushed", push["id"])]
        waiting = tree(tmp_path / "manifests", None, "--event", push["id"][:8], *state)
        [trigger] = waiting["events"][0]["sensors"][0]["triggers"]
        assert (trigger["status"], trigger["missing"], trigger["kept"]) == ("waits", ["approved"], [])
        assert waiting["events"][0]["time"] == push["time"]
        later = tree(tmp_path / "manifests", None, "--event", push["id"], "--now", "2026-01-02T03:04:05Z", *state)
        assert later["events"][0]["time"] == "2026-01-02T03:04:05Z"

        assert post(review, up) == 200
        [workflow] = eventually(up.workflows)
        assert stripped(submission(told)["body"]) == stripped(workflow)

    result = explain(tmp_path / "manifests", None, "--event", push["id"], *state)
    assert "only the bus holds its data" in str(result.exception)
    later = tree(tmp_path / "manifests", review, *state)
    assert later["notes"] == ["what joins keep lies on the bus, which does not run: they count as empty"]
    assert "there is no event 'nobody'" in refused(tmp_path / "manifests", None, "--event", "nobody", *state)


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    (tmp_path / "push.http").write_bytes(made("github", "push"))
    command_line = [sys.executable, "-P", "-m", "events", "explain", str(PUSH), "--delivery", "push.http"]
    done = subprocess.run(command_line, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    assert [p.name for p in tmp_path.iterdir()] == ["push.http"]
