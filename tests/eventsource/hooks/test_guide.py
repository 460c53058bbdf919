"""The EventSource of a well-known guide, as it is written, over HTTP: GitLab at its ``gitlabBaseURL`` gets the hook, and loses it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from events.errors import SpecError
from events.models.base import parse
from events.models.eventsource import EventSource
from events.models.shared import TLSConfig
from events.secrets import Vault
from eventsource.hooks import running
from eventsource.hooks.running import run_hooks
from eventsource.hooks.tls import client_context
from tests.support.forges.bitbucketserver import FakeBitbucketServer
from tests.support.forges.gitlab import FakeGitLab
from tests.support.forges.managed import Store, selector

GUIDE = Path(__file__).resolve().parents[3] / "examples/02-gitlab-merge-request/manifests.yaml"
SECRETS = {"gitlab-token": b"glpat-abc", "webhook-secret": b"s3cret"}


def guide(gitlab: str) -> EventSource:
    """Its EventSource, with another address of GitLab."""
    documents = yaml.safe_load_all(GUIDE.read_text())
    (source,) = (one for one in documents if one["kind"] == "EventSource" and "pr" in one["spec"].get("gitlab", {}))
    source["spec"]["gitlab"] = {"pr": source["spec"]["gitlab"]["pr"] | {"gitlabBaseURL": gitlab}}
    return parse(EventSource, source)


def vault(values: dict[str, bytes], name: str = "gitlab-secret") -> Vault:
    return Vault({("secret", "default", name, key): value for key, value in values.items()})


async def until(condition: Callable[[], object], work: Any) -> None:
    """Do ``work`` until it is so."""
    task = asyncio.create_task(work)
    try:
        async with asyncio.timeout(20):
            while not condition() and not task.done():
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert condition()


async def test_the_hook_has_four_switches_and_no_tls_check_and_goes_with_the_eventsource() -> None:
    fake, store = FakeGitLab(hooks={"projects/cmp/al-cloud": []}), Store()
    hooks = fake.hooks["projects/cmp/al-cloud"]
    async with fake.serve() as url:
        await until(lambda: hooks, run_hooks([guide(url)], vault(SECRETS), store))
        (hook,) = hooks
        on = {name for name, value in hook.items() if name.endswith("_events") and value}
        assert on == {"push_events", "merge_requests_events", "tag_push_events", "note_events"}
        assert hook["url"] == "http://172.11.0.6:32168/push"
        assert hook["enable_ssl_verification"] is False
        assert hook["token"] == "s3cret"

        await until(lambda: not hooks, run_hooks([], vault(SECRETS), store, removed=[guide(url)]))


async def test_long_lists_come_whole_over_the_network() -> None:
    """Two hundred hooks of others, each with a long description, and behind them ours."""
    other = {"push_events": True, "description": "x" * 20_000}
    fake = FakeGitLab(page=100)
    hooks: list[Any] = [{**other, "id": number, "url": f"https://e.example/{number}"} for number in range(1, 201)]
    hooks.append({"id": 999, "url": "http://172.11.0.6:32168/push", "push_events": False})
    fake.hooks["projects/cmp/al-cloud"] = hooks
    async with fake.serve() as url:
        await until(lambda: hooks[-1]["push_events"], run_hooks([guide(url)], vault(SECRETS), Store()))

    assert len(hooks) == 201


@pytest.mark.parametrize("known", [True, False])
async def test_the_forge_may_have_a_certificate_of_its_own_authority(known: bool) -> None:
    authority, other = trustme.CA(), trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    fake = FakeBitbucketServer(hooks={"P/r": []})
    pem = (authority if known else other).cert_pem.bytes()
    secrets = vault({"token": b"bbs-token", "ca": pem}, "forge")
    states: list[str] = []

    async with fake.serve(context) as url:
        source = server(url)
        report = run_hooks(
            [source], secrets, Store(), report=lambda hooks: states.extend(one["state"] for one in hooks)
        )
        await until(lambda: states, report)

    assert states == (["created"] if known else ["failing"])
    assert len(fake.hooks["P/r"]) == known


async def test_another_authority_needs_no_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_TICK", 0.05)
    authority, other = trustme.CA(), trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    fake, states = FakeBitbucketServer(hooks={"P/r": []}), list[str]()
    secrets = vault({"token": b"bbs-token", "ca": other.cert_pem.bytes()}, "forge")

    def told(hooks: list[dict[str, Any]]) -> None:
        states.extend(one["state"] for one in hooks)
        secrets.replace(dict(vault({"token": b"bbs-token", "ca": authority.cert_pem.bytes()}, "forge").items()))

    async with fake.serve(context) as url:
        await until(lambda: "created" in states, run_hooks([server(url)], secrets, Store(), report=told))
    assert states[0] == "failing"


@pytest.mark.parametrize("proven", [True, False])
async def test_we_may_have_a_certificate_of_our_own(proven: bool) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    ours = authority.issue_cert("pointsman.example")
    pair = {"crt": b"".join(one.bytes() for one in ours.cert_chain_pems), "key": ours.private_key_pem.bytes()}
    secrets = vault({"token": b"bbs-token", "ca": authority.cert_pem.bytes(), **pair}, "forge")
    tls = {"clientCertSecret": selector("crt"), "clientKeySecret": selector("key")} if proven else {}
    fake, states = FakeBitbucketServer(hooks={"P/r": []}), list[str]()

    async with fake.serve(context) as url:
        source = server(url, **tls)
        report = run_hooks(
            [source], secrets, Store(), report=lambda hooks: states.extend(one["state"] for one in hooks)
        )
        await until(lambda: states, report)

    assert states == (["created"] if proven else ["failing"])


@pytest.mark.parametrize(
    ("tls", "what"),
    [
        ({"caCertSecret": selector("no")}, "no certificates"),
        ({"clientCertSecret": selector("no")}, "belong together"),
        ({"clientCertSecret": selector("no"), "clientKeySecret": selector("no")}, "cannot be used"),
        ({"caCertSecret": selector("none")}, "no key 'none'"),
    ],
)
def test_certificates_that_cannot_be_used_are_told(tls: dict[str, Any], what: str) -> None:
    with pytest.raises(SpecError, match=what):
        client_context(vault({"no": b"\xff no PEM"}, "forge"), "default", parse(TLSConfig, tls))


def server(url: str, **tls: Any) -> EventSource:
    """One with a hook at a Bitbucket Server."""
    event = {
        "webhook": {"endpoint": "/push", "port": "12000", "url": "https://events.example"},
        "repositories": [{"projectKey": "P", "repositorySlug": "r"}],
        "events": ["repo:refs_changed"],
        "bitbucketserverBaseURL": f"{url}/rest",
        "accessToken": selector("token"),
        "tls": {"caCertSecret": selector("ca"), **tls},
    }
    metadata = {"name": "source", "namespace": "default"}
    return parse(EventSource, {"metadata": metadata, "spec": {"bitbucketserver": {"push": event}}})


@pytest.mark.parametrize(("token", "state", "left"), [("glpat-abc", "deleted", 0), ("another", "refused", 1)])
async def test_what_becomes_of_a_deletion_is_told(token: str, state: str, left: int) -> None:
    fake, states = FakeGitLab(hooks={"projects/cmp/al-cloud": []}), list[str]()
    fake.hooks["projects/cmp/al-cloud"].append({"id": 1, "url": "http://172.11.0.6:32168/push"})
    fake.token = token
    async with fake.serve() as url, asyncio.timeout(20):
        await run_hooks(
            [],
            vault(SECRETS),
            Store(),
            removed=[guide(url)],
            report=lambda hooks: states.extend(one["state"] for one in hooks),
        )

    assert states == [state]
    assert len(fake.hooks["projects/cmp/al-cloud"]) == left
