"""A hook that another EventSource wants, too, outlives an EventSource with deleteHookOnFinish."""

from __future__ import annotations

from typing import Any

import pytest

from events.controller.hook_job import hook_urls
from events.kube.control import Control
from tests.support.controlled import World, exotic_bus, running, source
from tests.support.kube import needs_control_plane, needs_kube

Object = dict[str, Any]


@pytest.mark.parametrize(
    ("webhook", "urls"),
    [
        ({"url": "https://a.example", "endpoint": "/push"}, {"https://a.example/push"}),
        ({"url": "https://a.example/base//", "endpoint": "push"}, {"https://a.example/base/push"}),
        ({"url": "", "endpoint": "/push"}, set()),
        ({"endpoint": "/push"}, set()),
        ({"url": 1, "endpoint": []}, set()),
        ("text", set()),
        (None, set()),
    ],
)
def test_the_urls_of_hooks_are_those_of_webhooks_with_a_url(webhook: object, urls: set[str]) -> None:
    spec = {"github": {"a": {"webhook": webhook}, "b": None}, "gitlab": [], "replicas": 1}
    assert hook_urls(spec) == urls


def github(endpoint: str) -> Object:
    context = {"port": "12000", "endpoint": endpoint, "method": "POST", "url": "https://hooks.example"}
    repositories = [{"owner": "o", "names": ["r"]}]
    return {"webhook": context, "events": ["*"], "repositories": repositories, "deleteHookOnFinish": True}


@pytest.mark.kube
@needs_kube
@needs_control_plane
async def test_an_eventsource_by_another_name_keeps_its_hooks(world: World, control: Control) -> None:
    async with running(control, namespaces=(world.namespace,)):
        await world.apply(exotic_bus(), source(github={"a": github("/a"), "b": github("/b")}))
        await world.apply(source("renamed", github={"a": github("/a")}))
        for name in ("hooks", "renamed"):
            await world.condition("EventSource", name, "Deployed", "True")
        await world.delete("EventSource", "hooks")
        job = await world.get("Job", "hooks-eventsource-hooks", "batch/v1")

    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["hooks", "delete", "--on-finish", "--keep-url=https://hooks.example/a"]
