"""The hints of the log for posts that were refused."""

from __future__ import annotations

import pytest
import structlog

from events.secrets import Vault
from eventsource.endpoint.clients import SECRET_NAME
from eventsource.endpoint.cures import cure
from eventsource.endpoint.local import LocalGate
from eventsource.endpoint.service import EndpointSettings
from tests.support.cluster import MemoryCluster
from tests.support.endpoint import on_cluster, post

CLIENTS = Vault({("secret", "ci", SECRET_NAME, "bot"): b'{"type": "github", "secret": "s"}'})


@pytest.mark.parametrize(
    ("status", "method", "path", "says"),
    [
        (501, "POST", "/api/v1/events/ci", "needs its last slash: /api/v1/events/ci/"),
        (501, "POST", "/api/v1/events/ci?x=/", "needs its last slash: /api/v1/events/ci/"),
        (501, "PUT", "/api/v1/events/ci/", "PUT is not served"),
        (501, "POST", "/hook", "/api/v1/events/NAMESPACE/"),
        (401, "POST", "/api/v1/events/ci/x", "into ci"),
        (403, "POST", "/api/v1/events/ci/x", f"{SECRET_NAME} of namespace ci"),
        (400, "POST", "/api/v1/events/ci/x", ""),
    ],
)
def test_the_cure_fits_the_status_and_the_path(status: int, method: str, path: str, says: str) -> None:
    hint = cure(status, method, path, lambda namespace: f"into {namespace}")
    assert says in hint
    assert bool(says) == bool(hint)


@pytest.mark.parametrize(
    ("token", "vault", "says"),
    [
        (None, Vault({}), f"there is neither a --token nor a Secret {SECRET_NAME} in namespace ci"),
        (None, CLIENTS, "the client's secret"),
        (b"t", Vault({}), "Authorization: Bearer"),
    ],
)
def test_without_a_cluster_the_hint_says_what_is_missing(token: bytes | None, vault: Vault, says: str) -> None:
    assert says in LocalGate(vault, token, {}).ways_in("ci")


async def test_the_log_has_the_hint_and_the_answer_has_not() -> None:
    with structlog.testing.capture_logs() as lines:
        async with on_cluster(MemoryCluster(), EndpointSettings()) as address:
            answer = await post(address, "/api/v1/events/ns")
    assert (answer.status, answer.json["message"]) == (501, "Not Implemented")
    [line] = [line for line in lines if line["event"] == "post refused"]
    assert "last slash" in line["hint"]
