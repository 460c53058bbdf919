"""Step 9 · ``log``: write the event to the log (spec §2.13)."""

from __future__ import annotations

import base64

import structlog

from events.models.base import Finding
from events.models.values import Outcome, OutcomeKind, Submission
from sensor.target import RoundContext, Tools
from sensor.triggers import TriggerKind, register
from sensor.triggers.specs import LogConfig, validate_log

__all__ = ["Log"]

log = structlog.get_logger("sensor.trigger")


@register("log")
class Log(TriggerKind[LogConfig]):
    """One line an event: its data as text when it is JSON or plain text, otherwise in base64."""

    kind = "log"
    Config = LogConfig

    @classmethod
    def validate(cls, config: LogConfig, path: str) -> list[Finding]:
        """See ``specs``."""
        return validate_log(config, path)

    def render(self, context: RoundContext) -> Submission:
        """The lines to be written."""
        lines = []
        for dependency, event in context.events.items():
            data = event.data or b""
            is_text = event.datacontenttype in ("application/json", "text/plain")
            text = data.decode("utf-8", "replace") if is_text else base64.b64encode(data).decode()
            lines.append({"message": text, "dependencyName": dependency, "eventContext": event.context})
        return Submission("log", context.origin.trigger, context.origin.namespace, lines)

    async def submit(self, submission: Submission, tools: Tools) -> Outcome:
        """Write them."""
        for line in submission.body:
            log.info(line["message"], dependencyName=line["dependencyName"], eventContext=line["eventContext"])
        return Outcome(OutcomeKind.SUBMITTED, "log")
