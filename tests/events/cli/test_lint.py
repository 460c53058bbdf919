"""``pointsman lint`` from the outside: its lines, its JSON and its exit codes."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from events import manifests
from events.cli.lint import command
from events.cli.plan import make_plan
from events.cli.secret_values import fill, unused

SOURCE = """\
apiVersion: argoproj.io/v1alpha1
kind: EventSource
metadata: {name: hooks}
spec:
  webhook:
    push: {endpoint: /push, port: "12000", method: POST, authSecret: {name: hooks, key: token}}
"""
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: hooks}\nstringData: {token: abc}\n"
SENSOR = """\
apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata: {name: ci, namespace: argo}
spec:
  dependencies:
    - {name: d, eventSourceName: hooks, eventName: push}
  triggers:
    - template:
        name: t
        log: {}
"""


@pytest.fixture
def lint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, **files):
        for name, text in files.items():
            (tmp_path / f"{name}.yaml").write_bytes(text.encode("latin-1"))
        return CliRunner().invoke(command, arguments, catch_exceptions=False)

    return run


def test_good_manifests_pass(lint):
    result = lint(".", "-n", "argo", source=SOURCE, sensor=SENSOR, secret=SECRET)
    assert result.exit_code == 0
    assert result.output == "3 objects in 3 files: no errors, no warnings\n"


def twin(text):
    """The same under another name."""
    return text.replace("name: hooks}\nspec", "name: twin}\nspec")


@pytest.mark.parametrize(
    ("files", "line", "code"),
    [
        ({"a": SOURCE, "b": twin(SOURCE), "s": SECRET},
         "b.yaml:6:5: error: EventSource default/twin: spec.webhook.push: EventSource default/hooks, webhook event 'push' and "
         "EventSource default/twin, webhook event 'push' both want /push on port 12000 (use another endpoint or port)", 1),
        ({"a": SOURCE, "s": SECRET.replace("token:", "tokn:")},
         "a.yaml:6:5: error: EventSource default/hooks: spec.webhook.push: Secret 'hooks' has no key 'token' in namespace "
         "'default' (give it with --secret hooks/token=VALUE or a Secret document)", 1),
        ({"a": SOURCE},
         "a.yaml:6:5: note: EventSource default/hooks: spec.webhook.push: there is no Secret 'hooks' in namespace 'default' "
         "among these files (`up` needs it)", 0),
        ({"a": SOURCE.replace("authSecret", "authSecre"), "s": SECRET},
         "a.yaml:6:5: warning: EventSource default/hooks: spec.webhook.push: anybody can send: no secret is configured", 0),
        ({"a": SOURCE.replace("authSecret", "authSecre"), "s": SECRET},
         "a.yaml:6:58: warning: EventSource default/hooks: spec.webhook.push.authSecre: unknown field, ignored as in the "
         "reference (did you mean 'authSecret'?)", 0),
        ({"a": SOURCE.replace("webhook:\n", "sqs:\n")},
         "a.yaml:6:5: warning: EventSource default/hooks: spec.sqs.push: event source 'sqs' is not built yet: "
         "`up` refuses it", 1),
        ({"a": SOURCE.replace("webhook:\n", "webhok:\n")},
         "a.yaml:5:3: warning: EventSource default/hooks: spec.webhok: unknown field, ignored as in the reference; "
         "`up` refuses it (did you mean 'webhook'?)", 0),
    ],
)  # fmt: skip
def test_what_up_would_refuse_or_warn_of_is_said_before(lint, files, line, code):
    result = lint(".", **files)
    assert line in result.output.splitlines()
    assert result.exit_code == code


@pytest.mark.parametrize("secret", [SECRET, None])
@pytest.mark.parametrize(
    ("reference", "field", "place"),
    [("{name: hooks, kee: token}", "key", "6:58"), ("{name: '', key: token}", "name", "7:10"), ("{}", "name", "6:58")],
)
def test_a_reference_to_a_secret_that_leaves_something_out_is_an_error_at_its_line(
    lint, reference, field, place, secret
):
    source = SOURCE.replace("{name: hooks, key: token}", f"\n        {reference}")
    result = lint(".", **{"a": source} | ({"s": secret} if secret else {}))
    said = [line for line in result.output.splitlines() if ": error: " in line]
    what = f"EventSource default/hooks: spec.webhook.push.authSecret.{field}: must be given"
    assert said[0] == f"a.yaml:{place}: error: {what}"
    assert len(said) == (2 if reference == "{}" else 1)
    assert "there is no Secret" not in result.output
    assert result.exit_code == 1


REFERENCES = """\
apiVersion: argoproj.io/v1alpha1
kind: EventBus
metadata: {name: main, namespace: argo}
spec: {jetstreamExotic: {url: "nats://nats:4222", accessSecret: {name: nats}}}
---
apiVersion: argoproj.io/v1alpha1
kind: EventSource
metadata: {name: hooks, namespace: argo}
spec:
  template: {container: {env: [{name: A, valueFrom: {configMapKeyRef: {name: a}}}]}}
  sqs:
    push: {region: a, queue: b, accessKey: {name: aws}, secretKey: {name: aws, key: secret}}
