"""Sensor → ConfigMap, Deployment, and what is to be said of it (spec §5.2, §5.3). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from events.controller.conditions import Condition, false, in_words, true, well
from events.controller.desired import Bus, Desired, Json
from events.controller.judging import Judgement
from events.controller.settings import Settings
from events.controller.workload import workload
from events.models.base import Finding

__all__ = ["desire"]

DEPENDENCIES, TRIGGERS, DEPLOYED = "DependenciesProvided", "TriggersProvided", "Deployed"


def desire(obj: Json, bus: Bus, judgement: Judgement, missing: Sequence[Finding], settings: Settings) -> Desired:
    """``missing``: Secrets and ConfigMaps, or keys of them, that are not there."""
    if judgement.errors:
        text = "nothing is deployed or changed while the specification is wrong"
        reason = "InvalidDependencies" if _of_dependencies(judgement.errors[0]) else "InvalidTriggers"
        return Desired((*_provided(judgement.errors, (), ()), false(DEPLOYED, reason, text)))
    provided = _provided(judgement.troubles, judgement.warnings, missing)
    if bus.config is None:
        return Desired((*provided, false(DEPLOYED, bus.reason, bus.message)))
    made = workload(obj, bus, judgement, settings)
    if made.findings:
        return Desired((*provided, false(DEPLOYED, "BuildDeploymentSpecFailed", in_words(made.findings, 10))))
    return Desired((*provided, true(DEPLOYED)), made.children)


def _provided(
    wrong: Sequence[Finding], warnings: Sequence[Finding], missing: Sequence[Finding]
) -> tuple[Condition, Condition]:
    """What is said of the dependencies, and what of the triggers and all the rest."""
    (wrong_here, wrong_there), (warned_here, warned_there) = _parted(wrong), _parted(warnings)
    dependencies = well(DEPENDENCIES, warned_here)
    if wrong_here:
        dependencies = false(DEPENDENCIES, "InvalidDependencies", in_words(wrong_here))
    if wrong_there:
        return dependencies, false(TRIGGERS, "InvalidTriggers", in_words(wrong_there))
    if missing:
        return dependencies, false(TRIGGERS, "ReferenceMissing", in_words(missing))
    return dependencies, well(TRIGGERS, warned_there)


def _parted(findings: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
    here = [finding for finding in findings if _of_dependencies(finding)]
    return here, [finding for finding in findings if not _of_dependencies(finding)]


def _of_dependencies(finding: Finding) -> bool:
    return finding.path.startswith("spec.dependencies")
