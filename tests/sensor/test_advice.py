"""What lint tells of a Sensor beyond the reference's rules."""

from __future__ import annotations

import pytest

from events.errors import ExpressionError
from sensor.advice import advise_sensor
from sensor.validation import decode_sensor


class NoProgramCompiles:
    """Stands in for the child process that compiles Lua and jq."""

    def check_lua(self, program):
        raise ExpressionError("no Lua", language="lua")

    def check_jq(self, program):
        raise ExpressionError("no jq", language="jq")


def advice(*, template=None, dependency=None, scripts=None, **trigger):
    dependencies = [{"name": "d", "eventSourceName": "es", "eventName": "ev", **(dependency or {})}]
    template = {"name": "t", "log": {}} if template is None else {"name": "t", **template}
    spec = {"dependencies": dependencies, "triggers": [{"template": template, **trigger}]}
    sensor, wrong = decode_sensor({"metadata": {"name": "s"}, "spec": spec})
    assert not wrong
    return [(f.severity[0], f.path.removeprefix("spec.")) for f in advise_sensor(sensor, scripts)]


def test_nothing_is_said_of_a_plain_sensor():
    assert advice() == []
    assert advice(template={"log": {}, "conditions": "d"}, retryStrategy={"steps": 3, "duration": "1s"}) == []


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"exprs": [{"expr": "a ==", "fields": [{"path": "a", "name": "a"}]}]}, ("e", "exprs[0].expr")),
        ({"data": [{"path": "a", "type": "string", "value": ["("]}]}, ("e", "data[0].value[0]")),
        ({"data": [{"path": "a", "type": "string", "value": ["x"], "comparator": ">"}]}, ("e", "data[0].comparator")),
        ({"data": [{"path": "a", "type": "number", "value": ["1", "x"]}]}, ("e", "data[0].value[1]")),
        ({"data": [{"path": "a", "type": "bool", "value": ["yes"]}]}, ("e", "data[0].value[0]")),
        ({"data": [{"path": "a", "type": "bool", "value": ["1"], "comparator": "!="}]}, ("w", "data[0].comparator")),
        ({"data": [{"path": "a", "type": "date", "value": ["x"]}]}, ("e", "data[0].type")),
        ({"data": [{"path": "a", "type": "string", "value": ["x"], "template": "{{"}]}, ("e", "data[0].template")),
        ({"context": {"type": "x", "id": "y"}}, ("w", "context.id")),
        ({"cel": "body.ref == "}, ("e", "cel")),
        ({"dta": []}, ("w", "dta")),
    ],
)
def test_filters(filters, expected):
    severity, path = expected
    assert advice(dependency={"filters": filters}) == [(severity, f"dependencies[0].filters.{path}")]


def test_scripts_are_compiled_where_somebody_can():
    dependency = {"filters": {"script": "x"}, "transform": {"jq": "y"}}
    assert advice(dependency=dependency) == []
    assert advice(dependency=dependency, scripts=NoProgramCompiles()) == [
        ("e", "dependencies[0].filters.script"),
        ("e", "dependencies[0].transform.jq"),
    ]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ({}, ("e", "")),
        ({"log": {}, "conditions": "d && other"}, ("e", ".conditions")),
        ({"log": {}, "http": {"url": "http://x"}}, ("w", ".log")),
        ({"Log": {}}, ("w", ".Log")),
        ({"log": {}, "atLeastOnce": True}, ("w", ".atLeastOnce")),
        ({"log": {"interval": 5}}, ("w", ".log.interval")),
        ({"kafka": {"url": "u", "topic": "t", "payload": []}}, ("w", ".kafka")),
        ({"k8s": {"source": {"resource": {"metadata": {}}}}}, ("e", ".k8s.source")),
        ({"k8s": {"source": {"git": {"url": "u"}}}}, ("w", ".k8s.source.git")),
    ],
)
def test_templates(template, expected):
    severity, path = expected
    assert advice(template=template) == [(severity, f"triggers[0].template{path}")]


@pytest.mark.parametrize(
    ("url", "works"),
    [
        ("http://host", True),
        ("HTTPS://user:password@host:8443/a b?c", True),
        ("http://[::1]:80/", True),
        ("ftp://host/path", False),
        ("host/path", False),
        ("//host/path", False),
        ("https:host/path", False),
        ("http:///path", False),
        ("http://", False),
        ("http://ho st/", False),
        ("http://host:99999/", False),
        ("http://host:0/", False),
        ("http://[::1/", False),
        ("http://host/\n", False),
    ],
)
def test_an_http_trigger_needs_an_address_that_a_request_can_go_to(url, works):
    wrong = [("e", "triggers[0].template.http.url")]
    written = {"src": {"dependencyName": "d", "dataKey": "body.url"}, "dest": "url"}
    assert advice(template={"http": {"url": url}}) == ([] if works else wrong)
    assert advice(template={"http": {"url": url, "parameters": [written]}}) == []  # the event has the say
    assert advice(template={"http": {"url": url}}, parameters=[{**written, "dest": "http.url"}]) == []
    assert advice(template={"http": {"url": url, "parameters": [{**written, "dest": "method"}]}}) == (
        [] if works else wrong
    )


@pytest.mark.parametrize(
    ("src", "expected"),
    [
        ({"dependencyName": "dd"}, ("w", ".dependencyName")),
        ({"dependencyName": "d", "dataTemplate": "{{ .x "}, ("e", ".dataTemplate")),
        ({"dependencyName": "d", "contextTemplate": "{{ nofunc }}"}, ("e", ".contextTemplate")),
        ({"dependencyName": "d", "dataKey": "a", "contextKey": "b"}, ("w", "")),
    ],
)
def test_parameters(src, expected):
    severity, path = expected
    parameter = {"src": src, "dest": "a"}
    assert advice(parameters=[parameter]) == [(severity, f"triggers[0].parameters[0].src{path}")]
    payload = {"http": {"url": "http://x", "payload": [parameter]}}
    assert (severity, f"triggers[0].template.http.payload[0].src{path}") in advice(template=payload)


def test_limits_and_pauses():
    assert advice(rateLimit={"requestsPerUnit": 0}) == [("e", "triggers[0].rateLimit.requestsPerUnit")]
    assert advice(rateLimit={"unit": "Week", "requestsPerUnit": 1}) == [("e", "triggers[0].rateLimit.unit")]
    assert advice(retryStrategy={"duration": "5x"}) == [("e", "triggers[0].retryStrategy.duration")]
