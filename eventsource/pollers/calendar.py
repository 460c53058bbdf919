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
    """Whether they are."""
    max_duration: str = ""
    """How far back, for example `5m`."""


class ConfigMapPersistence(Spec):
    """The ConfigMap that holds the last time."""

    name: str = ""
    """Name of the ConfigMap."""
    create_if_not_exist: bool = False
    """Whether it is created."""


class Persistence(Spec):
    """What is remembered over a restart."""

    catchup: Catchup | None = None
    """Whether missed events are made up for."""
    config_map: ConfigMapPersistence | None = None
    """Where the last event is remembered."""


class CalendarConfig(PollerConfig):
    """A cron line, or an interval such as 10s; the cron line wins."""

    schedule: str = ""
    """A cron line of five fields."""
    interval: str = ""
    """A time between events, for example `10s`."""
    exclusion_dates: list[str] = []
    """Dates without events, as in iCalendar."""
    timezone: str = ""
    """For example `Europe/Berlin`; UTC when absent."""
    persistence: Persistence | None = None
    """What is remembered over a restart."""


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
