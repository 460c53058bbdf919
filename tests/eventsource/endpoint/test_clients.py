import pytest

from eventsource.endpoint import clients, signers
from eventsource.endpoint.clients import Clients
from eventsource.endpoint.signers.hmac import Hmac
from tests.support.cost import BOUNDED, cpu_seconds

SIGNING = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cw=="


def read(**entries: str) -> Clients:
    return clients.read({name.replace("_", "."): text.encode() for name, text in entries.items()})


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("type: gitlab\nsecret: abc", "abc"),
        ("SECRET: abc\nType: gitlab # who\nmore: {of: it}", "abc"),
        ("type: gitlab\nsecret: one\nsecret: two", "two"),
        ("type: gitlab\nSECRET: one\nsecret: two", "two"),
        ("type: gitlab\nsecret: two\nSECRET: one", "two"),
        ("type: gitlab\nSECRET: one\nsecret:", "one"),
        ("type: gitlab\nsecret: abc\n---\ntype: github", "abc"),
        ("type: gitlab\nsecret: abc\n---\n{", "abc"),
        ("type: gitlab\nsecret: '0123'", "0123"),
        ("type: gitlab\nsecret: 0123", "83"),
        ("type: gitlab\nsecret: 0x10", "16"),
        ("type: gitlab\nsecret: on", "true"),
        ("type: gitlab\nsecret: No", "false"),
        ("type: gitlab\nsecret: 2.50", "2.5"),
        ("type: gitlab\nsecret: 1e6", "1e+06"),
        ("type: gitlab\nsecret: 1234567.5", "1.2345675e+06"),
        ("type: gitlab\nsecret: 18446744073709551615", "18446744073709551615"),
        ("type: gitlab\nsecret: .inf", "+Inf"),
        ("type: gitlab\nsecret: 2024-02-03", "2024-02-03"),
        ("type: gitlab\nsecret: 12:30:00", "12:30:00"),
        ("type: gitlab\nsecret: |\n  abc\n", "abc\n"),
        ("{type: gitlab, secret: ü}", "ü"),
        ("type: gitlab\nsecret: ~", ""),
        ("type: gitlab", ""),
    ],
)
def test_an_entry_is_read_as_the_reference_reads_it(text: str, secret: str) -> None:
    (entry,) = read(sa=text).entries
    assert entry.signer.secret == secret.encode()
    assert entry.signer.is_open is not bool(secret)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "InvalidSpec"),
        ("# nothing", "InvalidSpec"),
        ("---\n---\ntype: github\nsecret: hidden", "InvalidSpec"),
        ("secret: hidden", "InvalidSpec"),
        ("type:\nsecret: hidden", "InvalidSpec"),
        ("type: GitHub\nsecret: hidden", "UnknownKind"),
        ("type: ' github'\nsecret: hidden", "UnknownKind"),
        ("type: ../github\nsecret: hidden", "UnknownKind"),
        ("type: azuredevops\nsecret: hidden", "UnknownKind"),
        (f"type: {'x' * 3000}\nsecret: hidden", "UnknownKind"),
        ("type: [github]\nsecret: hidden", "WrongType"),
        ("type: github\nsecret: {hidden: 1}", "WrongType"),
        ("type: github\nSECRET: [hidden]\nsecret: hidden", "WrongType"),
        ("hidden", "WrongType"),
        ("- type: github\n  secret: hidden", "WrongType"),
        ("type: github\nsecret: *hidden", "NotYAML"),
        ("type: github\nsecret: !hidden!x y", "NotYAML"),
        ('type: github\nsecret: "hidden\\q"', "NotYAML"),
        (": : :\n\t-", "NotYAML"),
        ("type: github\nsecret: hidden\n" + "#" * 4_096, "TooLarge"),
        ("type: gitlab\nsecret: whsec_hidden!", "SecretMalformed"),
        ("type: gitea", "SecretEmpty"),
        ("type: gitea\nsecret: ''", "SecretEmpty"),
        ("type: hmac\nheader: X-Mac", "SecretEmpty"),
        ("type: hmac\nsecret: hidden", "InvalidSpec"),
        ("type: hmac\nsecret: hidden\nheader: 'X Mac'", "InvalidSpec"),
        ("type: hmac\nsecret: hidden\nheader: authorization", "InvalidSpec"),
        ("type: hmac\nsecret: hidden\nheader: X-Mac\nalgorithm: md5", "InvalidSpec"),
        ("type: hmac\nsecret: hidden\nheader: X-Mac\nencoding: base32", "InvalidSpec"),
        ("type: standard-webhooks", "SecretEmpty"),
        ("type: standard-webhooks\nsecret: hidden", "SecretMalformed"),
        ("type: standard-webhooks\nsecret: whsec_", "SecretEmpty"),
    ],
)
def test_a_broken_entry_is_told_and_the_others_work(text: str, reason: str) -> None:
    found = read(broken=text, good="type: github\nsecret: abc")
    assert [entry.name for entry in found.entries] == ["good"]
    (problem,) = found.problems.values()
    assert problem.reason == reason
    (finding,) = found.findings()
    assert finding.severity == "error"
    assert finding.path.startswith("data[broken]")
    assert "hidden" not in f"{finding} {problem}"


