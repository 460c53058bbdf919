"""Which program of a ``transform`` runs, and when none does."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sensor.transform import transform


class Recorder:
    """Scripts that say who was called."""

    def lua_filter(self, program: str, data: bytes) -> bool:
        raise AssertionError

    def lua_transform(self, program: str, data: bytes) -> bytes:
        return b"lua"

    def jq_transform(self, program: str, data: bytes) -> bytes:
        return b"jq"

    def check_lua(self, program: str) -> None:
        raise AssertionError

    def check_jq(self, program: str) -> None:
        raise AssertionError


@pytest.mark.parametrize(
    ("data", "jq", "script", "result"),
    [
        (b"a: 1", "", "", (b"a: 1", "application/yaml")),
        (None, ".", "return event", (None, "application/yaml")),
        (b"{}", ".", "", (b"jq", "application/json")),
        (b"{}", "", "return {}", (b"lua", "application/json")),
        (b"{}", ".", "return {}", (b"jq", "application/json")),
    ],
)
def test_jq_wins_and_without_data_nothing_runs(
    data: bytes | None, jq: str, script: str, result: tuple[bytes | None, str]
) -> None:
    assert transform(data, "application/yaml", SimpleNamespace(jq=jq, script=script), Recorder()) == result
