"""Secrets, tokens and signatures are compared in constant time, with ``hmac.compare_digest``, and nowhere with ``==`` or the like."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.up import ROOT

WORDS = frozenset(
    ("secret", "secrets", "token", "tokens", "signature", "signatures", "password", "passwords", "mac", "macs", "hmac",
     "digest", "hexdigest", "bearer", "credential", "credentials")
)  # fmt: skip
"""The last part of a name that holds what must not leak through time."""

OPERATORS = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
METHODS = ("startswith", "endswith")

ALLOWED = {
    "events/controller/bus_secrets.py: password in base64.b64decode(server['auth']).decode('utf-8', 'replace')": (
        "whether our own two Secrets belong together"
    ),
    "events/cli/mounted.py: signature == self._signature": "which files there are, and when they were written",
    "eventsource/hooks/contests.py: one.secret == other.secret": "which Secrets are named, not what is in them",
    "eventsource/hooks/memory.py: before.secret == wish.fingerprint": "fingerprints of our own; no sender has a hand in it",
    "eventsource/hooks/memory.py: hook.secret != secret.fingerprint(target, url)": "the same",
    "eventsource/endpoint/metadata.py: key in secrets": "names of headers",
    "eventsource/endpoint/signers/standard_webhooks.py: secret.startswith(signatures.SIGNING_PREFIX.encode())": (
        "the configured secret, and how it is written"
    ),
}
"""Comparisons that tell a sender nothing, and why."""

HARMLESS = {
    "events/expressions": "tokens of the languages",
    "events/goyaml": "tokens of YAML",
}
"""Where these words mean something else."""


def comparisons(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each comparison in Python code that takes as long as two secrets are alike."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            pairs = zip(sides, sides[1:], node.ops, strict=False)
            if any(isinstance(op, OPERATORS) and _leaks(one, other) for one, other, op in pairs):
                yield node.lineno, ast.unparse(node)
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in METHODS
            and node.args
            and _leaks(node.func.value, node.args[0])
        ):
            yield node.lineno, ast.unparse(node)


def _leaks(one: ast.expr, other: ast.expr) -> bool:
    """Whether what one side holds is compared with something that the code does not say itself."""
    return (_is_secret(one) or _is_secret(other)) and not (_is_public(one) or _is_public(other))


def _is_public(node: ast.expr) -> bool:
    """A constant, or a name in capitals."""
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return all(_is_public(one) for one in node.elts)
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return isinstance(node, ast.Constant) or (name.isupper() and len(name) > 1)


def _is_secret(node: ast.expr) -> bool:
    """Whether its name says so; also that of a part of it, and of what a method makes of it."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.lower().rpartition("_")[2] in WORDS
        case ast.Subscript(value=value, slice=ast.Constant(value=str(key))):
            return _is_secret(value) or _names_a_secret(key)
        case ast.Subscript(value=value):
            return _is_secret(value)
        case ast.Call(func=ast.Attribute(value=value, attr=name), args=arguments):
            named = [a.value for a in arguments if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            return name in WORDS or _is_secret(value) or any(map(_names_a_secret, named))
        case ast.BinOp(left=left, right=right):
            return _is_secret(left) or _is_secret(right)
    return False


def _names_a_secret(header: str) -> bool:
    return bool(WORDS & set(header.lower().replace("-", "_").split("_")))


def files() -> list[Path]:
    found = [f for package in ("events", "eventsource", "eventbus", "sensor") for f in (ROOT / package).rglob("*.py")]
    return [f for f in found if not str(f.relative_to(ROOT)).startswith(tuple(HARMLESS))]


def test_nothing_compares_secrets_in_a_way_that_tells_how_alike_they_are() -> None:
    found = {
        f"{f.relative_to(ROOT)}: {text}": f"{f.relative_to(ROOT)}:{line}: {text}"
        for f in files()
        for line, text in comparisons(f.read_text())
    }
    assert not found.keys() - ALLOWED.keys(), (
        f"use hmac.compare_digest: {[v for k, v in found.items() if k not in ALLOWED]}"
    )


@pytest.mark.parametrize(
    "planted",
    [
        "given == expected_token",
        "signature != wanted",
        "if header in self._tokens: pass",
        "hmac.new(key, body, 'sha256').hexdigest() == given",
        "delivery.header('X-Gitlab-Token') == configured",
        "headers['X-Hub-Signature-256'] == made",
        "'sha256=' + mac.hex() == given",
        "password.encode() == given",
        "expected_signature.startswith(given)",
    ],
)
def test_a_planted_comparison_is_found(planted: str) -> None:
    assert list(comparisons(planted))


@pytest.mark.parametrize(
    "allowed",
    ["token == ''", "secret is None", "len(signature) != 64", "hmac.compare_digest(token, given)", "token.kind == other",
     "token.startswith('Bearer ')", "name in SECRETS", "algorithm == 'sha256'"],
)  # fmt: skip
def test_what_tells_nothing_is_allowed(allowed: str) -> None:
    assert not list(comparisons(allowed))
