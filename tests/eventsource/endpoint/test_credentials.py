from __future__ import annotations

import base64
import json
from collections.abc import Collection

import pytest

from eventsource.endpoint.answers import Refusal
from eventsource.endpoint.credentials import Credentials, Mode, choose, claims_of

CLIENT: Collection[Mode] = ("client",)
SERVER: Collection[Mode] = ("server",)
BOTH: Collection[Mode] = ("client", "server")
OURS = ""


def chosen(modes: Collection[Mode], *headers: tuple[str, str]) -> str | None:
    """The Authorization to go on with; None when it is refused."""
    try:
        return choose(headers, modes).authorization
    except Refusal:
        return None


def authorization(value: str) -> tuple[str, str]:
    return ("Authorization", value)


@pytest.mark.parametrize(
    ("headers", "client", "both", "server"),
    [
        ([], None, OURS, OURS),
        ([authorization("")], None, OURS, OURS),
        ([authorization("Bearer t")], "Bearer t", "Bearer t", OURS),
        ([authorization("bearer t")], None, OURS, OURS),
        ([authorization("Bearer")], None, OURS, OURS),
        ([authorization("Bearer a"), authorization("Bearer b")], "Bearer a", "Bearer a", OURS),
        ([authorization("x"), ("Cookie", "authorization=Bearer t")], None, OURS, OURS),
        ([("Cookie", 'a=b; authorization="Bearer t"')], "Bearer t", "Bearer t", OURS),
        ([("Cookie", "authorization=x; authorization=Bearer t")], "Bearer t", "Bearer t", OURS),
        ([authorization("Basic !!")], None, None, OURS),
        ([authorization("Basic YTpi")], "Basic YTpi", "Basic YTpi", OURS),
    ],
)
def test_who_a_request_counts_as(
    headers: list[tuple[str, str]], client: str | None, both: str | None, server: str | None
) -> None:
    assert [chosen(modes, *headers) for modes in (CLIENT, BOTH, SERVER)] == [client, both, server]


def jwt(claims: object) -> str:
    return f"Bearer h.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.s"


@pytest.mark.parametrize(
    ("value", "claims"),
    [
        (jwt({"sub": "system:serviceaccount:ns:n", "email": 3, "exp": 1}), {"sub": "system:serviceaccount:ns:n"}),
        (jwt([]), {}),
        ("Bearer opaque", {}),
        ("Bearer a.b.c", {}),
        ("Basic YTpi", {"sub": "a"}),
    ],
)
def test_what_a_token_says_of_its_bearer(value: str, claims: dict[str, str]) -> None:
    assert claims_of(Credentials(value)) == claims


def test_credentials_do_not_print() -> None:
    assert "t0ken" not in repr(Credentials("Bearer t0ken"))
