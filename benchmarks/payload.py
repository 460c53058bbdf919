"""The deliveries that are measured: a signed GitHub push of 8 KB and a pull request of 25 KB, as GitHub sends them (compact JSON,
signature over the raw body).
"""

from __future__ import annotations

import hashlib
import hmac

import orjson

__all__ = ["PATH", "SECRET", "pull_request", "push", "request_parts"]

SECRET = b"topsecret"
PATH = "/push"
_BYTES = 8_192
_PULL_REQUEST_BYTES = 25_600
_HASH = hashlib.sha1(b"pointsman").hexdigest()
_API = "https://api.github.com/repos/acme/rocket"
_LINKS = ("archive", "assignees", "blobs", "branches", "collaborators", "comments", "commits", "compare", "contents")


def push() -> bytes:
    """The body; commits are there from the start, padding brings it to its size."""
    user, repository = _user(), _repository()
    body = {
        "ref": "refs/heads/main",
        "before": "0" * 40,
        "after": _HASH,
        "repository": repository,
        "pusher": user,
        "sender": user,
        "created": False,
        "deleted": False,
        "forced": False,
        "base_ref": None,
        "compare": "https://github.com/acme/rocket/compare/000000...abcdef",
        "commits": [_commit(number, user) for number in range(12)],
    }
    return _padded(body, _BYTES)


def pull_request() -> bytes:
    """An opened pull request: mostly links, three times the same repository, and a description."""
    user, repository = _user(), _repository()
    links = {f"{name}_{number}_url": f"{_API}/{name}/{number}{{/sha}}" for name in _LINKS for number in range(30)}
    side = {"label": "acme:main", "ref": "main", "sha": _HASH, "user": user, "repo": repository}
    request = {
        **links,
        "number": 7,
        "state": "open",
        "locked": False,
        "title": "Make the flow faster",
        "user": user,
        "body": "It was <slow> & had no tests.\r\n" * 40,
        "created_at": "2025-01-02T03:04:05Z",
        "merged_at": None,
        "assignees": [user] * 3,
        "labels": [
            {"id": number, "name": f"area/{number}", "color": "ededed", "default": False} for number in range(12)
        ],
        "head": side,
        "base": side,
        "additions": 120,
        "deletions": 14,
        "changed_files": 9,
    }
    body = {"action": "opened", "number": 7, "pull_request": request, "repository": repository, "sender": user}
    return _padded(body, _PULL_REQUEST_BYTES)


def _padded(body: dict[str, object], size: int) -> bytes:
    text = orjson.dumps(body)
    body["padding"] = "x" * max(0, size - len(text) - len(b',"padding":""'))
    return orjson.dumps(body)


def _user() -> dict[str, object]:
    return {"name": "Ada", "email": "ada@example.org", "username": "ada", "login": "ada", "id": 4711}


def _repository() -> dict[str, object]:
    return {
        "id": 35129377,
        "node_id": "MDEwOlJlcG9zaXRvcnkzNTEyOTM3Nw==",
        "name": "rocket",
        "full_name": "acme/rocket",
        "private": False,
        "owner": _user(),
        "html_url": "https://github.com/acme/rocket",
        "clone_url": "https://github.com/acme/rocket.git",
        "default_branch": "main",
        "size": 1024,
        "topics": ["space", "fuel"],
        **{f"{name}_url": f"{_API}/{name}{{/id}}" for name in _LINKS},
    }


def _commit(number: int, user: dict[str, object]) -> dict[str, object]:
    identifier = hashlib.sha1(b"%d" % number).hexdigest()
    return {
        "id": identifier,
        "tree_id": identifier[::-1],
        "distinct": True,
        "message": f"Make step {number} of the flow faster\n\nIt was <slow> & had no tests.",
        "timestamp": "2025-01-02T03:04:05+01:00",
        "url": f"https://github.com/acme/rocket/commit/{identifier}",
        "author": user,
        "committer": user,
        "added": [],
        "removed": [],
        "modified": ["README.md", f"src/step{number}.py"],
    }


def request_parts(host: str, path: str = PATH) -> tuple[bytes, bytes]:
    """The bytes of a request before and after the value of ``X-GitHub-Delivery``."""
    body = push()
    signature = hmac.new(SECRET, body, "sha256").hexdigest()
    head = [
        f"POST {path} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: GitHub-Hookshot/044aadd",
        f"Content-Length: {len(body)}",
        "Accept: */*",
        "Content-Type: application/json",
        "X-GitHub-Event: push",
        "X-GitHub-Hook-ID: 292430182",
        "X-GitHub-Hook-Installation-Target-ID: 79929171",
        "X-GitHub-Hook-Installation-Target-Type: repository",
        f"X-Hub-Signature-256: sha256={signature}",
        "X-GitHub-Delivery: ",
    ]
    return "\r\n".join(head).encode(), b"\r\n\r\n" + body
