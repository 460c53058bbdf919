"""Which EventSources are valid, as the reference's controller has it: each kind's rules, and those over all kinds."""

from __future__ import annotations

import pytest

from eventsource import kinds
from eventsource.validation import advise_event_source, decode_event_source, validate_event_source
from eventsource.webhooks import LARGEST_PAYLOAD

SECRET = {"name": "n", "key": "k"}
HOOK = {"endpoint": "/x", "port": "12000", "method": "POST"}
FILES = {"directory": "/d", "path": "x"}
BACKEND = {"url": "u", "topic": "t"}


def judge(spec):
    source, wrong = decode_event_source({"metadata": {"name": "es"}, "spec": spec})
    return wrong or [f for f in validate_event_source(source) if f.severity == "error"]


VALID = {
    "amqp": {"url": "u", "exchangeType": "fanout", "routingKey": "r"},
    "azureEventsHub": {"fqdn": "f", "hubName": "h"},
    "azureQueueStorage": {"storageAccountName": "s", "queueName": "q"},
    "azureServiceBus": {"fullyQualifiedNamespace": "n", "topicName": "t", "subscriptionName": "s"},
    "bitbucket": {"webhook": HOOK, "repositories": [{"owner": "o", "repositorySlug": "r"}]},
    "bitbucketserver": {"webhook": HOOK, "bitbucketserverBaseURL": "u"},
    "calendar": {"interval": "10s"},
    "emitter": {"broker": "b", "channelName": "c", "channelKey": "k"},
    "file": {"eventType": "ANY", "watchPathConfig": FILES},
    "generic": {"url": "u", "config": "c"},
    "gerrit": {"webhook": HOOK, "projects": ["p"], "events": [], "gerritBaseURL": "u", "auth": {}},
    "github": {"webhook": HOOK, "organizations": []},
    "gitlab": {"webhook": HOOK, "events": [], "gitlabBaseURL": "u", "accessToken": SECRET},
    "hdfs": {**FILES, "type": "CREATE|OTHER", "addresses": ["a"], "hdfsUser": "u"},
    "kafka": {**BACKEND, "partition": "0"},
    "minio": {"endpoint": "e", "accessKey": SECRET, "secretKey": SECRET},
    "mns": {"queue": "q", "endpoint": "e"},
    "mqtt": {**BACKEND, "clientId": "c"},
    "nats": {"url": "u", "subject": "s"},
    "nsq": {"hostAddress": "h", "topic": "t", "channel": "c"},
    "pubSub": {"subscriptionID": "s"},
    "pulsar": {"url": "u", "topics": [], "type": "shared"},
    "redis": {"hostAddress": "h", "channels": []},
    "redisStream": {"hostAddress": "h", "streams": []},
    "resource": {"version": "v1", "resource": "pods", "eventTypes": []},
    "sftp": {"eventType": "ANY", "watchPathConfig": FILES},
    "slack": {"webhook": HOOK, "token": SECRET, "signingSecret": SECRET},
    "sns": {"webhook": HOOK, "topicArn": "t", "region": "r"},
    "sqs": {"region": "r", "queue": "q"},
    "storageGrid": {"webhook": HOOK, "topicArn": "t", "apiURL": "u", "bucket": "b", "authToken": SECRET, "events": []},
    "stripe": {"webhook": HOOK},
    "webhook": HOOK,
}


def test_every_kind_of_the_reference_is_known():
    assert set(VALID) == set(kinds.KINDS)
    for kind in kinds.KINDS:
        found = kinds.get(kind)
        assert found.kind == kind


@pytest.mark.parametrize("kind", VALID)
def test_the_least_that_is_valid(kind):
    assert judge({kind: {"a": VALID[kind]}}) == []


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind in VALID for field in VALID[kind] if field != "method"]
)
def test_nothing_of_it_can_be_left_out(kind, field):
    less = {name: value for name, value in VALID[kind].items() if name != field}
    assert judge({kind: {"a": less}}), "still valid"


