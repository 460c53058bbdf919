"""The plan from the hooks that are there to those that are wanted."""

from __future__ import annotations

import pytest

from eventsource.hooks.plan import Desired, Existing, Sealed, Target, plan

REPOSITORY = Target("repository", "octo/hello")
URL = "https://events.example/push"


def wish(*events: str, secret: bytes | None = None, **fields: str | bool) -> Desired:
    return Desired(REPOSITORY, URL, frozenset(events), fields, Sealed(secret) if secret is not None else None)


def hook(id: str, *events: str, url: str = URL, has_secret: bool | None = None, **fields: str | bool) -> Existing:
    return Existing(REPOSITORY, id, url, frozenset(events), fields, has_secret)


def steps(*args: object) -> list[tuple[str, str]]:
    found = plan(*args)  # type: ignore[arg-type]
    return [(step.action, step.hook.id if step.hook is not None else "") for step in found]


def test_a_missing_hook_is_created() -> None:
    assert steps([wish("push")], [hook("1", "push", url="https://other.example/")]) == [("create", "")]


def test_a_hook_that_is_as_it_should_be_is_kept() -> None:
    assert steps([wish("push", active=True)], [hook("1", "push", active=True)]) == [("keep", "1")]


def test_a_field_that_the_forge_does_not_tell_makes_no_difference() -> None:
    assert steps([wish("push", active=True)], [hook("1", "push")]) == [("keep", "1")]


@pytest.mark.parametrize(
    ("there", "reason"),
    [
        (hook("1", "push", "issues"), "events: issues, push → push"),
        (hook("1", "push", content_type="form"), "content_type: form → json"),
    ],
)
def test_what_differs_is_updated_and_told(there: Existing, reason: str) -> None:
    (step,) = plan([wish("push", content_type="json")], [there])
    assert (step.action, step.reason) == ("update", reason)


def test_of_several_with_our_url_the_oldest_stays_and_goes_last() -> None:
    there = [hook("10", "push"), hook("9", "issues"), hook("11", "push")]
    assert steps([wish("push")], there) == [("update", "9"), ("delete", "10"), ("delete", "11")]


def test_a_hook_that_is_told_twice_is_one() -> None:
    """As when something is deleted at the forge between two pages of a list."""
    assert steps([wish("push")], [hook("9", "push"), hook("9", "push")]) == [("keep", "9")]


def test_hooks_of_others_are_not_mentioned() -> None:
    assert steps([], [hook("1", "push"), hook("2", "push", url=f"{URL}/")]) == []


def test_events_on_one_url_are_one_hook() -> None:
    (step,) = plan([wish("push"), wish("issues")], [])
    assert step.desired is not None
    assert step.desired.events == {"push", "issues"}


@pytest.mark.parametrize(
    ("secret", "has_secret", "known", "action"),
    [
        (b"new", True, None, "update"),
        (b"new", True, b"old", "update"),
        (b"new", True, b"new", "keep"),
        (b"new", False, b"new", "update"),
        (None, True, None, "update"),
        (None, False, None, "keep"),
        (None, None, None, "keep"),
    ],
)
def test_a_secret_is_set_when_it_may_be_another(
    secret: bytes | None, has_secret: bool | None, known: bytes | None, action: str
) -> None:
    wanted, remembered = wish("push", secret=secret), {}
    if known is not None:
        remembered[REPOSITORY, "1"] = Sealed(known).fingerprint(REPOSITORY, URL)
    assert steps([wanted], [hook("1", "push", has_secret=has_secret)], remembered) == [(action, "1")]


def test_a_secret_that_the_forge_tells_is_believed() -> None:
    wanted = wish("push", secret=b"new")
    there = Existing(REPOSITORY, "1", URL, frozenset(("push",)), has_secret=True, fingerprint=wanted.fingerprint)
    assert steps([wanted], [there], {(REPOSITORY, "1"): "another"}) == [("keep", "1")]


def test_a_secret_is_never_shown() -> None:
    assert "hunter2" not in repr(wish("push", secret=b"hunter2"))
    assert Sealed(b"a").fingerprint(REPOSITORY, URL) != Sealed(b"a").fingerprint(Target("repository", "octo/b"), URL)
