"""Trigger ``awsLambda``: invoke a function (spec §2.7). Judged by lint, not built yet."""

from __future__ import annotations

from pydantic import Field

from events.models.base import Finding, Spec, required
from events.models.sensor import TriggerParameter
from events.models.shared import SecretKeySelector
from sensor.triggers import TriggerKind, register
from sensor.triggers._checks import check_parameters, check_payload


class AWSLambdaConfig(Spec):
    """``roleARN`` wins over the keys; without either the process's own AWS credentials are used."""

    function_name: str = ""
    """Name of the function."""
    access_key: SecretKeySelector | None = None
    """The access key."""
    secret_key: SecretKeySelector | None = None
    """The secret key."""
    region: str = ""
    """Region of the function."""
    payload: list[TriggerParameter] | None = None
    """Values of the events that make up the body."""
    parameters: list[TriggerParameter] = []
    """Values of the events that are put into these settings."""
    invocation_type: str | None = None
    """`RequestResponse` (when absent), `Event` or `DryRun`."""
    role_arn: str = Field(default="", alias="roleARN")
    """The role to take on."""


@register("awsLambda")
class AWSLambda(TriggerKind[AWSLambdaConfig]):
    """Trigger kind ``awsLambda``."""

    kind = "awsLambda"
    built = False
    Config = AWSLambdaConfig

    @classmethod
    def validate(cls, config: AWSLambdaConfig, path: str) -> list[Finding]:
        """A function and its region must be given, and a payload."""
        findings = required(path, functionName=config.function_name, region=config.region)
        findings += check_payload(config.payload, f"{path}.payload")
        return findings + check_parameters(config.parameters, f"{path}.parameters")
