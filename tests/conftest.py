"""Each test begins with the logging of a fresh process, whatever was configured before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog


@pytest.fixture(scope="session", autouse=True)
def _no_logger_keeps_its_configuration() -> Iterator[None]:
    """A logger that is cached at its first use would keep what another test has configured, and ``capture_logs`` would not see it."""
    configure = structlog.configure

    def without_cache(*arguments: Any, **options: Any) -> None:
        configure(*arguments, **{**options, "cache_logger_on_first_use": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", without_cache)
        yield


@pytest.fixture(autouse=True)
def _logging_is_as_at_the_start() -> Iterator[None]:
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
