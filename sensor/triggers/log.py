"""Step 9 · ``log``: write the event to the log (spec §2.13).

The token of a GitLab delivery is the secret itself, and logs are read by many: it is masked.

Where an event sets off several of a sensor's log triggers, one line names them all: it may be large.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

import structlog

from events.models.base import Finding
from events.models.event import Event
from events.models.values import Outcome, OutcomeKind, Submission
from sensor.naming import Origin
from sensor.target import RoundContext, Tools
from sensor.triggers import TriggerKind, register
from sensor.triggers.specs import LogConfig, validate_log

__all__ = ["Log"]

log = structlog.get_logger("sensor.trigger")

_WRITTEN = Outcome(OutcomeKind.SUBMITTED, "log")


@register("log")
class Log(TriggerKind[LogConfig]):
    """One line an event: its data as text when it is JSON or plain text, otherwise in base64."""

    kind = "log"
    Config = LogConfig
    at_once = True

    @classmethod
    def validate(cls, config: LogConfig, path: str) -> list[Finding]:
        """See ``specs``."""
        return validate_log(config, path)

    def render(self, context: RoundContext) -> Submission:
        """The lines to be written."""
        lines = _lines(context.events)
        return Submission("log", context.origin.trigger, context.origin.namespace, lines)

    async def submit(self, submission: Submission, tools: Tools) -> Outcome:
        """Write them."""
        return _write(submission.body, [self.origin])

    @classmethod
    def submit_at_once(cls, events: Mapping[str, Event], origins: Sequence[Origin]) -> Outcome:
        """Write the line once, for all of them."""
        return _write(_lines(events), origins)


def _lines(events: Mapping[str, Event]) -> list[dict[str, object]]:
    lines: list[dict[str, object]] = []
    for dependency, event in events.items():
        is_text = event.datacontenttype in ("application/json", "text/plain")
        text = event.shown.decode("utf-8", "replace") if is_text else base64.b64encode(event.shown).decode()
        lines.append(
            {
                "message": text,
                "dependencyName": dependency,
                "eventContext": event.context,
                "event_id": event.id,
                "source": event.source,
            }
        )
    return lines


def _write(lines: Sequence[Mapping[str, object]], origins: Sequence[Origin]) -> Outcome:
    triggers = [origin.trigger for origin in origins]
    sensor = f"{origins[0].namespace}/{origins[0].sensor}"
    for line in lines:
        log.info(
            line["message"],
            dependencyName=line["dependencyName"],
            eventContext=line["eventContext"],
            event_id=line["event_id"],
            source=f"{origins[0].namespace}/{line['source']}",
            sensor=sensor,
            triggers=triggers,
        )
    return _WRITTEN
