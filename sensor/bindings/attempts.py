"""One attempt at one binding: get the template, create the Workflow. Shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from events.errors import PointsmanError, Refused, Unavailable
from events.models.dispatching import Grants
from events.models.event import Event
from sensor.bindings.dispatch import Result, TemplateName, complete
from sensor.bindings.submission import Claims
from sensor.target import Tools
from sensor.triggers._objects import API_SERVER, create_once

__all__ = ["Attempts"]

log = structlog.get_logger("bindings")

API = "argoproj.io/v1alpha1"


@dataclass(frozen=True)
class Attempts:
    """``attempt`` for all bindings of one event: who posted it, and what they may do."""

    tools: Tools
    instance_id: str
    claims: Claims | None
    grants: Grants

    async def attempt(self, result: Result, event: Event) -> tuple[Result, str]:
        """What came of a match, and the Workflow's name. Raises Unavailable (also Busy) when it may be tried again."""
        try:
            return await self.tools.targets[API_SERVER].attempt(lambda: self._submit(result))
        except Unavailable:
            raise
        except PointsmanError as error:
            return result._replace(error=error), ""
        except Exception as error:
            # A fault of ours must neither end the process nor come back for ever.
            log.exception("internal error", binding=f"{result.namespace}/{result.name}", event_id=event.id)
            return result._replace(error=Refused(f"internal error: {type(error).__name__}")), ""

    async def _submit(self, result: Result) -> tuple[Result, str]:
        wants = result.wants
        assert wants is not None
        template = await self._template(wants)
        done = complete(result, template, self.claims, self.instance_id)
        if done.submission is None:
            return done, ""
        denied = self.grants.workflows.get(result.namespace)
        if denied is not None:
            return done.failed(Refused(denied, status=403)), ""
        try:
            await create_once(done.submission, self.tools)
        except Refused as error:
            return done.failed(error), ""
        return done, done.submission.name

    async def _template(self, wants: TemplateName) -> dict[str, Any] | PointsmanError:
        denied = self.grants.templates.get(Grants.template_key(*wants))
        if denied is not None:
            return Refused(denied, status=403)
        kube = self.tools.kube
        assert kube is not None
        try:
            template = await kube.get(API, wants.kind, wants.namespace, wants.name)
        except Refused as error:
            return error
        return template or Refused(f'{wants.kind.lower()}s.argoproj.io "{wants.name}" not found', status=404)
