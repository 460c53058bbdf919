"""Source ``calendar``: an event at each time of a schedule (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.errors import ExpressionError
from events.expressions import cron
from events.models.base import Finding, Spec
from events.models.shared import go_duration
from eventsource.pollers import Poller, PollerConfig, register


class Catchup(Spec):
    """Whether missed times are made up for, and how far back."""

    enabled: bool = False
    max_duration: str = ""


class ConfigMapPersistence(Spec):
    """The ConfigMap that holds the last time."""

    name: str = ""
    create_if_not_exist: bool = False


class Persistence(Spec):
    """What is remembered over a restart."""

    catchup: Catchup | None = None
    config_map: ConfigMapPersistence | None = None


class CalendarConfig(PollerConfig):
    """A cron line, or an interval such as 10s; the cron line wins."""

    schedule: str = ""
    interval: str = ""
    exclusion_dates: list[str] = []
    timezone: str = ""
    persistence: Persistence | None = None


@register("calendar")
class Calendar(Poller[CalendarConfig]):
    """Source kind ``calendar``."""

    kind = "calendar"
    built = False
    config_model = CalendarConfig

    @classmethod
    def validate(cls, config: CalendarConfig, path: str = "") -> list[Finding]:
        """A cron line of five fields, or a Go duration."""
        if config.schedule:
            try:
                cron.compile(config.schedule)
            except ExpressionError as error:
                return [Finding("error", f"{path}.schedule", error.message)]
        elif config.interval:
            try:
                go_duration(config.interval)
            except ValueError as error:
                return [Finding("error", f"{path}.interval", str(error))]
        else:
            return [Finding("error", path, "schedule or interval must be given")]
        return []
