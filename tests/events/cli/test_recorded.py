"""Files that hold a delivery: which requests they mean, and what is no request."""

from __future__ import annotations

import pytest

from events.cli.recorded import Recorded, Target, read
from events.errors import SpecError

PUSH = (("X-GitHub-Event", "push"), ("Content-Length", "7"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            b"POST /push?a=1 HTTP/1.1\r\nHost: x:12000\r\nX-A: 1\r\nx-a:  2 \r\n\r\n{\r\n\r\n}",
            Recorded(b"{\r\n\r\n}", (("Host", "x:12000"), ("X-A", "1"), ("x-a", "2")), "POST", Target("/push?a=1", 12000)),
        ),
        (b'POST /p HTTP/2\nX-GitHub-Event: push\nContent-Length: 7\n\n{"a":1}\n', Recorded(b'{"a":1}', PUSH, "POST", Target("/p"))),
        (b'X-GitHub-Event: push\nContent-Length: 7\n\n{"a":1}\n\n', Recorded(b'{"a":1}', PUSH)),
        (b"GET http://h:1/p?q HTTP/1.1\n\n", Recorded(b"", (), "GET", Target("/p?q", 1))),
        (b"POST / HTTP/1.1\nX: \xff\n\n\xff", Recorded(b"\xff", (("X", "\udcff"),), "POST", Target("/"))),
        (
            b'{"method": "POST", "path": "/p", "port": 1, "headers": {"A": "1", "B": ["2", "3"]}, "body": {"n" :1.0}}',
            Recorded(b'{"n" :1.0}', (("A", "1"), ("B", "2"), ("B", "3")), "POST", Target("/p", 1)),
        ),
        (b'{"headers": [["A", "1"]], "body": "te\\u0078t"}', Recorded(b"text", (("A", "1"),))),
        (b'{"headers": {}, "body_base64": "/w=="}', Recorded(b"\xff")),
        (b'{"a": 1}\n', Recorded(b'{"a": 1}\n')),
        (b'{"body": 1}', Recorded(b'{"body": 1}')),
        (b"payload=%7B%7D", Recorded(b"payload=%7B%7D")),
        (b"", Recorded(b"")),
    ],
)  # fmt: skip
def test_a_file_is_read_as_what_it_is(content: bytes, expected: Recorded) -> None:
    assert read(content) == expected


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"POST / HTTP/1.1\nno header\n\n", "line 2 is no header"),
        (b"A: 1\n b\n\n", "line 2 is no header"),
        (b"POST / HTTP/1.1\nContent-Length: 9\n\n{}", "the body has 2 bytes, and Content-Length says 9"),
        (b"POST / HTTP/1.1\nContent-Length: -1\n\n{}", "Content-Length says -1"),
        (b"POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n2\n{}", "in chunks"),
        (b"POST nowhere HTTP/1.1\n\n", "'nowhere' is no address"),
        (b'{"headers": 5, "body": ""}', "headers must map names to values"),
        (b'{"headers": {"A": {}}, "body": ""}', "headers must map names to values"),
        (b'{"headers": [["A"]], "body": ""}', "headers must map names to values"),
        (b'{"headers": {}, "body_base64": "%"}', "body_base64 is not base64"),
        (b'{"headers": {}, "body": "", "method": 1}', "method and path must be texts"),
        (b'{"headers": {}, "body": "", "path": "p"}', "'p' is no address"),
    ],
)
def test_what_is_no_request_is_told(content: bytes, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        read(content)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("/push", Target("/push")),
        (":12000/push", Target("/push", 12000)),
        ("https://example.com/a%20b?c=d", Target("/a%20b?c=d")),
        ("http://[::1]:80", Target("/", 80)),
    ],
)
def test_where_it_was_sent_may_be_short(text: str, target: Target) -> None:
    assert Target.of(text) == target


@pytest.mark.parametrize("text", ["", "push", "ftp://x/", "http://", "http://x:99999/", "/a b"])
def test_what_is_no_address_is_told(text: str) -> None:
    with pytest.raises(SpecError, match="is no address"):
        Target.of(text)
