"""JetStream's API as requests and answers: https://docs.nats.io/reference/reference-protocols/nats_api_reference"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from eventbus.connection import Connection, Lost
from events.errors import PointsmanError, Refused, Unavailable

__all__ = ["ApiError", "JetStreamApi", "NoStream", "StoredMessage"]

# https://github.com/nats-io/nats-server/blob/main/server/errors.json
_CONSUMER_NOT_FOUND = 10014
_MESSAGE_NOT_FOUND = 10037
_STREAM_NOT_FOUND = 10059
_NOT_FOUND = (_CONSUMER_NOT_FOUND, _MESSAGE_NOT_FOUND, _STREAM_NOT_FOUND)
_NAME_IN_USE = 10058
_WRONG_LAST_SEQUENCE = (10071, 10164)
_FULL = (10002, 10023, 10047, 10077, 10122)
_IN_PROCESS = 10158
"""One of several servers has an event of this id, and does not know yet whether it will be stored."""


class ApiError(Refused):
    """The server refuses a request; ``code`` is its error code."""

    def __init__(self, description: str, status: int, code: int) -> None:
        super().__init__(f"the bus says: {description}", status=status)
        self.code = code

    @property
    def not_found(self) -> bool:
        """The stream, consumer or message does not exist."""
        return self.code in _NOT_FOUND

    @property
    def exists(self) -> bool:
        """A stream of this name exists, with another configuration."""
        return self.code == _NAME_IN_USE

    @property
    def outdated(self) -> bool:
        """The subject has another last message than was expected."""
        return self.code in _WRONG_LAST_SEQUENCE


class NoStream(Unavailable):
    """Nobody answered: the stream is missing, or JetStream is not ready."""


class StoredMessage(NamedTuple):
    """One message of a stream: its data, its raw headers, its place, and when it was stored (RFC 3339, where that was asked)."""

    data: bytes
    headers: bytes
    sequence: int
    time: str = ""


class JetStreamApi:
    """Every method raises Unavailable when the bus is away, and ApiError when it says no."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def call(self, subject: str, request: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One request to ``$JS.API.<subject>``; all that we make may be made twice."""
        data = orjson.dumps(request) if request is not None else b""
        try:
            reply = await self.connection.request(f"$JS.API.{subject}", data)
        except Lost:
            reply = await self.connection.request(f"$JS.API.{subject}", data)
        if reply.status:
            raise NoStream("the server at this address has no JetStream for us (yet)")
        return _answer(reply.data)

    async def find(self, subject: str, request: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """As ``call``, but None for what does not exist."""
        try:
            return await self.call(subject, request)
        except ApiError as error:
            if error.not_found:
                return None
            raise

    async def create_stream(self, config: Mapping[str, Any]) -> None:
        """Create a stream unless there is one of this name, which is left as it is."""
        if await self.find(f"STREAM.INFO.{config['name']}") is not None:
            return
        try:
            await self.call(f"STREAM.CREATE.{config['name']}", config)
        except ApiError as error:
            if not error.exists:  # another process was faster
                raise

    async def store(
        self, stream: str, subject: str, data: bytes, headers: dict[str, str] | None = None
    ) -> tuple[int, bool]:
        """Publish to a stream: (sequence, whether it was there already). Raises NoStream, and Refused when it is too large."""
        self.check_size(data, headers)
        reply = await self.connection.request(subject, data, headers=headers)
        if reply.status:
            raise NoStream(f"no stream takes {subject}")
        ack = _answer(reply.data)
        sequence = ack.get("seq")
        if ack.get("stream") != stream or not isinstance(sequence, int) or sequence <= 0:
            raise Unavailable(f"the bus acknowledged for the stream {ack.get('stream')!r} instead of {stream!r}")
        return sequence, ack.get("duplicate") is True

    def check_size(self, data: bytes, headers: dict[str, str] | None) -> None:
        """Raises Refused for more than the server takes: it would close the connection, with everything that is under way on it."""
        limit = self.connection.max_payload
        size = len(data)
        if headers:
            size += sum(len(name) + len(value) + 4 for name, value in headers.items()) + 12
        if size > limit > 0:
            raise Refused(f"{size} bytes are more than the bus takes in one message ({limit})", status=413)

    async def message(self, stream: str, query: Mapping[str, Any]) -> StoredMessage | None:
        """One stored message, or None; ``query`` is ``{"seq": …}``, ``{"last_by_subj": …}``, or ``seq`` and ``next_by_subj``."""
        answer = await self.find(f"STREAM.MSG.GET.{stream}", query)
        if answer is None:
            return None
        found = answer["message"]
        data, headers = (binascii.a2b_base64(found.get(part, "")) for part in ("data", "hdrs"))
        return StoredMessage(data, headers, int(found["seq"]), str(found.get("time", "")))


def _answer(data: bytes) -> dict[str, Any]:
    try:
        answer = dict(orjson.loads(data))
    except (ValueError, TypeError) as error:
        raise Unavailable(f"the bus gave an answer that is no JSON object: {error}") from None
    if "error" in answer:
        raise _translated(answer["error"])
    return answer


def _translated(error: dict[str, Any]) -> PointsmanError:
    """Temporary errors are worth another try, and so is a full stream or account, which somebody may empty."""
    description = str(error.get("description", "unknown error"))
    status, code = int(error.get("code", 500)), int(error.get("err_code", 0))
    if code in _FULL:
        return Unavailable(f"the bus is full: {description}", hint="raise the limits of its stream, or its disk")
    if code == _IN_PROCESS:
        return Unavailable(f"the bus says: {description}")
    if code not in _WRONG_LAST_SEQUENCE and (status in (408, 429) or status >= 500):
        return Unavailable(f"the bus says: {description}")
    return ApiError(description, status, code)
