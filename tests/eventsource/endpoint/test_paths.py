from __future__ import annotations

import pytest

from eventsource.endpoint.answers import Refusal
from eventsource.endpoint.paths import Target, cleaned, routed, webhook_namespace


def target(method: str, raw: str, **more: str) -> Target | int:
    """The target, or the status of the refusal."""
    try:
        return routed(method, cleaned(raw), **more)
    except Refusal as refusal:
        return refusal.status


@pytest.mark.parametrize(
    ("raw", "namespace", "discriminator"),
    [
        ("/api/v1/events/ns/", "ns", ""),
        ("/api/v1/events/ns/d", "ns", "d"),
        ("/api/v1/events/ns/d?x=/../y", "ns", "d"),
        ("/api/v1/events/ns%2Fd", "ns", "d"),
        ("/api/v1/events/ns/a%20b+c", "ns", "a b+c"),
        ("/api/v1/events/ns/a:", "ns", "a"),
        ("/api/v1/events/ns/%C3%A9", "ns", "é"),
        ("/api/v1/events/ns/%ff", "ns", "\ufffd"),
    ],
)
def test_an_event_has_a_namespace_and_a_discriminator(raw: str, namespace: str, discriminator: str) -> None:
    assert target("POST", raw) == ("receive", namespace, discriminator)


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        ("POST", "/api/v1/events/ns"),
        ("POST", "/api/v1/events/ns/d/"),
        ("POST", "/api/v1/events/ns/a%2Fb"),
        ("POST", "/api/v1/events/ns/a:b"),
        ("POST", "/api/v1/events/ns/a%3Ab"),
        ("POST", "/api/v1/events/ns/:"),
        ("GET", "/api/v1/events/ns/d"),
        ("POST", "/"),
        ("POST", "/api/v2/events/ns/d"),
    ],
)
def test_what_is_not_routed_is_501(method: str, raw: str) -> None:
    assert target(method, raw) == 501


@pytest.mark.parametrize(
    ("raw", "location"),
    [
        ("/api/v1/events//d", "/api/v1/events/d"),
        ("//api/v1/events/ns/d?a=1", "/api/v1/events/ns/d?a=1"),
        ("/api/v1/events/ns/../d/", "/api/v1/events/d/"),
        ("/api", "/api/"),
    ],
)
def test_an_unclean_path_is_redirected(raw: str, location: str) -> None:
    with pytest.raises(Refusal) as refusal:
        cleaned(raw)
    assert refusal.value.answer.status == 307
    assert refusal.value.answer.headers["Location"] == location


def test_a_path_that_cannot_be_decoded_is_400() -> None:
    assert target("POST", "/api/v1/events/ns/%zz") == 400


def test_a_form_may_override_its_method() -> None:
    form = "application/x-www-form-urlencoded"
    assert target("POST", "/api/v1/events/ns/d", override="get", content_type=form) == 501
    assert target("POST", "/api/v1/events/ns/d", override="get", content_type="text/plain") == ("receive", "ns", "d")


@pytest.mark.parametrize(
    ("method", "path", "namespace"),
    [
        ("POST", "/api/v1/events/ns/", "ns"),
        ("POST", "/api/v1/events/ns/a/b", "ns"),
        ("POST", "/api/v1/events/ns", None),
        ("GET", "/api/v1/events/ns/d", None),
        ("POST", "/api/v1/event/ns/d", None),
    ],
)
def test_webhook_clients_vouch_for_posts_below_a_namespace(method: str, path: str, namespace: str | None) -> None:
    assert webhook_namespace(method, path) == namespace
