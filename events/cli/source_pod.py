"""One EventSource served in a pod: what cannot be served is told and left out, and taken up when its secret comes. Shell."""

from __future__ import annotations

import ssl

import structlog

from eventbus.spooling import SpoolingBus
from events.cli.health import Status, listen_on
from events.cli.mounted import Mounts
from events.errors import PointsmanError
from events.models.eventsource import EventSource
from eventsource import metrics
from eventsource.process import bind, renew_certificates, tls_context
from eventsource.recent import Recents
from eventsource.server import Server
from eventsource.sources import Sources

__all__ = ["SourcePod"]

log = structlog.get_logger("eventsource")


class SourcePod:
    """``take_up`` serves what can be served, and again after each change of the mounted secrets.

    ``taken`` is the port that is not for webhooks.
    """

    def __init__(
        self, source: EventSource, namespace: str, mounts: Mounts, bus: SpoolingBus, *, host: str, taken: int
    ) -> None:
        self.server = Server()
        self.ending = False
        self.recents = Recents()
        self._hooks: list[dict[str, str]] = []
        self._source = source
        self._namespace = namespace
        self._mounts = mounts
        self._bus = bus
        self._host = host
        self._taken = taken
        self._served: set[str] = set()
        """Names of the events that are served."""
        self._open: set[int] = set()
        self._troubles: list[str] = []
        self._told: set[str] = set()

    async def take_up(self) -> None:
        """Serve what the vault allows now."""
        sources = Sources([self._source], self._mounts.vault, namespace=self._namespace)
        troubles = [f"{error.path}: {error}" for error in sources.errors]
        served = {listener.name for listener in sources.listeners}
        if served >= self._served:
            troubles += await self._serve(sources)
            self._served = served
        else:
            troubles.append("what was served before goes on, and its deliveries are refused until this is mended")
        try:
            renew_certificates(self.server, sources)
        except PointsmanError as error:
            troubles.append(f"the certificate from before stays in use: {error}")
        for trouble in troubles:
            if trouble not in self._told:
                log.error("part of the EventSource is not served", trouble=trouble)
        for finding in sources.warnings:
            if str(finding) not in self._told:
                log.warning("the EventSource can be better", finding=str(finding))
        self._told = {*troubles, *map(str, sources.warnings)}
        self._troubles = troubles

    async def _serve(self, sources: Sources) -> list[str]:
        """Open the ports that are not open yet, and route all of them anew. What went wrong, in sentences."""
        tables = bind(sources, lambda namespace, name: self._bus, recents=self.recents)
        self.server.replace(tables)
        troubles = []
        certificates = {port: (chain, key) for port, chain, key in sources.certificates()}
        for port in sorted(tables.keys() - self._open):
            try:
                if port == self._taken:
                    raise PointsmanError(f"port {port} is that of /metrics", hint="choose another port for the events")
                tls: dict[int, ssl.SSLContext] = {}
                if port in certificates:
                    tls[port] = tls_context(*certificates[port])
                listening = listen_on(self._host, port)
            except PointsmanError as error:
                troubles.append(f"port {port} is not served: {error}")
                continue
            with listening:  # the server has a duplicate of its own
                await self.server.start({port: tables[port]}, {port: [listening]}, tls)
            self._open.add(port)
            log.info("Eventing server started.", port=port, tls=port in tls)
        return troubles

    def unready(self) -> list[str]:
        """Why no deliveries should be sent here."""
        reasons = ["it has been told to end"] if self.ending else []
        if not self._open:
            reasons += ["no event is served", *self._troubles]
        return [*reasons, *([why] if (why := self._bus.unready()) else [])]

    def hooks_are(self, hooks: list[dict[str, str]]) -> None:
        """How the hooks at the forges are now."""
        self._hooks = hooks

    def hanging(self) -> list[str]:
        """An answer is proof enough."""
        return []

    def status(self) -> Status:
        """The newest delivery, and all that is wrong."""
        troubles = list(self._troubles)
        if warning := self._bus.warning():
            troubles.append(warning)
        return Status(metrics.last_accepted(), None, metrics.last_problem(), self._hooks, troubles)
