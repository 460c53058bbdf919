"""What of a pod template is refused, and that all else arrives."""

from __future__ import annotations

from typing import Any

import pytest

from events.controller.restricted import check_pod
from tests.support.pod_fields import ALLOWED, REFUSED


@pytest.mark.parametrize("path", REFUSED)
def test_a_forbidden_field_is_refused_by_name(path: str) -> None:
    findings = check_pod(REFUSED[path], "spec.template")

    assert [finding.path for finding in findings] == [path]
    assert findings[0].message


@pytest.mark.parametrize("template", ALLOWED)
def test_what_restricted_allows_is_allowed(template: dict[str, Any]) -> None:
    assert check_pod(template, "spec.template") == []


@pytest.mark.parametrize(
    "hostile", [{"volumes": {"a": 1}}, {"container": [1]}, {"securityContext": "root"}, {"metadata": 1}]
)
def test_odd_types_raise_nothing(hostile: dict[str, Any]) -> None:
    assert check_pod(hostile, "spec.template") == []
