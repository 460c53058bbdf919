"""What several kinds of triggers check in the same way (spec §5.5)."""

from __future__ import annotations

from collections.abc import Sequence

from events.models.base import Finding
from events.models.sensor import TriggerParameter

__all__ = ["check_parameters", "check_payload"]

OPERATIONS = ("", "append", "overwrite", "prepend")


def check_parameters(
    parameters: Sequence[TriggerParameter] | None, path: str, *, dest_required: bool = True
) -> list[Finding]:
    """Each parameter needs a source, a dependency, a destination and a known operation."""
    findings = []
    for index, parameter in enumerate(parameters or ()):
        where = f"{path}[{index}]"
        if parameter.src is None:
            findings.append(Finding("error", f"{where}.src", "must be given: where the value comes from"))
        elif not parameter.src.dependency_name:
            findings.append(Finding("error", f"{where}.src.dependencyName", "must be given"))
        if dest_required and not parameter.dest:
            findings.append(Finding("error", f"{where}.dest", "must be given: where the value goes"))
        if parameter.operation not in OPERATIONS:
            text = f"must be append, overwrite or prepend, not '{parameter.operation}'"
            findings.append(Finding("error", f"{where}.operation", text))
    return findings


def check_payload(payload: Sequence[TriggerParameter] | None, path: str) -> list[Finding]:
    """A payload that must be given; an empty list is one."""
    if payload is None:
        return [Finding("error", path, "must be given")]
    return check_parameters(payload, path)
