import json

import pytest

from events.errors import Rejected
from eventsource.answers import Served, publish
from eventsource.metrics import EventMetrics
from tests.eventsource.suite import ForgeContract, MemoryBus, delivery, listener, sha256, sources

CONFIG = {
    "webhook": {"endpoint": "/hook", "port": "12000"},
    "bitbucketserverBaseURL": "https://bitbucket.example/rest",
    "webhookSecret": {"name": "s", "key": "now"},
}
SPLIT = {**CONFIG, "webhookSecret": None, "oneEventPerChange": True}
REFS = {"X-Event-Key": "repo:refs_changed", "X-Request-Id": "d-1"}


class TestBitbucketServer(ForgeContract):
    kind = "bitbucketserver"
    config = CONFIG
    signature = "X-Hub-Signature"

    def headers(self, key: bytes, body: bytes) -> dict[str, str]:
        return {"X-Event-Key": "pr:opened", "X-Request-Id": "d-1", self.signature: sha256(key, body)}

    def test_hexadecimal_digits_may_be_capitals(self) -> None:
        headers = self.headers(self.key, self.body)
        capitals = "sha256=" + headers[self.signature].removeprefix("sha256=").upper()
        assert self.receive({**headers, self.signature: capitals}).events

    def test_another_prefix_is_refused(self) -> None:
        headers = self.headers(self.key, self.body)
        self.refused({**headers, self.signature: headers[self.signature].replace("sha256", "sha512")})


def test_each_change_is_an_event_of_its_own() -> None:
    body = b'{"unknown":1,"Date":"d","changes":[{"refId":"a","x":1},null,{"refId":"<"}]}'
    received = listener("bitbucketserver", SPLIT).receive(delivery(body, REFS))
    changes = [json.loads(event.data)["body"]["changes"] for event in received.events]
    assert [change["refId"] for (change,) in changes] == ["a", "", "<"]
    assert len(set(received.ids)) == 3
    assert b'"refId":"\\u003c"' in received.events[2].data
    again = listener("bitbucketserver", SPLIT).receive(delivery(body, REFS))
    assert again.ids == received.ids


def test_missing_fields_have_their_zero_value_and_unknown_ones_are_lost() -> None:
    (event,) = listener("bitbucketserver", SPLIT).receive(delivery(b'{"x":1,"changes":[{}]}', REFS)).events
    body = json.loads(event.data)["body"]
    assert list(body) == ["eventKey", "date", "actor", "repository", "changes"]
    assert body["actor"]["links"] == {"self": None}
    assert body["repository"]["project"] == {
        "key": "", "id": 0, "name": "", "public": False, "type": "", "links": {"self": None}
    }  # fmt: skip


@pytest.mark.parametrize(
    "body", [b'{"eventKey":1}', b'{"actor":{"id":1.5}}', b'{"changes":{}}', b"[]", b'{"actor":[]}']
)
def test_fields_of_another_type_are_refused(body: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        listener("bitbucketserver", SPLIT).receive(delivery(body, REFS))
    assert caught.value.status == 400


@pytest.mark.parametrize("told", [True, False])
def test_an_option_that_can_do_nothing_is_told_at_start(told: bool) -> None:
    token = {} if told else {"accessToken": {"name": "s", "key": "now"}}
    compiled = sources({"bitbucketserver": {"hook": {**SPLIT, "skipBranchRefsChangedOnOpenPR": True, **token}}})
    assert compiled.errors == []
    assert any("nothing is left out" in warning.message for warning in compiled.warnings) is told


async def test_a_push_without_changes_is_answered_without_an_id() -> None:
    hook = listener("bitbucketserver", SPLIT)
    received = hook.take(delivery(b'{"changes":[]}', REFS))
    answer = await publish(Served(hook, MemoryBus(), EventMetrics("ns", "es", "empty")), received)
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body) == {"status": "filtered"}
