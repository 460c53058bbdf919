from __future__ import annotations

import pytest

from eventsource.delivery import MASKED
from eventsource.endpoint.answers import Refusal
from eventsource.endpoint.metadata import SECRET_HEADERS, metadata

ALWAYS = {"x-forwarded-host": ["me:1"], "x-forwarded-for": ["1.2.3.4"]}


def seen(*headers: tuple[str, str]) -> dict[str, list[str]]:
    return metadata(headers, "me:1", "1.2.3.4")


def test_fields_beginning_with_x_are_lists_by_lower_case_name() -> None:
    headers = [("X-A", "1, 2"), ("x-a", "3"), ("User-Agent", "ua"), ("Authorization", "s"), ("X-Empty", "")]
    assert seen(*headers) == {"x-a": ["1, 2", "3"], "x-empty": [""], **ALWAYS}


def test_the_way_of_a_request_is_added_to_what_it_says() -> None:
    found = seen(("X-Forwarded-For", "9.9.9.9"), ("X-Forwarded-Host", "h"))
    assert found == {"x-forwarded-for": ["9.9.9.9", "9.9.9.9, 1.2.3.4"], "x-forwarded-host": ["h", "h"]}


def test_binary_fields_are_decoded() -> None:
    assert seen(("X-Foo-Bin", "aGk"))["x-foo-bin"] == ["hi"]


@pytest.mark.parametrize(
    "header", [("X-Foo-Bin", "!"), ("A-Bin", "*"), ("X-A", "ä"), ("X-A!", "1"), ("X-A", "a\tb"), ("Grpc-Timeout", "1")]
)
def test_what_cannot_be_passed_on_is_400(header: tuple[str, str]) -> None:
    with pytest.raises(Refusal) as refusal:
        seen(header)
    assert refusal.value.status == 400


def test_the_secret_itself_cannot_be_copied_into_a_workflow() -> None:
    found = metadata([("X-Gitlab-Token", "s3cret"), ("X-Hook-UUID", "s3cret")], "", "", secrets=SECRET_HEADERS)
    assert found["x-gitlab-token"] == found["x-hook-uuid"] == [MASKED]
