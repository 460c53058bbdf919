"""Sensor → ConfigMap, Deployment, and what is to be said of it (spec §5.2, §5.3). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from events.controller.conditions import Condition, false, in_words, true
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
        text = "nothing is changed while the specification is wrong"
        reason = "InvalidDependencies" if _of_dependencies(judgement.errors[0]) else "InvalidTriggers"
        return Desired((*_provided(judgement.errors, ()), false(DEPLOYED, reason, text)))
    provided = _provided(judgement.troubles, missing)
    if bus.config is None:
        return Desired((*provided, false(DEPLOYED, bus.reason, bus.message)))
    made = workload(obj, bus, judgement, settings)
    if made.findings:
        return Desired((*provided, false(DEPLOYED, "BuildDeploymentSpecFailed", in_words(made.findings, 10))))
    return Desired((*provided, true(DEPLOYED)), made.children)


def _provided(wrong: Sequence[Finding], missing: Sequence[Finding]) -> tuple[Condition, Condition]:
    dependencies = [finding for finding in wrong if _of_dependencies(finding)]
    triggers = [finding for finding in wrong if not _of_dependencies(finding)]
    one = false(DEPENDENCIES, "InvalidDependencies", in_words(dependencies)) if dependencies else true(DEPENDENCIES)
    if triggers:
        return one, false(TRIGGERS, "InvalidTriggers", in_words(triggers))
    if missing:
        return one, false(TRIGGERS, "ReferenceMissing", in_words(missing))
    return one, true(TRIGGERS)


def _of_dependencies(finding: Finding) -> bool:
    return finding.path.startswith("spec.dependencies")
