"""Records of the spool: messages that wait for the bus, as bytes. Pure.

A record is its length, a CRC32C over the length and the content, and the content; all numbers are little-endian. Whatever a crash or a
disk did to a file, what is read from its start to the first record that is not as it was written is exactly what was written.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import google_crc32c
import orjson

__all__ = ["MAX_CONTENT", "Record", "boundaries", "decode", "encode", "framed"]

_FRAME = struct.Struct("<II")
"""Bytes of the content; CRC32C over these four bytes and the content."""
_CONTENT = struct.Struct("<QII")
"""Time of acceptance; bytes of the subject and of the headers, which follow; the rest is the data."""

MAX_CONTENT = 80 << 20
"""No record holds more bytes: the largest message of a NATS server (64 MiB) and its headers."""


class Record(NamedTuple):
    """A message as it will be published, and when its delivery was accepted (nanoseconds since 1970)."""

    accepted: int
    subject: str
    headers: dict[str, str]
    data: bytes


def encode(record: Record) -> bytes:
    """The bytes of a record."""
    subject, headers = record.subject.encode(), orjson.dumps(record.headers)
    content = b"".join(
        (_CONTENT.pack(record.accepted, len(subject), len(headers)), subject, headers, record.data),
    )
    return _FRAME.pack(len(content), _checksum(len(content), content)) + content


def framed(buffer: bytes, start: int) -> int:
    """How many bytes the record at ``start`` has, as it says itself; 0 when too few bytes are there to tell."""
    if len(buffer) - start < _FRAME.size:
        return 0
    length: int = _FRAME.unpack_from(buffer, start)[0]
    return _FRAME.size + length


def decode(buffer: bytes, start: int) -> tuple[Record, int] | None:
    """The record at ``start`` and where it ends; None when it is not there as it was written."""
    end = _end(buffer, start)
    if end is None:
        return None
    accepted, subject_size, headers_size = _CONTENT.unpack_from(buffer, start + _FRAME.size)
    subject = start + _FRAME.size + _CONTENT.size
    headers = subject + subject_size
    data = headers + headers_size
    return Record(accepted, buffer[subject:headers].decode(), orjson.loads(buffer[headers:data]), buffer[data:end]), end


def boundaries(buffer: bytes) -> list[int]:
    """Where each of the intact records from the start on ends."""
    ends, end = [], _end(buffer, 0)
    while end is not None:
        ends.append(end)
        end = _end(buffer, end)
    return ends


def _end(buffer: bytes, start: int) -> int | None:
    if len(buffer) - start < _FRAME.size:
        return None
    length, checksum = _FRAME.unpack_from(buffer, start)
    begin = start + _FRAME.size
    end = begin + length
    if length < _CONTENT.size or length > MAX_CONTENT or end > len(buffer):
        return None
    return end if _checksum(length, buffer[begin:end]) == checksum else None


def _checksum(length: int, content: bytes) -> int:
    """A length that is damaged so that it points at other intact bytes is found, too."""
    return int(google_crc32c.extend(google_crc32c.value(length.to_bytes(4, "little")), content))
