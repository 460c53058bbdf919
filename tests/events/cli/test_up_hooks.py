"""What must outlive the source process of ``up`` for hooks."""

from __future__ import annotations

import itertools
from typing import Any

from events.cli.plan import Plan
from events.cli.up_hooks import HookChanges, hold_old_secrets, want_hooks
from events.models.shared import SecretKeySelector
from events.secrets import Vault

SECRET = ("secret", "ns", "forge", "secret")
SELECTOR = SecretKeySelector(name="forge", key="secret")


def source(name: str, **more: Any) -> dict[str, Any]:
    push = {
        "webhook": {"endpoint": "/push", "port": "1", "url": "https://x"},
        "organizations": ["octo"],
        "events": ["push"],
        "apiToken": {"name": "forge", "key": "token"},
        "webhookSecret": {"name": "forge", "key": "secret"},
        **more,
    }
    return {"metadata": {"name": name, "namespace": "ns"}, "spec": {"github": {"push": push}}}


def plan(secret: bytes, *names: str) -> Plan:
    return Plan(sources=[source(name) for name in names], vault={SECRET: secret})


def accepted(changes: HookChanges, now: Plan) -> tuple[bytes, ...]:
    vault = Vault(now.vault)
    hold_old_secrets({"sources": now.sources, "hooks": changes.to_wire(now)}, vault)
    return vault.accepted("ns", SELECTOR)


def removed(changes: HookChanges, now: Plan) -> list[str]:
    return [body["metadata"]["name"] for body in changes.to_wire(now)["removed"]]


def test_old_values_of_hooks_secrets_outlive_a_change_the_latest_first() -> None:
    changes, steps = HookChanges(), [plan(secret, "a") for secret in (b"one", b"two", b"three")]
    for old, new in itertools.pairwise(steps):
        changes.take_up(old, new)
    assert accepted(changes, steps[-1]) == (b"three", b"two", b"one")


def test_a_value_that_comes_back_is_not_old() -> None:
    changes, one, two = HookChanges(), plan(b"one", "a"), plan(b"two", "a")
    changes.take_up(one, two)
    changes.take_up(two, one)
    assert accepted(changes, one) == (b"one", b"two")


def test_a_source_that_is_gone_is_told_with_what_it_needs_until_it_comes_back() -> None:
    changes, both, one = HookChanges(), plan(b"s", "a", "b"), plan(b"s", "a")
    changes.take_up(both, one)
    assert removed(changes, one) == ["b"]
    assert changes.vault({}) == {SECRET: b"s"}
    changes.take_up(one, both)
    assert removed(changes, both) == []


def test_of_a_change_that_was_not_taken_up_nothing_is_gone() -> None:
    changes, both, one = HookChanges(), plan(b"s", "a", "b"), plan(b"s", "a")
    changes.take_up(both, one)
    assert removed(changes, both) == []


def test_hooks_are_wanted_with_credentials_and_a_url() -> None:
    assert want_hooks([source("a")])
    assert not want_hooks([source("a", apiToken=None)])
    assert not want_hooks([source("a", webhook={"endpoint": "/push", "port": "1"})])
    assert not want_hooks([{"spec": {"github": {"push": 5}}}])