---
apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata: {name: ci, namespace: argo}
spec:
  dependencies:
    - {name: d, eventSourceName: hooks, eventName: push}
  triggers:
    - template:
        name: t
        http:
          url: http://127.0.0.1/
          secureHeaders: [{name: X-Token, valueFrom: {configMapKeyRef: {key: token}}}]
    - template:
        name: given
        http: {url: http://127.0.0.1/, basicAuth: {username: {name: a}, password: {name: a, key: b}}}
      parameters: [{src: {dependencyName: d, value: c}, dest: http.basicAuth.username.key}]
"""


def test_references_of_all_objects_are_looked_at(lint):
    result = lint("all.yaml", all=REFERENCES)
    assert [line.split(": ")[3] for line in result.output.splitlines() if ": error: " in line] == [
        "spec.jetstreamExotic.accessSecret.key",
        "spec.template.container.env[0].valueFrom.configMapKeyRef.key",
        "spec.sqs.push.accessKey.key",
        "spec.triggers[0].template.http.secureHeaders[0].valueFrom.configMapKeyRef.name",
    ]


BUS = "apiVersion: argoproj.io/v1alpha1\nkind: EventBus\nmetadata: {name: main, namespace: argo}\nspec: {jetstream: {version: '1'}}\n"


@pytest.mark.parametrize(
    ("source", "sensor", "sentence"),
    [
        ("namespace: argo", "eventSourceName: hoks", "no EventSource 'hoks' among these files (did you mean 'hooks'?)"),
        ("namespace: other", "",
         "EventSource 'hooks' with event 'push' is in namespace other; this Sensor reads namespace argo"),
        ("namespace: argo", "eventBusName: main",
         "EventSource 'hooks' with event 'push' is on EventBus 'default'; this Sensor reads 'main'"),
        ("namespace: argo", "eventBusName: man", "no EventBus 'man' in namespace argo (did you mean 'main'?)"),
        ("namespace: other", "eventBusName: prod", "no EventBus 'prod' in namespace argo"),
    ],
)  # fmt: skip
def test_a_name_that_leads_nowhere_is_told_with_where_it_could_lead(lint, source, sensor, sentence):
    changed = SENSOR.replace("eventSourceName: hooks", sensor) if "Source" in sensor else SENSOR
    if "Bus" in sensor:
        changed = changed.replace("spec:\n", f"spec:\n  {sensor}\n", 1)
    result = lint(
        ".", bus=BUS, sensor=changed, source=SOURCE.replace("name: hooks}\nspec", f"name: hooks, {source}}}\nspec")
    )
    assert [line for line in result.output.splitlines() if line.endswith(sentence)], result.output


def test_a_finding_is_a_line_with_place_object_and_field(lint):
    result = lint("s.yaml", s=SENSOR.replace("log: {}", "htp: {}"))
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0].startswith("s.yaml:8:7: error: Sensor argo/ci: spec.triggers[0].template: names no kind of trigger")
    assert lines[1] == (
        "s.yaml:10:9: warning: Sensor argo/ci: spec.triggers[0].template.htp: "
        "unknown field, ignored as in the reference (did you mean 'http'?)"
    )
    assert lines[2] == "1 object in 1 file: 1 error, 1 warning"


def test_json_holds_the_same(lint):
    result = lint("s.yaml", "-o", "json", s=SENSOR.replace("push}", "push, filters: {context: {}}}"))
    report = json.loads(result.output)
    assert result.exit_code == 1
    assert (report["files"], report["objects"], report["errors"], report["warnings"]) == (1, 1, 1, 0)
    assert report["findings"][0] == {
        "file": "s.yaml",
        "line": 6,
        "column": 68,
        "severity": "error",
        "kind": "Sensor",
        "namespace": "argo",
        "name": "ci",
        "path": "spec.dependencies[0].filters.context",
        "message": "one of type, subject, source, datacontenttype must be given",
        "hint": "",
    }


def test_a_dependency_on_an_event_that_nobody_sends_is_a_warning(lint):
    result = lint(".", "-n", "argo", source=SOURCE, sensor=SENSOR.replace("eventName: push", "eventName: psh"))
    assert result.exit_code == 0
    assert "EventSource 'hooks' has no event 'psh' (did you mean 'push'?)" in result.output
    assert lint(".", "-n", "argo", "--strict").exit_code == 1
    other = lint(".", "-n", "elsewhere")
    assert "no EventSource" not in other.output, "nothing is known of the sources of another namespace"


def test_all_that_is_wrong_is_said_at_once_and_once(lint):
    source = SOURCE.replace('port: "12000"', "port: 12000, filter: {expression: 5}") + "    other: {}\n"
    result = lint("s.yaml", s=source)
    paths = [line.split(": ")[3] for line in result.output.splitlines()[:-1]]
    assert paths == [
        "spec.webhook.push.port",
        "spec.webhook.push.filter.expression",
        "spec.webhook.other.endpoint",
        "spec.webhook.other.port",
        "spec.webhook.other.method",
    ]


def test_the_bus_decides_over_duplicates(lint):
    bus = "apiVersion: argoproj.io/v1alpha1\nkind: EventBus\nmetadata: {name: default, namespace: argo}\n"
    sensor = SENSOR.replace("  triggers:", "    - {name: e, eventSourceName: hooks, eventName: push}\n  triggers:")
    assert lint(".", sensor=sensor).exit_code == 0
    assert lint(".", bus=bus + "spec: {nats: {native: {}}}\n").exit_code == 1


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "\x00",
        "\xff",
        "kind: Sensor",
        "- 1",
        "&a [*a, *a]",
        "a: &x {b: *x}",
        "apiVersion: argoproj.io/v1alpha1\nkind: Sensr\n",
    ],
)
def test_no_file_makes_a_traceback(lint, text):
    assert lint("f.yaml", f=text).exit_code in (0, 1)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1\nb: 2\n", "f.yaml:2:2: error: not YAML: did not find expected ',' or ']'"),
        ("a:\n\tb: 1\n", "f.yaml:2:1: error: not YAML: a tab where spaces belong (indent with spaces, not tabs)"),
        ("a: {{ .Values.x }}\n", "f.yaml:1:5: error: a key must be a plain text (it looks like a template; render it first, "
         "say with helm template)"),
        ("{{- if .x }}\na: 1\n{{- end }}\n", "f.yaml:1:3: error: not YAML: did not find expected node content (it looks like "
         "a template; render it first, say with helm template)"),
        ("a: {{workflow.name}}\n", "f.yaml:1:5: error: a key must be a plain text"),
    ],
)  # fmt: skip
def test_what_is_no_yaml_is_named_with_its_place(lint, text, line):
    assert lint("f.yaml", f=text).output.splitlines()[0] == line


def test_manifests_come_from_stdin(lint):
    done = CliRunner().invoke(command, ["-"], input=SENSOR.replace("log:", "lg:"))
    assert done.exit_code == 1
    assert done.output.startswith("<stdin>:8:7: error: Sensor argo/ci: spec.triggers[0].template: names no kind")


def test_what_is_not_looked_at_is_counted(lint):
    result = lint("f.yaml", f="knd: Sensor\n---\napiVersion: apps/v1\nkind: Deployment\n")
    assert result.output.splitlines()[0] == "note: skipped: 1 × Deployment, 1 × document that is no Kubernetes object"
    assert result.exit_code == 0


@pytest.mark.parametrize("text", ["", "---\n---\n# nothing\n", "- a\n", "just a text", "5", "null", "knd: Sensor\n"])
def test_a_file_without_any_object_is_an_error_unless_others_lie_beside_it(lint, text):
    result = lint("f.yaml", f=text)
    assert result.exit_code == 1
    assert result.output.splitlines()[0] == "f.yaml: error: there is no Kubernetes object in this file"
    assert ".: error: there is no Kubernetes object in this folder\n" in lint(".").output
    assert lint(".", secret=SECRET).exit_code == 0
    assert "f.yaml: error: " in lint(".", "f.yaml").output


@pytest.mark.parametrize(
    "text",
    [SECRET, f"---\n---\n{SECRET}---\n", "kind: CustomResourceDefinition", "kind: List\napiVersion: v1\nitems: []"],
)
def test_a_file_with_objects_of_any_kind_is_none_without_objects(lint, text):
    assert lint("f.yaml", f=text).exit_code == 0


def test_a_stdin_without_any_object_is_an_error(lint):
    result = CliRunner().invoke(command, ["-"], input="# nothing\n")
    assert result.exit_code == 1
    assert "<stdin>: error: there is no Kubernetes object in this file\n" in result.output


def test_a_source_without_events_and_a_name_that_no_cluster_takes_are_told(lint):
    text = "apiVersion: argoproj.io/v1alpha1\nkind: EventSource\nmetadata: {name: A_b}\nspec: {template: {}}\n"
    result = lint("f.yaml", f=text)
    assert (
        "warning: EventSource default/A_b: metadata.name: an API server does not take 'A_b' as a name" in result.output
    )
    assert "warning: EventSource default/A_b: spec: names no event: nothing is served" in result.output
    assert result.exit_code == 0


@pytest.mark.parametrize("spec", ["spec:", "spec: 5", "spec: []", "spec: {triggers: {}}", "spec: {dependencies: [x]}"])
def test_no_object_makes_a_traceback(lint, spec):
    for kind in ("Sensor", "EventSource", "EventBus"):
        text = f"apiVersion: argoproj.io/v1alpha1\nkind: {kind}\nmetadata: {{name: x}}\n{spec}\n"
        assert lint("f.yaml", f=text).exit_code in (0, 1)


def test_a_path_that_is_not_there_is_exit_2(lint):
    result = lint("nothing.yaml", "s.yaml", s=SENSOR)
    assert result.exit_code == 2
    assert "nothing.yaml: error: no such file or folder" in result.output
    assert lint().exit_code == 2


def test_a_binding_is_checked_against_the_templates_beside_it(lint):
    binding = """\
apiVersion: argoproj.io/v1alpha1
kind: WorkflowEventBinding
metadata: {name: b}
spec: {event: {selector: payload.x +}, submit: {workflowTemplateRef: {name: buld}}}
"""
    template = "apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\nmetadata: {name: build}\n"
    result = lint("b.yaml", "t.yaml", b=binding, t=template)
    assert result.output.splitlines()[:2] == [
        "b.yaml:4:16: error: WorkflowEventBinding default/b: spec.event.selector: unexpected token EOF (1:11)",
        "b.yaml:4:71: warning: WorkflowEventBinding default/b: spec.submit.workflowTemplateRef.name: "
        "no WorkflowTemplate 'buld' among these files (did you mean 'build'?)",
    ]
    assert "warning" not in lint("b.yaml", b=binding).output.splitlines()[0]


FILTERED = """\
apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata: {name: ci}
spec:
  dependencies:
    - name: d
      eventSourceName: hooks
      eventName: push
      filters:
        data: [{path: header.X-Kind.0, type: string, value: [x]}]
        exprs: [{expr: ref == "x", fields: [{path: body.ref, name: ref}]}]
  triggers:
    - template:
        name: t
        argoWorkflow:
          operation: submit
          source:
            resource:
              kind: Workflow
              metadata: {generateName: a-}
              spec: {workflowTemplateRef: {name: build}, arguments: {parameters: [{name: ref}]}}
          parameters:
            - {src: {dependencyName: d, dataKey: body.ref}, dest: spec.arguments.parameters.0.value}
"""
TEMPLATE = """\
apiVersion: argoproj.io/v1alpha1
kind: WorkflowTemplate
metadata: {name: build}
spec: {arguments: {parameters: [{name: ref}, {name: mode, value: fast}]}}
"""


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("", "", ""),
        ("header.X", "headers.X", "an event of webhook has body and header, but no 'headers' (did you mean 'header'?)"),
        ("header.X-Kind", "header.x-kind", "there is no header 'x-kind': names of headers are written as Go does (did you mean 'X-Kind'?)"),
        ("path: body.ref", "path: bdy.ref", "an event of webhook has body and header, but no 'bdy' (did you mean 'body'?)"),
        ("dataKey: body.", "dataKey: ", "an event of webhook has body and header, but no 'ref' (did you mean 'body.ref'?)"),
        ("header.X-Kind.0", "body|x", ""),
        ("eventName: push", "eventName: push\n      transform: {jq: .body}", ""),
        ("expr: ref", "expr: reff", "'reff' is none of its fields: it has no value (did you mean 'ref'?)"),
        ("name: build", "name: buidl", "no WorkflowTemplate 'buidl' among these files (did you mean 'build'?)"),
        ("generateName: a-", "generateName: a-, namespace: x", "no WorkflowTemplate 'build' among these files (there is a WorkflowTemplate in namespace default)"),
        ("[{name: ref}]", "[{name: mode}]", "parameter 'ref' of WorkflowTemplate 'build' gets no value: the Workflow would fail"),
        ("[{name: ref}]", "[{name: ref}, {name: mod, value: x}]", "WorkflowTemplate 'build' has no parameter 'mod' (did you mean 'mode'?)"),
        ("parameters.0.value", "parameters.1.value", "spec.arguments.parameters has 1 item: index 1 is behind its end (the first has index 0)"),
        ("dest: spec.arguments.parameters.0.value", "dest: spec.arguments.parameters", ""),
        ("dest: spec.arguments.parameters.0.value", "dest: spec.workflowTemplateRef.name", ""),
    ],
)  # fmt: skip
def test_what_leads_nowhere_in_a_sensor_is_a_warning_where_it_can_be_known(lint, old, new, sentence):
    result = lint(
        ".", source=SOURCE, secret=SECRET, template=TEMPLATE, sensor=FILTERED.replace(old, new, 1) if old else FILTERED
    )
    assert result.exit_code == 0, result.output
    findings = result.output.splitlines()[:-1]
    assert [line.endswith(sentence) for line in findings] == ([True] if sentence else []), findings


def test_an_empty_stdin_does_not_pass_as_good():
    """`kustomize build | pointsman lint -` in a shell that goes on when the first command fails."""
    result = CliRunner().invoke(command, ["-"], input="\n")
    assert result.exit_code == 1
    assert "<stdin>: error: nothing came on stdin (did the command before the pipe fail?)\n" in result.output


def test_up_without_a_cluster_tells_of_each_template_that_is_not_there(tmp_path):
    (tmp_path / "s.yaml").write_text(FILTERED)

    def told(*, has_cluster):
        plan = make_plan(manifests.load([tmp_path]), host="", secrets={}, environment={}, has_cluster=has_cluster)
        return [
            (one.finding.severity, one.finding.message)
            for one in plan.findings
            if "WorkflowTemplate" in one.finding.message
        ]

    assert told(has_cluster=True) == []
    assert told(has_cluster=False) == [("warning", "no WorkflowTemplate 'build' among these files")]


def test_nothing_is_said_of_templates_that_are_kept_elsewhere(lint):
    assert (
        "1 object in 1 file: no errors, no warnings"
        in lint("s.yaml", s=FILTERED.replace("name: build", "name: b")).output
    )


def test_a_script_that_does_not_compile_is_an_error_of_lint_and_a_warning_of_up(lint, tmp_path):
    sensor = FILTERED.replace("eventName: push\n", "eventName: push\n      transform: {jq: '.body |'}\n")
    result = lint("s.yaml", s=sensor)
    assert result.exit_code == 1
    [wrong] = result.output.splitlines()[:-1]
    plan = make_plan(manifests.load([tmp_path]), host="", secrets={}, environment={}, has_cluster=True)
    assert not plan.errors
    assert wrong.replace(": error: ", ": warning: ", 1) in [str(f).removeprefix(f"{tmp_path}/") for f in plan.findings]


def test_values_of_secrets_come_from_the_command_line_the_environment_and_documents(lint, tmp_path):
    lint(".", source=SOURCE.replace("name: hooks, key: token", "name: my-hooks, key: to.ken"))
    bundle = manifests.load([tmp_path])
    environment = {"POINTSMAN_SECRET__MY_HOOKS__TO_KEN": "b"}
    key = ("secret", "default", "my-hooks", "to.ken")
    assert fill(bundle, {}, environment) == {key: b"b"}
    assert fill(bundle, {"my-hooks/to.ken": b"a"}, environment) == {key: b"a"}
    assert fill(bundle, {"default/my-hooks/to.ken": b"a"}, environment) == {key: b"a"}
    assert list(unused(bundle, {"other/my-hooks/to.ken": b"", "my-hooks/to.ken-previous": b""})) == [
        ("other/my-hooks/to.ken", "did you mean 'my-hooks/to.ken'?")
    ]


HOOKED = """\
apiVersion: argoproj.io/v1alpha1
kind: EventSource
metadata: {name: NAME}
spec:
  github:
    push:
      webhook: {endpoint: /push, port: "PORT", method: POST, url: "https://events.example"}
      repositories: [{owner: octo, names: [hello]}]
      events: [EVENT]
      active: true
      apiToken: {name: forge, key: token}
"""


def hooked(name, port, event):
    return HOOKED.replace("NAME", name).replace("PORT", port).replace("EVENT", event)


def test_two_eventsources_that_want_a_hook_in_two_ways_are_both_named(lint):
    result = lint(".", a=hooked("a", "12000", "push"), b=hooked("b", "13000", "issues"))
    (line,) = [line for line in result.output.splitlines() if "hook of repository" in line]
    assert line.startswith("b.yaml:7:")
    assert "is that of event 'push' of EventSource default/a, which wants it otherwise (events: push → issues)" in line
    assert "hook of repository" not in lint(".", b=hooked("b", "13000", "push")).output
