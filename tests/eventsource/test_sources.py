import pytest

from events.models.base import parse
from events.models.eventsource import EventSource
from events.secrets import Vault
from eventsource.sources import Sources
from tests.eventsource.suite import sources

HOOK = {"endpoint": "/hook", "port": "12000", "method": "POST"}


def test_one_wrong_event_does_not_keep_the_others_away() -> None:
    compiled = sources({"webhook": {"good": HOOK, "bad": {**HOOK, "port": "x"}, "worse": {**HOOK, "endpoint": ""}}})
    assert [listener.name for listener in compiled.listeners] == ["good"]
    assert [error.path for error in compiled.errors] == [
        "EventSource ns/es: spec.webhook.bad.port",
        "EventSource ns/es: spec.webhook.worse.endpoint",
    ]


def test_a_reference_without_a_key_keeps_an_event_away_only_where_the_secret_is_read() -> None:
    github = {"repositories": [{"owner": "o", "names": ["r"]}], "webhook": {**HOOK, "endpoint": "/github"}}
    read = {**HOOK, "authSecret": {"name": "a"}}
    compiled = sources({"webhook": {"read": read}, "github": {"unread": {**github, "apiToken": {"name": "a"}}}})
    assert [(error.path, error.message) for error in compiled.errors] == [
        ("EventSource ns/es: spec.webhook.read.authSecret.key", "must be given")
    ]
    assert [listener.name for listener in compiled.listeners] == ["unread"]


@pytest.mark.parametrize("name", ["a.b", "a b", "*", ">", ""])
def test_a_name_that_no_subject_can_carry_is_an_error(name: str) -> None:
    assert [error.reason for error in sources({"webhook": {name: HOOK}}).errors] == ["InvalidName"]


def test_names_differ_over_all_kinds() -> None:
    bitbucket = {"webhook": {"endpoint": "/b", "port": "1"}, "repositories": [{"owner": "o", "repositorySlug": "r"}]}
    assert [e.reason for e in sources({"webhook": {"a": HOOK}, "bitbucket": {"a": bitbucket}}).errors] == [
        "DuplicateName"
    ]


def test_two_sources_with_one_endpoint_are_an_error_that_names_both() -> None:
    raw = [{"metadata": {"name": name}, "spec": {"webhook": {"hook": HOOK}}} for name in ("one", "two")]
    (error,) = Sources([parse(EventSource, each) for each in raw], Vault(), namespace="ns").errors
    assert "ns/one" in error.message
    assert "ns/two" in error.message


def test_a_filter_that_does_not_compile_is_an_error() -> None:
    (error,) = sources({"webhook": {"hook": {**HOOK, "filter": {"expression": "body.("}}}}).errors
    assert error.path.endswith(".filter.expression")


def test_a_listener_has_the_bus_of_its_source() -> None:
    raw = {"metadata": {"name": "es"}, "spec": {"eventBusName": "other", "webhook": {"hook": HOOK}}}
    assert Sources([parse(EventSource, raw)], Vault()).listeners[0].bus == "other"


def test_a_kind_in_another_case_is_served() -> None:
    compiled = sources({"gitHub": {"push": {"webhook": {"endpoint": "/g", "port": "1"}, "organizations": []}}})
    assert not compiled.errors
    assert [listener.kind for listener in compiled.listeners] == ["github"]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"maxPayloadSize": 8 << 20}, ".maxPayloadSize"),
        ({"filter": {"expression": "boddy.x == 1"}}, ".filter.expression"),
    ],
)
def test_what_can_never_work_is_refused_by_its_field(more: dict[str, object], field: str) -> None:
    (error,) = sources({"webhook": {"hook": {**HOOK, **more}}}).errors
    assert error.path == f"EventSource ns/es: spec.webhook.hook{field}"


@pytest.mark.parametrize(("name", "endpoint", "path"), [("a.b", "/x", r"a\.b"), ("a", "/a/{", "a")])
def test_what_cannot_be_served_is_told_at_its_event(name: str, endpoint: str, path: str) -> None:
    (error,) = sources({"webhook": {name: {**HOOK, "endpoint": endpoint}}}).errors
    assert error.path == f"EventSource ns/es: spec.webhook.{path}"
