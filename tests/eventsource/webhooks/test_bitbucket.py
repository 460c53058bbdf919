from tests.eventsource.suite import ForgeContract, sha256, sources

CONFIG = {
    "webhook": {"endpoint": "/hook", "port": "12000"},
    "repositories": [{"owner": "o", "repositorySlug": "r"}],
    "events": ["repo:push"],
    "webhookSecret": {"name": "s", "key": "now"},
}


class TestBitbucket(ForgeContract):
    kind = "bitbucket"
    config = CONFIG
    signature = "X-Hub-Signature"

    def headers(self, key: bytes, body: bytes) -> dict[str, str]:
        return {"X-Event-Key": "repo:push", "X-Request-UUID": "d-1", self.signature: sha256(key, body)}


def test_a_repository_must_be_named() -> None:
    (error,) = sources({"bitbucket": {"hook": {**CONFIG, "repositories": []}}}, {"now": b"x"}).errors
    assert error.path.endswith(".repositories")
