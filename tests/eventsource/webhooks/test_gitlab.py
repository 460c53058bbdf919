import base64
import hmac

import pytest

from events.errors import Rejected
from tests.eventsource.suite import NOW, ForgeContract, delivery, listener, sources

CONFIG = {
    "webhook": {"endpoint": "/hook", "port": "12000"},
    "projects": ["7"],
    "events": ["PushEvents"],
    "accessToken": {"name": "s", "key": "api"},
    "gitlabBaseURL": "https://gitlab.example",
    "secretToken": {"name": "s", "key": "now"},
}


def signing_headers(secret: bytes, body: bytes, *, at: int = NOW) -> dict[str, str]:
    key = base64.b64decode(secret.removeprefix(b"whsec_"))
    signed = b"d-1.%d.%s" % (at, body)
    signature = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return {"webhook-id": "d-1", "webhook-timestamp": str(at), "webhook-signature": signature}


class TestGitLabSigning(ForgeContract):
    kind = "gitlab"
    config = CONFIG
    signature = "webhook-signature"
    key = b"whsec_" + base64.b64encode(b"0123456789abcdef01234567")
    other = b"whsec_" + base64.b64encode(b"another key of 24 bytes!")

    def headers(self, key: bytes, body: bytes) -> dict[str, str]:
        return signing_headers(key, body)

    @pytest.mark.parametrize("skew", [-301, 301])
    def test_an_old_or_future_delivery_is_refused(self, skew: int) -> None:
        self.refused(signing_headers(self.key, self.body, at=NOW + skew))

    def test_the_plain_token_does_not_replace_the_signature(self) -> None:
        self.refused({"X-Gitlab-Token": self.key.decode()})

    def test_one_good_signature_of_several_will_do(self) -> None:
        headers = self.headers(self.key, self.body)
        assert self.receive({**headers, self.signature: "v1,AAAA v2,x " + headers[self.signature]}).events


class TestGitLabToken:
    def receive(self, headers: dict[str, str]) -> list[str]:
        return (
            listener("gitlab", CONFIG, {"now": b"token-1", "now-previous": b"token-0"})
            .receive(delivery(b'{"a":1}', headers))
            .ids
        )

    @pytest.mark.parametrize("token", ["token-1", "token-0"])
    def test_either_token_is_taken(self, token: str) -> None:
        assert self.receive({"X-Gitlab-Token": token})

    @pytest.mark.parametrize("headers", [{}, {"X-Gitlab-Token": ""}, {"X-Gitlab-Token": "token-"}])
    def test_a_wrong_token_is_refused(self, headers: dict[str, str]) -> None:
        with pytest.raises(Rejected) as caught:
            self.receive(headers)
        assert caught.value.status == 401

    def test_a_signature_with_the_token_as_key_is_refused(self) -> None:
        with pytest.raises(Rejected):
            self.receive(signing_headers(base64.b64encode(b"token-1"), b'{"a":1}'))

    def test_a_delivery_is_known_by_its_idempotency_key(self) -> None:
        headers = {"X-Gitlab-Token": "token-1", "X-Gitlab-Event-UUID": "shared"}
        first, second = ({**headers, "Idempotency-Key": key} for key in "ab")
        assert self.receive(first) == self.receive(first) != self.receive(second)


def test_a_signing_secret_that_is_no_base64_is_an_error_at_start() -> None:
    (error,) = sources({"gitlab": {"hook": CONFIG}}, {"now": b"whsec_%%"}).errors
    assert error.reason == "SecretMalformed"


@pytest.mark.parametrize("field", ["events", "gitlabBaseURL", "accessToken"])
def test_a_missing_field_is_named(field: str) -> None:
    (error,) = sources({"gitlab": {"hook": {**CONFIG, field: None}}}, {"now": b"x"}).errors
    assert error.path.endswith(f".{field}")
