"""Pushes of commits in open pull requests are left out; a forge that does not answer costs no event."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from events.errors import Rejected
from events.models.base import parse
from events.models.eventsource import EventSource
from events.secrets import Vault
from eventsource.hooks import Connect, pulls
from eventsource.hooks.pulls import OpenPulls, open_pulls
from eventsource.sources import Sources
from eventsource.webhooks.bitbucketserver import BitbucketServer
from tests.eventsource.suite import delivery
from tests.support.forges.base import Answer, Fault
from tests.support.forges.bitbucketserver import FakeBitbucketServer
from tests.support.forges.managed import selector

CONFIG = {
    "webhook": {"endpoint": "/push", "port": "12000"},
    "bitbucketserverBaseURL": "https://bitbucket.example/rest",
    "accessToken": selector("api"),
    "skipBranchRefsChangedOnOpenPR": True,
}
OPEN, MERGED, NONE = "a" * 40, "b" * 40, "c" * 40
PUSH = {"X-Event-Key": "repo:refs_changed", "X-Request-Id": "r-1"}


def fake() -> FakeBitbucketServer:
    return FakeBitbucketServer(hooks={"P/r": []}, pulls={OPEN: ["MERGED", "OPEN"], MERGED: ["MERGED"]})


def receiver(forge: FakeBitbucketServer, **config: Any) -> OpenPulls:
    spec = {"bitbucketserver": {"push": {**CONFIG, **config}}}
    source = parse(EventSource, {"metadata": {"name": "es", "namespace": "ns"}, "spec": spec})
    values = {"api": b"bbs-token", "secret": b"s"}
    vault = Vault({("secret", "ns", "forge", key): value for key, value in values.items()})
    (listener,) = Sources([source], vault).listeners
    assert isinstance(listener.webhook, BitbucketServer)
    assert open_pulls(listener, vault) is not None

    @contextlib.asynccontextmanager
    async def connections() -> AsyncIterator[Connect]:
        yield forge.connect

    return OpenPulls(listener, listener.webhook, vault, connections)


def change(commit: str, kind: str = "BRANCH", type: str = "UPDATE") -> dict[str, Any]:
    return {"ref": {"id": "refs/heads/b", "displayId": "b", "type": kind}, "toHash": commit, "type": type}


def push(*changes: dict[str, Any]) -> bytes:
    repository = {"slug": "r", "project": {"key": "P"}}
    return json.dumps({"eventKey": "repo:refs_changed", "repository": repository, "changes": changes}).encode()


async def commits(receiver: OpenPulls, body: bytes) -> list[list[str]]:
    """Those of each event."""
    received = await receiver.receive(delivery(body, PUSH))
    return [[one["toHash"] for one in json.loads(event.data)["body"]["changes"]] for event in received.events]


@pytest.mark.parametrize(
    ("changes", "whole", "split"),
    [
        ([change(OPEN)], [], []),
        ([change(MERGED), change(NONE)], [[MERGED, NONE]], [[MERGED], [NONE]]),
        ([change(OPEN), change(NONE)], [[OPEN, NONE]], [[NONE]]),
        ([change(OPEN, kind="TAG"), change(OPEN, type="DELETE")], [[OPEN, OPEN]], [[OPEN], [OPEN]]),
        ([], [], []),
    ],
)
async def test_a_push_counts_when_one_of_its_changes_does(
    changes: list[dict[str, Any]], whole: list[list[str]], split: list[list[str]]
) -> None:
    assert await commits(receiver(fake()), push(*changes)) == whole
    assert await commits(receiver(fake(), oneEventPerChange=True), push(*changes)) == split


async def test_an_event_keeps_its_id_whatever_else_is_left_out() -> None:
    body = push(change(OPEN), change(NONE))
    nothing = FakeBitbucketServer(hooks={"P/r": []})
    (event,) = (await receiver(fake(), oneEventPerChange=True).receive(delivery(body, PUSH))).events
    all_of_them = (await receiver(nothing, oneEventPerChange=True).receive(delivery(body, PUSH))).events
    assert [one.id for one in all_of_them][1:] == [event.id]


@pytest.mark.parametrize("fault", [Fault(None), Fault(Answer(500)), Fault(Answer(401)), Fault(Answer(200, {"x": 1}))])
async def test_a_forge_in_trouble_costs_no_event(fault: Fault) -> None:
    forge = fake()
    forge.fault = lambda request: fault
    assert await commits(receiver(forge), push(change(OPEN))) == [[OPEN]]


async def test_a_forge_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulls, "_LONGEST", 0.05)
    work = receiver(fake())

    @contextlib.asynccontextmanager
    async def never() -> AsyncIterator[Connect]:
        await asyncio.sleep(60)
        yield fake().connect

    work._connections = never
    assert await commits(work, push(change(OPEN))) == [[OPEN]]


async def test_nothing_is_asked_for_others() -> None:
    """Not for who is not who it says, for other events, or with what is no hash."""
    forge = fake()
    with pytest.raises(Rejected):
        await commits(receiver(forge, webhookSecret=selector("secret")), push(change(OPEN)))
    received = await receiver(forge).receive(delivery(b'{"changes":1}', {"X-Event-Key": "pr:opened"}))
    assert len(received.events) == 1
    assert await commits(receiver(forge), push(change("../../x"), change(""))) == [["../../x", ""]]
    elsewhere = push(change(OPEN)).replace(b'"P"', b'".."')
    assert await commits(receiver(forge), elsewhere) == [[OPEN]]
    assert forge.calls == []


async def test_of_many_commits_some_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulls, "_MOST", 3)
    forge = fake()
    hashes = [f"{number:040x}" for number in range(9)]
    assert len(await commits(receiver(forge), push(*(change(one) for one in hashes)))) == 1
    assert len(forge.calls) == 3


async def test_all_pages_are_read() -> None:
    forge = fake()
    forge.page = 2
    forge.pulls[MERGED] = ["MERGED"] * 5 + ["OPEN"]
    assert await commits(receiver(forge), push(change(MERGED))) == []
