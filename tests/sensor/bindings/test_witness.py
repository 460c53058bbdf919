"""What is kept of the values that an expression saw."""

from __future__ import annotations

from typing import Any

import pytest

from events.expressions import expr
from sensor.bindings.environment import NAMES, Environment
from sensor.bindings.witness import HIDDEN, witness


def seen(text: str, payload: Any = None, metadata: dict[str, list[str]] | None = None) -> dict[str, Any]:
    return witness(
        expr.reads(text, NAMES), Environment(event_id="1", namespace="ci", payload=payload, metadata=metadata or {})
    )


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("x" * 201, "x" * 200 + "…"),
        (list(range(9)), "a list of 9"),
        (list(range(8)), list(range(8))),
        ({"a": {"b": [1]}}, {"a": {"b": "a list of 1"}}),
        ({str(n): n for n in range(9)}, "an object of 9 members"),
        (1.5, 1.5),
        (None, None),
    ],
)
def test_long_values_are_cut_short(value: Any, kept: Any) -> None:
    assert seen("payload", value) == {"payload": kept}


@pytest.mark.parametrize("header", ["x-gitlab-token", "x-hub-signature-256", "x-hook-uuid", "x-api-key"])
def test_proofs_are_hidden(header: str) -> None:
    metadata = {header: ["s"], "x-github-event": ["push"]}

    assert seen(f'metadata["{header}"][0]', metadata=metadata) == {f'metadata["{header}"][0]': HIDDEN}
    assert seen("metadata", metadata=metadata) == {"metadata": {header: HIDDEN, "x-github-event": ["push"]}}


def test_a_proof_that_is_not_there_is_no_secret() -> None:
    assert seen('metadata["x-gitlab-token"]') == {'metadata["x-gitlab-token"]': None}
