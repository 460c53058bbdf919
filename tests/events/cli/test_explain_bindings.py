"""``pointsman explain`` of posts to the event endpoint: what it shows is what the bindings do under ``up``."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import yaml

from events.cli.recorded import read
from tests.events.cli.test_explain import explain, fits, made, refused, stripped, tree
from tests.support.up import ROOT, eventually, running

GUIDE = ROOT / "examples" / "04-event-binding"
TO = "http://localhost:2746/api/v1/events/default/"
SECRET = ("--secret", "argo-workflow-secret")
OPENED = ("gitlab", "merge-request", "--set", "project.name=gogit")
ARGO = "argoproj.io/v1alpha1"


def opened(*arguments: str, to: str = TO, secret: tuple[str, ...] = SECRET) -> bytes:
    return made(*OPENED, *arguments, to=to, secret=secret)


def binding(name: str, selector: str, *, namespace: str = "default", **submit: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {"event": {"selector": selector}}
    if submit:
        spec["submit"] = submit
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": ARGO, "kind": "WorkflowEventBinding", "metadata": metadata, "spec": spec}


def submits(template: str = "ci", **parameters: str) -> dict[str, Any]:
    given = [{"name": name, "valueFrom": {"event": text}} for name, text in parameters.items()]
    return {"workflowTemplateRef": {"name": template}, "arguments": {"parameters": given}}


def template(name: str, *parameters: str) -> dict[str, Any]:
    spec = {"arguments": {"parameters": [{"name": one} for one in parameters]}}
    return {"apiVersion": ARGO, "kind": "WorkflowTemplate", "metadata": {"name": name}, "spec": spec}


CLIENTS = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "argo-workflows-webhook-clients"},
    "stringData": {"bot": "type: gitlab\nsecret: argo-workflow-secret\n"},
}


def written(folder: Path, *objects: dict[str, Any]) -> Path:
    (folder / "m.yaml").write_text(yaml.safe_dump_all([CLIENTS, *objects]))
    return folder


def bindings(shown: dict[str, Any]) -> dict[str, dict[str, Any]]:
    [event] = shown["events"]
    return {one["name"]: one for one in event["bindings"]}


def verify(shown: dict[str, Any]) -> tuple[str, int | None, str]:
    step = next(step for step in shown["delivery"]["steps"] if step["step"] == "verify")
    return step["outcome"], step["status"], step["reason"]


def test_a_merge_request_from_its_token_to_the_workflow() -> None:
    result = explain(GUIDE, opened())
    assert result.exit_code == 0
    for words in (
        "to       the event endpoint, namespace default, no discriminator",
        "verify   passed: client 'gitlab.com' (gitlab) proved it; it posts as system:serviceaccount:default:gitlab.com",
        "convert  passed: the payload is a mapping, delivery d-1",
        ': matched\n    payload.project.name = "gogit"\n    payload.object_attributes.state = "opened"\n',
        'parameter branch: payload.object_attributes.source_branch = "log-votes"',
        "would create Workflow default/gogit-",
        "1 binding would fire; nothing was submitted",
    ):
        assert words in result.stdout


def test_a_selector_that_is_false_or_fails_shows_what_it_read_and_exits_with_3() -> None:
    closed = explain(GUIDE, opened("--set", "object_attributes.state=closed"))
    assert closed.exit_code == 3
    assert (
        ': not matched\n    payload.project.name = "gogit"\n    payload.object_attributes.state = "closed"'
        in closed.stdout
    )
    push = explain(GUIDE, made("gitlab", "push", "--set", "project.name=gogit", to=TO, secret=SECRET))
    assert push.exit_code == 3
    assert "payload.object_attributes.state = null\n  refused: " in push.stdout
    assert "cannot fetch state from <nil>" in push.stdout


def test_bindings_of_all_outcomes_stand_beside_each_other(tmp_path: Path) -> None:
    other = binding("instance", "true", **submits())
    other["metadata"]["labels"] = {"workflows.argoproj.io/controller-instanceid": "x"}
    manifests = written(
        tmp_path,
        binding("fires", "true", **submits(ref="payload.object_kind")),
        binding("broken", "payload.nothing.at.all", **submits()),
        binding("parameter", "true", **submits(ref="payload.a.b.c", other="payload.object_kind")),
        binding("unset", "true", **submits("strict")),
        binding("idle", "discriminator == 'x'"),
        binding("empty", "true"),
        binding("cluster", "true", **submits("elsewhere")),
        binding("foreign", "true", namespace="other", **submits()),
        other,
        template("ci", "ref"),
        template("strict", "needed"),
    )
    shown = tree(manifests, opened())
    told = bindings(shown)
    assert {name: one["status"] for name, one in told.items()} == {
        "broken": "refused", "cluster": "fires", "empty": "idle", "fires": "fires", "idle": "idle",
        "instance": "skipped", "parameter": "refused", "unset": "refused",
    }  # fmt: skip
    assert shown["fires"] == 2
    assert told["broken"]["selector"]["verdict"] == "error"
    assert told["idle"]["selector"]["seen"] == {"discriminator": ""}
    assert told["cluster"]["template"] == {"kind": "WorkflowTemplate", "name": "elsewhere", "assumed": True}
    assert "parameter 'needed' of WorkflowTemplate default/strict has no value" in told["unset"]["problem"]
    first, second = told["parameter"]["parameters"]
    assert (first["value"], first["seen"]) == (None, {"payload.a.b.c": None})
    assert "cannot fetch" in first["problem"]
    assert (second["value"], second["problem"]) == ("merge_request", "")
    assert told["fires"]["submission"]["body"]["spec"]["arguments"]["parameters"] == [
        {"name": "ref", "value": "merge_request"}
    ]
    text = explain(manifests, opened()).stdout
    assert "WorkflowTemplate elsewhere is not among these files" in text
    assert "skipped: it belongs to the instance 'x' of Argo Workflows" in text


def test_who_may_post_is_told_as_the_endpoint_decides_it(tmp_path: Path) -> None:
    outcome, status, reason = verify(tree(GUIDE, opened(secret=("--secret", "wrong"))))
    assert (outcome, status) == ("refused", 401)
    assert reason.endswith("does not prove it: 'gitlab.com' (TokenMismatch)")
    assert verify(tree(GUIDE, b"{}", "--to", "/api/v1/events/default/"))[:2] == ("refused", 401)
    assert verify(tree(GUIDE, opened(to=TO.replace("default", "other")))) == (
        "refused", 403, "there is no Secret argo-workflows-webhook-clients in the namespace",
    )  # fmt: skip
    bearer = ("-H", "Authorization: Bearer t0ken", "--to", "/api/v1/events/default/")
    assert verify(tree(GUIDE, b"{}", *bearer, "--token", "t0ken"))[0] == "passed"
    outcome, status, reason = verify(tree(GUIDE, b"{}", *bearer, "--token", "other"))
    assert (outcome, status) == ("refused", 401)
    assert "t0ken" not in reason


def test_without_verification_it_counts_as_from_the_client_that_it_looks_like() -> None:
    forged = opened(secret=("--secret", "wrong"))
    shown = tree(GUIDE, forged, "--no-verify")
    assert verify(shown)[0] == "skipped"
    assert shown["delivery"]["client"] == {"name": "gitlab.com", "type": "gitlab"}
    assert shown["events"][0]["id"] == tree(GUIDE, opened())["events"][0]["id"]


@pytest.mark.parametrize(
    ("path", "step", "status"),
    [
        ("/api/v1/events/default", "receive", 501),
        ("/api/v1/events/default/a/b", "receive", 501),
        ("/api/v1/events//default/", "receive", 307),
        ("/api/v1/events/default/%zz", "receive", 400),
    ],
)
def test_a_path_that_leads_nowhere_ends_there(path: str, step: str, status: int) -> None:
    shown = tree(GUIDE, opened(), "--to", path)
    assert [(s["step"], s["status"]) for s in shown["delivery"]["steps"]] == [(step, status)]
    assert "refused with" in explain(GUIDE, opened(), "--to", path).stdout


def test_a_body_that_is_no_json_is_refused_as_the_endpoint_does_it() -> None:
    head, _, _ = opened().partition(b"\n\n") if b"\r\n\r\n" not in opened() else opened().partition(b"\r\n\r\n")
    lines = [line for line in head.splitlines() if not line.lower().startswith(b"content-length")]
    shown = tree(GUIDE, b"\n".join(lines) + b"\n\npayload=1")
    step = shown["delivery"]["steps"][-1]
    assert (step["step"], step["status"]) == ("convert", 400)
    assert step["reason"] == "invalid character 'p' looking for beginning of value"


def test_where_it_was_sent_may_be_left_out_for_one_namespace(tmp_path: Path) -> None:
    payload = read(opened()).body
    given = ("-H", "X-Gitlab-Event: Merge Request Hook", "-H", "X-Gitlab-Token: argo-workflow-secret")
    assert tree(GUIDE, payload, *given)["delivery"]["namespace"] == "default"
    two = written(tmp_path, binding("a", "true"), binding("b", "true", namespace="other"))
    assert "nothing says where the delivery was sent" in refused(two, payload, *given)


def test_a_namespace_without_bindings_is_told(tmp_path: Path) -> None:
    manifests = written(tmp_path, binding("a", "true", namespace="other", **submits()))
    assert tree(manifests, opened())["notes"] == [
        "no WorkflowEventBinding in namespace default; there are some in other"
    ]


SHAPE = {
    "namespace": str, "name": str, "status": str, "reason": str,
    "selector": {"verdict": str, "clause": str, "reason": str, "seen": {"payload.project.name": str, "payload.object_attributes.state": str}},
    "template": {"kind": str, "name": str, "assumed": bool},
    "parameters": [{"name": str, "expression": str, "seen": {"payload.object_attributes.source_branch": str}, "value": str, "problem": str}],
    "problem": str,
    "submission": {"kind": str, "namespace": str, "name": str, "meta": {}, "body": dict},
    "recorded": [],
}  # fmt: skip


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_the_tree_of_a_binding_has_its_shape(output: str) -> None:
    shown = yaml.safe_load(explain(GUIDE, opened(), "-o", output).stdout)
    assert fits(shown["events"][0]["bindings"][0], SHAPE)


def test_the_secret_of_the_sender_is_not_shown(tmp_path: Path) -> None:
    selector = 'metadata["x-gitlab-token"] != nil'
    manifests = written(tmp_path, binding("a", selector, **submits(token='metadata["x-gitlab-token"][0]')))
    for output in ("text", "json"):
        assert "argo-workflow-secret" not in explain(manifests, opened(), "-o", output).stdout


def posted(delivery: bytes, url: str) -> dict[str, Any]:
    """The answer to exactly these bytes."""
    request = read(delivery)
    assert request.target is not None
    connection = HTTPConnection("127.0.0.1", int(url.rpartition(":")[2]), timeout=20)
    connection.putrequest("POST", request.target.path, skip_host=True, skip_accept_encoding=True)
    for name, value in request.headers:
        connection.putheader(name, value)
    connection.endheaders(request.body)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    assert isinstance(answer, dict)
    return answer


def test_what_is_explained_is_what_up_submits(tmp_path: Path) -> None:
    ref = '"mr-" + string(payload.object_attributes.iid)'
    many = {"branch": "payload.object_attributes.source_branch", "from": 'metadata["x-forwarded-host"][0]'}
    more = {**submits("gogit", **many), "metadata": {"generateName": '"made-"', "labels": {"ref": ref}}}
    both = tmp_path / "m"
    both.mkdir()
    for file in ("manifests.yaml", "templates.yaml"):
        (both / file).write_text((GUIDE / file).read_text())
    (both / "more.yaml").write_text(yaml.safe_dump(binding("more", "payload.project.name == 'gogit'", **more)))
    with running(both, folder=tmp_path, options=("--bindings-port", "0", "--token", "t")) as up:
        url = up.url().rstrip("/")
        for extra in ((), ("-H", "Authorization: Bearer t", "-H", "Idempotency-Key: k")):
            delivery = opened(*extra, to=f"{url}/api/v1/events/default/x")
            before = bindings(tree(both, delivery, "--token", "t"))
            answer = posted(delivery, url)
            started = {b["name"]: b["workflow"] for b in answer["bindings"]}
            assert {name: one["submission"]["name"] for name, one in before.items()} == started
            assert len(started) == 2
            workflows = {w["metadata"]["name"]: w for w in up.workflows()}
            for one in before.values():
                assert stripped(one["submission"]["body"]) == stripped(workflows[one["submission"]["name"]])

            state = ("--state", str(up.state))
            eventually(lambda: len(up.outcomes()) == len(up.workflows()))
            asked = tree(both, None, "--event", answer["id"], *state)
            assert asked["delivery"] is None
            for name, one in bindings(asked).items():
                assert stripped(one["submission"]["body"]) == stripped(workflows[started[name]])
                assert [row["target"] for row in one["recorded"]] == [f"Workflow/default/{started[name]}"]
            assert (
                "recorded: submitted Workflow/default/" in explain(both, None, "--event", answer["id"], *state).stdout
            )
        assert len(up.workflows()) == 4
