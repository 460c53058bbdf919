import pytest

from events.errors import Rejected
from eventsource import signatures

GITHUB = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
STANDARD = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_example_of_github_is_accepted() -> None:
    key = b"It's a Secret to Everybody"
    signatures.hub_signature(f"sha256={GITHUB}", b"Hello, World!", [b"another", key])
    signatures.hub_signature(f"sha256={GITHUB.upper()}", b"Hello, World!", [key])


def test_the_example_of_standard_webhooks_is_accepted() -> None:
    key = signatures.signing_key(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signatures.standard_webhook(
        identifier="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp="1614265330",
        signatures=STANDARD,
        body=b'{"test": 2432232314}',
        keys=[key],
        now=1614265330 + signatures.TOLERANCE,
    )


def test_an_empty_key_opens_nothing() -> None:
    import hmac

    signature = hmac.new(b"", b"x", "sha256").hexdigest()
    with pytest.raises(Rejected):
        signatures.hub_signature(f"sha256={signature}", b"x", [b""])
    assert not signatures.token_matches("", [b""])
    with pytest.raises(Rejected):
        signatures.bearer("Bearer ", [b""])


@pytest.mark.parametrize("timestamp", ["", "x", "1e9", "-5", "²", "9" * 5000])
def test_an_odd_timestamp_is_refused(timestamp: str) -> None:
    with pytest.raises(Rejected) as caught:
        signatures.standard_webhook(
            identifier="i", timestamp=timestamp, signatures="v1,x", body=b"", keys=[b"k"], now=0
        )
    assert caught.value.status == 401