def test_bytes_that_are_no_text_are_a_problem() -> None:
    assert set(clients.read({"sa": b"type: github\nsecret: \xff\xfe"}).problems) == {"sa"}


def test_the_type_is_suggested() -> None:
    assert read(sa="type: GitHub\nsecret: abc").problems["sa"].hint == "did you mean 'github'?"


def test_clients_are_in_the_order_of_their_names_and_those_without_a_secret_last() -> None:
    found = read(c="type: gitlab\nsecret: x", a="type: github", d="type: gitlab", b="type: github\nsecret: y")
    assert [entry.name for entry in found.entries] == ["b", "c", "a", "d"]
    assert [(f.severity, f.path) for f in found.findings()] == [
        ("warning", "data[a].secret"),
        ("warning", "data[d].secret"),
    ]


def test_hmac_options_have_defaults() -> None:
    signer = read(sa="type: hmac\nsecret: abc\nHeader: x-my-MAC\nencoding:").entries[0].signer
    assert isinstance(signer, Hmac)
    assert (signer.header, signer.algorithm, signer.encoding, signer.prefix) == ("X-My-Mac", "sha256", "hex", "")


def test_every_type_is_known_by_its_name() -> None:
    known = "bitbucket bitbucketserver gitea github gitlab hmac standard-webhooks"
    assert list(signers.registry) == known.split()
    assert all(signers.registry[kind].type == kind for kind in signers.registry)


def test_a_secret_is_not_shown() -> None:
    assert SIGNING not in repr(read(sa=f"type: standard-webhooks\nsecret: {SIGNING}", sb="type: gitea\nsecret: abc"))


def test_too_many_clients_are_problems() -> None:
    entry = b"type: github\nsecret: abc"
    found = clients.read({f"sa-{number:04}": entry for number in range(clients.MAX_ENTRIES + 2)})
    assert len(found.entries) == clients.MAX_ENTRIES
    assert list(found.problems) == [f"sa-{clients.MAX_ENTRIES}".replace("-", "-0"), f"sa-0{clients.MAX_ENTRIES + 1}"]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 4_000,
        "- " * 2_000,
        "? " * 2_000,
        "a: &a [1,1,1,1,1,1,1,1]\n"
        + "\n".join(f"{chr(98 + i)}: &{chr(98 + i)} [{f'*{chr(97 + i)},' * 8}]" for i in range(9)),
        "{a: " * 1_000,
        "a" * 4_000 + ": 1",
        "secret: " + "9" * 4_000,
    ],
)
def test_a_hostile_entry_is_a_problem_at_once(text: str) -> None:
    assert set(read(sa=text).problems) == {"sa"}
    assert cpu_seconds(lambda: read(sa=text)) < BOUNDED
