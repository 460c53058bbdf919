from __future__ import annotations

import pytest
from click.testing import CliRunner

from events.cli.controller import command
from events.errors import SpecError


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        ([], {}, "POINTSMAN_IMAGE is not set"),
        ([], {"POINTSMAN_IMAGE": "i"}, "the own namespace is not known"),
        (["--namespaced", "--namespaces=a"], {"POINTSMAN_IMAGE": "i", "POD_NAMESPACE": "n"}, "exclude each other"),
        (
            ["--namespaces=a", "--namespace-selector=b=c"],
            {"POINTSMAN_IMAGE": "i", "NAMESPACE": "n"},
            "exclude each other",
        ),
    ],
)
def test_what_is_asked_for_wrongly_is_told_in_a_sentence(
    arguments: list[str], environment: dict[str, str], words: str
) -> None:
    names = ("POINTSMAN_IMAGE", "NAMESPACE", "POD_NAMESPACE")

    result = CliRunner(env={**dict.fromkeys(names), **environment}).invoke(command, arguments)

    assert isinstance(result.exception, SpecError)
    assert words in str(result.exception)