@pytest.mark.parametrize(
    ("kind", "more", "path"),
    [
        ("amqp", {"urlSecret": SECRET}, ""),
        ("amqp", {"auth": {"username": SECRET}}, ".auth.password"),
        ("azureEventsHub", {"sharedAccessKey": SECRET}, ""),
        ("azureServiceBus", {"queueName": "q"}, ""),
        ("bitbucketserver", {"checkInterval": "5"}, ".checkInterval"),
        ("calendar", {"schedule": "* * * * * *"}, ".schedule"),
        ("calendar", {"interval": "10"}, ".interval"),
        ("file", {"watchPathConfig": {**FILES, "pathRegexp": "a"}}, ".watchPathConfig"),
        ("file", {"watchPathConfig": {"directory": "/d", "pathRegexp": "("}}, ".watchPathConfig.pathRegexp"),
        ("file", {"watchPathConfig": {"directory": "d", "path": "x"}}, ".watchPathConfig.directory"),
        ("github", {"repositories": [{"owner": "o"}]}, ""),
        ("github", {"contentType": "xml"}, ".contentType"),
        ("hdfs", {"krbKeytabSecret": SECRET, "krbConfigConfigMap": SECRET, "krbUsername": "u", "krbRealm": "r"},
         ".krbServicePrincipalName"),
        ("hdfs", {"type": "create"}, ".type"),
        ("kafka", {"sasl": {"mechanism": "X", "userSecret": SECRET, "passwordSecret": SECRET}}, ".sasl.mechanism"),
        ("kafka", {"awsMskIamAuth": {}}, ".awsMskIamAuth.region"),
        ("minio", {"bucket": {"key": "k"}}, ".bucket.name"),
        ("nats", {"queue": ""}, ".queue"),
        ("nsq", {"tls": {}}, ".tls"),
        ("pubSub", {"topicProjectID": "p"}, ".topicProjectID"),
        ("redis", {"password": SECRET}, ".namespace"),
        ("resource", {"filter": {"labels": [{"key": ""}]}}, ".filter.labels[0].key"),
        ("stripe", {"createWebhook": True}, ".apiKey"),
        ("webhook", {"port": "80 "}, ".port"),
        ("webhook", {"maxPayloadSize": "1"}, ".maxPayloadSize"),
    ],
)  # fmt: skip
def test_what_makes_it_invalid(kind, more, path):
    assert [f.path for f in judge({kind: {"a": {**VALID[kind], **more}}})] == [f"spec.{kind}.a{path}"]


@pytest.mark.parametrize("kind", ["kafka", "mqtt", "amqp", "nats"])
def test_beside_tls_nothing_else_is_looked_at(kind):
    more = {"tls": {"enabled": True}, "auth": {} if kind != "kafka" else None, "sasl": {"mechanism": "X"}, "queue": ""}
    known = {name: more[name] for name in more if name in kinds.get(kind).config_model.wire_names()}
    assert judge({kind: {"a": {**VALID[kind], **known}}}) == []


def test_names_differ_over_all_kinds():
    assert [f.path for f in judge({"webhook": {"a": HOOK}, "stripe": {"a": {"webhook": HOOK}}})] == ["spec.stripe.a"]


def test_sources_of_one_process_and_of_many_do_not_mix():
    [finding] = judge({"webhook": {"a": HOOK}, "calendar": {"b": {"interval": "1s"}}})
    assert "calendar cannot stand beside webhook" in finding.message
    assert judge({"webhook": {"a": HOOK}, "calendar": {}}) == []
    assert judge({"webhook": {"a": HOOK}, "sqs": {"b": VALID["sqs"]}}) == []


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"webhook": []}, "spec.webhook"),
        ({"webhook": {"a": "x"}}, "spec.webhook.a"),
        ({"webhook": {"a.b": {"port": 5}}}, r"spec.webhook.a\.b.port"),
        ({"replicas": "2"}, "spec.replicas"),
        ({"gitlab": {"a": {**VALID["gitlab"], "projects": [1]}}}, "spec.gitlab.a.projects[0]"),
    ],
)
def test_fields_of_the_wrong_type_do_not_decode(spec, path):
    _, findings = decode_event_source({"spec": spec})
    assert [f.path for f in findings] == [path]


@pytest.mark.parametrize("spec", [{}, {"unknown": {"a": {}}}, {"webhook": None}, {"WebHook": {"a": HOOK}}])
def test_empty_and_unknown_is_valid(spec):
    assert judge(spec) == []


def test_an_absent_configuration_is_an_empty_one():
    assert [f.path for f in judge({"webhook": {"a": None}})] == ["spec.webhook.a.endpoint", "spec.webhook.a.port"]


