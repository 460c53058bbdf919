import json
from typing import Any
from urllib.parse import quote_plus

import pytest

from events.errors import Rejected
from events.models.base import parse
from eventsource.webhooks.github import GitHub, GitHubConfig
from tests.eventsource.suite import ForgeContract, delivery, listener, sha256, sources

CONFIG = {
    "webhook": {"endpoint": "/hook", "port": "12000"},
    "repositories": [{"owner": "o", "names": ["r"]}],
    "webhookSecret": {"name": "s", "key": "now"},
}
OPEN = {name: value for name, value in CONFIG.items() if name != "webhookSecret"}
JSON = {"Content-Type": "application/json", "X-GitHub-Event": "push", "X-GitHub-Delivery": "d-1"}


class TestGitHub(ForgeContract):
    kind = "github"
    config = CONFIG
    signature = "X-Hub-Signature-256"

    def headers(self, key: bytes, body: bytes) -> dict[str, str]:
        return {**JSON, self.signature: sha256(key, body)}

    @pytest.mark.parametrize("text", ["sha256:00", "md5=00", "SHA256=00", "=", "sha256"])
    def test_other_spellings_of_a_signature_are_refused(self, text: str) -> None:
        self.refused({**JSON, self.signature: text})

    def test_a_form_is_signed_as_it_was_sent(self) -> None:
        form = b"payload=" + quote_plus(self.body).encode()
        headers = {**self.headers(self.key, form), "Content-Type": "application/x-www-form-urlencoded"}
        assert b'"number":7' in self.receive(headers, form).events[0].data
        with pytest.raises(Rejected):
            self.receive({**headers, self.signature: sha256(self.key, self.body)}, form)


def body_of(data: bytes) -> str:
    return data.split(b'"body":', 1)[1][:-1].decode()


def test_the_event_and_the_delivery_id_become_members_of_the_body() -> None:
    body = b'{"z":1.0,"a":9007199254740993,"X-GitHub-Event":"forged"}'
    (event,) = listener("github", OPEN).receive(delivery(body, JSON)).events
    assert body_of(event.data) == '{"X-GitHub-Delivery":"d-1","X-GitHub-Event":"push","a":9007199254740992,"z":1}'


@pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"1", b'{"n":1e400}'])
def test_what_is_no_object_of_numbers_that_go_knows_is_refused(body: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        listener("github", OPEN).receive(delivery(body, JSON))
    assert caught.value.status == 400


def test_metadata_stands_behind_the_body() -> None:
    (event,) = listener("github", {**OPEN, "metadata": {"b": "<", "a": "1"}}).receive(delivery(b"{}", JSON)).events
    assert event.data.endswith(b',"metadata":{"a":"1","b":"\\u003c"}}')
    assert list(json.loads(event.data)) == ["headers", "body", "metadata"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"repositories": []}, ""),
        ({"organizations": ["acme"]}, ""),
        ({"contentType": "xml"}, ".contentType"),
        ({"githubBaseURL": "https://git.example"}, ""),
        ({"webhook": None}, ".webhook"),
        ({"webhook": {"endpoint": "/x", "port": "abc"}}, ".webhook.port"),
        ({"githubApp": {"appID": "7"}}, ".githubApp.appID"),
    ],
)
def test_a_wrong_configuration_is_named_by_its_field(change: dict[str, object], path: str) -> None:
    (error,) = sources({"github": {"hook": {**OPEN, **change}}}).errors
    assert error.path == f"EventSource ns/es: spec.github.hook{path}"


APP = {
    "webhook": {"endpoint": "/hook", "port": "12000"},
    "githubApp": {"appID": 7, "privateKey": {"name": "s", "key": "now"}, "webhook": True},
    "events": ["push"],
}


@pytest.mark.parametrize(
    ("named", "event", "body", "taken"),
    [
        (
            {"repositories": [{"owner": "Octo", "names": ["hello"]}]},
            "push",
            {"repository": {"full_name": "octo/Hello"}},
            1,
        ),
        (
            {"repositories": [{"owner": "octo", "names": ["hello"]}]},
            "push",
            {"repository": {"full_name": "octo/other"}},
            0,
        ),
        ({"owner": "octo", "repository": "hello"}, "push", {"repository": {"full_name": "octo/hello"}}, 1),
        ({"organizations": ["octo"]}, "push", {"organization": {"login": "OCTO"}, "repository": {}}, 1),
        ({"organizations": ["octo"]}, "push", {"repository": {"full_name": "octo/hello"}}, 0),
        ({"organizations": ["octo"]}, "issues", {"organization": {"login": "octo"}}, 0),
        ({"organizations": ["octo"]}, "push", {"repository": 5}, 0),
        ({"organizations": ["octo"], "events": ["*"]}, "issues", {"organization": {"login": "octo"}}, 1),
    ],
)
def test_of_the_hook_of_an_app_only_what_is_named_is_kept(
    named: dict[str, Any], event: str, body: dict[str, Any], taken: int
) -> None:
    sent = delivery(json.dumps(body).encode(), {**JSON, "X-GitHub-Event": event})
    assert len(listener("github", {**APP, **named}).receive(sent).events) == taken


def test_a_delivery_of_an_app_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(Rejected):
        listener("github", {**APP, "organizations": ["octo"]}).receive(delivery(b"{", JSON))


@pytest.mark.parametrize(
    ("config", "told"),
    [({}, True), ({"active": False}, False), ({"active": True}, False), ({"apiToken": None}, False)],
)
def test_a_hook_that_would_be_made_switched_off_is_told(config: dict[str, Any], told: bool) -> None:
    context = {"endpoint": "/h", "port": "12000", "url": "https://events.example"}
    whole = {"webhook": context, "events": ["push"], "apiToken": {"name": "n", "key": "k"}, **config}
    findings = GitHub.advise(parse(GitHubConfig, whole), "spec")
    assert ("spec.active" in [finding.path for finding in findings]) is told
