"""A KV bucket: small values that survive restarts, kept as all NATS clients keep them.

https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-8.md
"""

from __future__ import annotations

import re
from collections.abc import Callable

from eventbus.api import ApiError, JetStreamApi, NoStream
from eventbus.connection import Lost
from eventbus.interface import Revision
from eventbus.messages import header
from eventbus.stream import nanoseconds
from events.errors import SpecError, Unavailable

__all__ = ["JetStreamState"]

_KEY = re.compile(r"[-/_=A-Za-z0-9]+(\.[-/_=A-Za-z0-9]+)*")
_BUCKET = re.compile(r"[A-Za-z0-9_-]+")

_OPERATION = "KV-Operation"
_EXPECTED_LAST = "Nats-Expected-Last-Subject-Sequence"


class JetStreamState:
    """See ``eventbus.interface.State``. Keys are made by ``eventbus.subjects.key``; what is no KV key is a SpecError."""

    def __init__(self, api: JetStreamApi, bucket: str, max_age: float = 0.0, replicas: int = 1) -> None:
        if not _BUCKET.fullmatch(bucket):
            raise SpecError(f"{bucket!r} is no name of a KV bucket", reason="InvalidName")
        self._api = api
        self._stream = f"KV_{bucket}"
        self._max_age = max_age
        self._replicas = replicas
        self._prefix = f"$KV.{bucket}."

    async def ensure(self) -> None:
        """Create the bucket when it is missing."""
        config = {
            "name": self._stream,
            "subjects": [f"{self._prefix}>"],
            "storage": "file",
            "retention": "limits",
            "discard": "new",
            "max_msgs_per_subject": 1,
            "max_consumers": -1,
            "max_msgs": -1,
            "max_bytes": -1,
            "max_age": nanoseconds(self._max_age),
            "num_replicas": self._replicas,
            "allow_rollup_hdrs": True,
            "deny_delete": True,
            "allow_direct": True,
        }
        await self._api.create_stream(config)

    async def get(self, key: str) -> bytes | None:
        """The value, or None. Asked of the leader: a value that was put is seen at once."""
        return (await self.revision(key)).value

    async def revision(self, key: str) -> Revision:
        """The value with its revision. Asked of the leader, too."""
        found = await self._api.message(self._stream, {"last_by_subj": self._subject(key)})
        if found is None:
            return Revision(None, 0)
        return Revision(None if header(found.headers, _OPERATION) else found.data, found.sequence)

    async def put(self, key: str, value: bytes) -> None:
        """Set the value; it is on disk when this returns."""
        await self._store(key, value)

    async def create(self, key: str, value: bytes) -> bool:
        """Set the value only if the key never had one; says whether it did so. After Unavailable nobody knows: ``get`` it."""
        try:
            await self._stored(self._subject(key), value, {_EXPECTED_LAST: "0"})
        except ApiError as error:
            if error.outdated:
                return False
            raise
        return True

    async def update(self, key: str, value: bytes | None, revision: int) -> int | None:
        """Set the value (None: forget it) only if this is still its revision, and return the new one; None when somebody was faster.

        After Unavailable nobody knows whether it was set: ask for the ``revision``.
        """
        headers = {_EXPECTED_LAST: str(revision)} | ({_OPERATION: "DEL"} if value is None else {})
        try:
            return await self._stored(self._subject(key), value or b"", headers)
        except ApiError as error:
            if error.outdated:
                return None
            raise

    async def watch(self, key: str, changed: Callable[[], None]) -> None:
        """Call ``changed`` soon after the value may have changed. A hint: it may come too often, and while the bus is away it does not come."""
        await self._api.connection.subscribe(self._subject(key), lambda *_: changed())

    async def unwatch(self, key: str) -> None:
        """No more calls."""
        await self._api.connection.unsubscribe(self._subject(key))

    async def delete(self, key: str) -> None:
        """Forget the value."""
        await self._store(key, b"", {_OPERATION: "DEL"})

    async def _store(self, key: str, value: bytes, headers: dict[str, str] | None = None) -> None:
        """What has the same effect when it is done twice, so a broken connection is no obstacle."""
        subject = self._subject(key)
        try:
            await self._stored(subject, value, headers)
        except Lost:
            await self._stored(subject, value, headers)

    async def _stored(self, subject: str, value: bytes, headers: dict[str, str] | None) -> int:
        """The revision of what was written, in a new bucket when a bus without a volume has come back without ours."""
        try:
            number, _ = await self._api.store(self._stream, subject, value, headers)
        except NoStream:
            await self.ensure()
            number, _ = await self._api.store(self._stream, subject, value, headers)
        except Lost:
            raise
        except Unavailable:
            # Where somebody watches this key, the server does not say that no stream takes it: nothing answers. The next try finds a bucket.
            await self.ensure()
            raise
        return number

    def _subject(self, key: str) -> str:
        if not _KEY.fullmatch(key):
            raise SpecError(f"{key!r} is no KV key", reason="InvalidName")
        return self._prefix + key