def test_advice_names_what_cannot_work_though_it_is_valid():
    source, _ = decode_event_source(
        {
            "spec": {
                "gitub": {},
                "webhook": {"a": {**HOOK, "port": "99999", "filter": {"expression": "body.x =="}, "metdata": {}}},
                "calendar": {"b": {"interval": "1s"}},
                "amqp": {"c": {**VALID["amqp"], "connectionBackoff": {"duration": "x"}}},
            }
        }
    )
    found = {(f.severity, f.path) for f in advise_event_source(source)}
    assert {
        ("warning", "spec.gitub"),
        ("error", "spec.webhook.a.port"),
        ("error", "spec.webhook.a.filter.expression"),
        ("warning", "spec.webhook.a.metdata"),
        ("warning", "spec.calendar.b"),
        ("error", "spec.amqp.c.connectionBackoff.duration"),
    } <= found


def test_what_is_well_gets_no_advice():
    source, _ = decode_event_source({"spec": {"webhook": {"a": {**HOOK, "filter": {"expression": "body.x == 1"}}}}})
    assert advise_event_source(source) == []


def advice(spec):
    source, _ = decode_event_source({"metadata": {"name": "es"}, "spec": spec})
    return {f.path: (f.severity, f"{f.message} ({f.hint})") for f in advise_event_source(source)}


@pytest.mark.parametrize(
    ("kind", "more", "path", "severity", "words"),
    [
        ("webhook", {"maxPayloadSize": 8 << 20}, ".maxPayloadSize", "error", str(LARGEST_PAYLOAD)),
        ("webhook", {"maxPayloadSize": LARGEST_PAYLOAD + 1}, ".maxPayloadSize", "error", "do not fit"),
        ("webhook", {"maxPayloadSize": 0}, ".maxPayloadSize", "warning", "every delivery with a body is refused"),
        ("webhook", {"maxPayloadSize": -1}, ".maxPayloadSize", "warning", "every delivery with a body is refused"),
        ("github", {"webhook": {**HOOK, "maxPayloadSize": 104857600}}, ".webhook.maxPayloadSize", "error", "largest"),
        ("webhook", {"endpoint": "/health"}, ".endpoint", "warning", "never reached"),
        ("webhook", {"endpoint": "/x?a=b"}, ".endpoint", "warning", "never reached"),
        ("github", {"webhook": {**HOOK, "url": "hooks.example.com"}}, ".webhook.url", "warning", "no delivery can be sent"),
        ("webhook", {"url": "ftp://hooks.example.com"}, ".url", "warning", "write the address that the sender reaches"),
        ("gitlab", {"events": ["PushEvent"]}, ".events[0]", "warning", "did you mean 'PushEvents'?"),
        ("webhook", {"filter": {}}, ".filter.expression", "error", "empty"),
        ("webhook", {"filter": {"expression": "1 + 1"}}, ".filter.expression", "error", "neither true nor false"),
        ("webhook", {"filter": {"expression": "headers == nil"}}, ".filter.expression", "error", "'header'"),
        ("github", {"filter": {"expression": "header == nil"}}, ".filter.expression", "error", "'headers'"),
        ("calendar", {"filter": {"expression": ""}}, ".filter.expression", "error", "empty"),
    ],
)  # fmt: skip
def test_what_can_never_work_is_told(kind, more, path, severity, words):
    found = advice({kind: {"a": {**VALID[kind], **more}}})[f"spec.{kind}.a{path}"]
    assert found[0] == severity
    assert words in found[1]


def test_what_fits_and_is_known_is_not():
    hook = {**HOOK, "endpoint": "/health/x", "url": "https://h:8443/x", "maxPayloadSize": LARGEST_PAYLOAD}
    gitlab = {**VALID["gitlab"], "events": ["PushEvents", "TagPushEvents"]}
    slack = {**VALID["slack"], "filter": {"expression": 'kind == "app_mention"'}}
    assert advice({"webhook": {"a": hook}, "gitlab": {"b": gitlab}}) == {}
    assert list(advice({"slack": {"c": slack}})) == ["spec.slack.c"]


def test_a_kind_in_another_case_is_accepted_with_a_warning():
    spec = {"gitHub": {"a": VALID["github"]}, "WEBHOOK": {"b": {}}}
    assert advice(spec)["spec.gitHub"][1] == "is written 'github' ()"
    assert [f.path for f in judge(spec)] == ["spec.WEBHOOK.b.endpoint", "spec.WEBHOOK.b.port"]
