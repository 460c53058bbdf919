"""What the controller is told about what it makes: images, and what it passes on. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from events.errors import SpecError

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """``image`` runs the EventSources and Sensors, ``nats_image`` the buses."""

    image: str
    nats_image: str = ""
    pull_policy: str = ""
    log_level: str = "info"
    user: int = 65532
    """User and group of all processes; an image may know no name for them."""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Raises SpecError when the image is not named."""
        image = environment.get("POINTSMAN_IMAGE", "")
        if not image:
            raise SpecError("POINTSMAN_IMAGE is not set", hint="the image that EventSources and Sensors run")
        return cls(
            image,
            environment.get("POINTSMAN_NATS_IMAGE", ""),
            environment.get("POINTSMAN_IMAGE_PULL_POLICY", ""),
            environment.get("LOG_LEVEL", "info"),
        )
