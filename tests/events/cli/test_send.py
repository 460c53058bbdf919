"""``pointsman send`` as a process, against a server that keeps what it was sent."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.up import free_port, pointsman


@dataclass
class Recorder:
    """A web server: gives ``status`` and ``answer``, keeps headers and body of each request."""

    status: int = 200
    answer: bytes = b'{"id":"e","status":"stored"}'
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?x=1"


@pytest.fixture
def server() -> Iterator[Recorder]:
    kept = Recorder()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.requests.append((self.path, dict(self.headers.items()), body))
            self.send_response(kept.status)
            self.send_header("Content-Length", str(len(kept.answer)))
            self.end_headers()
            self.wfile.write(kept.answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        kept.port = http.server_port
        threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}).start()
        try:
            yield kept
        finally:
            http.shutdown()


def send(folder: Path, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    done = pointsman("send", *arguments, cwd=folder, input=stdin)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def sha256(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("forge", "event", "header", "value", "proof"),
    [
        ("github", "push", "X-GitHub-Event", "push", "X-Hub-Signature-256"),
        ("gitlab", "merge-request", "X-Gitlab-Event", "Merge Request Hook", "X-Gitlab-Token"),
        ("bitbucket", "tag", "X-Event-Key", "repo:push", "X-Hub-Signature"),
        ("bitbucketserver", "pull-request", "X-Event-Key", "pr:opened", "X-Hub-Signature"),
    ],
)
def test_a_delivery_arrives_with_the_headers_and_the_proof_of_the_forge(
    forge: str, event: str, header: str, value: str, proof: str, server: Recorder, tmp_path: Path
) -> None:
    code, out, err = send(tmp_path, forge, event, "--to", server.url, "--secret", "s3cret", "--delivery-id", "d-1")

    assert (code, err) == (0, "")
    assert out == "d-1".join(("200 OK  ", '  {"id":"e","status":"stored"}\n'))
    [(path, headers, body)] = server.requests
    assert path == "/hook?x=1"
    assert headers[header] == value
    assert headers[proof] == ("s3cret" if forge == "gitlab" else sha256("s3cret", body))
    assert "d-1" in headers.values()


def test_set_changes_the_payload_before_it_is_signed(server: Recorder, tmp_path: Path) -> None:
    changes = ("--set", "ref=refs/heads/other", "--set", "commits.0.distinct=false", "--set", "new.deep=[1]")
    code, _, _ = send(tmp_path, "github", "push", "--to", server.url, "--secret", "k", *changes)

    [(_, headers, body)] = server.requests
    payload = json.loads(body)
    assert code == 0
    assert (payload["ref"], payload["commits"][0]["distinct"], payload["new"]) == (
        "refs/heads/other",
        False,
        {"deep": [1]},
    )
    assert headers["X-Hub-Signature-256"] == sha256("k", body)


def test_without_a_secret_it_is_not_signed(server: Recorder, tmp_path: Path) -> None:
    assert send(tmp_path, "github", "push", "--to", server.url)[0] == 0
    assert not [name for name in server.requests[0][1] if "Signature" in name]


def test_each_delivery_of_a_count_has_its_own_id_unless_one_is_given(server: Recorder, tmp_path: Path) -> None:
    send(tmp_path, "github", "push", "--to", server.url, "--count", "3")
    send(tmp_path, "github", "push", "--to", server.url, "--count", "3", "--delivery-id", "same")
    ids = [headers["X-GitHub-Delivery"] for _, headers, _ in server.requests]
    assert len(set(ids[:3])) == 3
    assert ids[3:] == ["same"] * 3


def test_payload_and_secret_may_come_from_files_and_stdin(server: Recorder, tmp_path: Path) -> None:
    (tmp_path / "payload.json").write_text('{ "a": "é" }\n')
    (tmp_path / "secret").write_text("k\n")
    to = ("github", "push", "--to", server.url)
    send(tmp_path, *to, "--payload", "payload.json", "--secret", "@secret")
    send(tmp_path, *to, "--payload", "payload.json", "--secret", "-", stdin="k\n")
    send(tmp_path, *to, "--payload", "-", "--secret", "k", stdin='{ "a": "é" }\n')

    for _, headers, body in server.requests:
        assert body == '{ "a": "é" }\n'.encode(), "as it was given, to the byte"
        assert headers["X-Hub-Signature-256"] == sha256("k", body)
    assert len(server.requests) == 3


def test_a_header_can_be_replaced(server: Recorder, tmp_path: Path) -> None:
    send(tmp_path, "bitbucket", "pull-request", "--to", server.url, "-H", "x-event-key: pullrequest:fulfilled")
    assert {k.lower(): v for k, v in server.requests[0][1].items()}["x-event-key"] == "pullrequest:fulfilled"


def test_print_shows_what_would_be_sent_and_sends_nothing(server: Recorder, tmp_path: Path) -> None:
    arguments = ("gitlab", "note", "--to", server.url, "--secret", "tok", "--delivery-id", "d")
    code, out, _ = send(tmp_path, *arguments, "--print")
    head, _, body = out.partition("\n\n")
    shown = json.loads(send(tmp_path, *arguments, "--print", "-o", "json")[1])

    assert code == 0
    assert "X-Gitlab-Token: tok" in head.splitlines()
    assert json.loads(body) == shown["body"]
    assert shown["headers"]["X-Gitlab-Event"] == "Note Hook"
    assert server.requests == []


def test_output_can_be_read_by_programs(server: Recorder, tmp_path: Path) -> None:
    _, out, _ = send(tmp_path, "github", "ping", "--to", server.url, "--delivery-id", "d", "-o", "json")
    assert json.loads(out) == {"delivery": "d", "status": 200, "answer": {"id": "e", "status": "stored"}}


@pytest.mark.parametrize(
    ("status", "phrase"),
    [(302, "Found"), (401, "Unauthorized"), (404, "Not Found"), (500, "Internal Server Error"), (503, "Service Unavailable")],
)  # fmt: skip
def test_what_is_not_taken_is_exit_code_1_with_the_answer(
    status: int, phrase: str, server: Recorder, tmp_path: Path
) -> None:
    server.status, server.answer = status, b'{"error":"no"}'
    code, out, _ = send(tmp_path, "github", "push", "--to", server.url, "--delivery-id", "d")
    assert (code, out) == (1, f'{status} {phrase}  d  {{"error":"no"}}\n')


def test_one_that_is_not_taken_of_many_is_exit_code_1(server: Recorder, tmp_path: Path) -> None:
    server.status = 503
    code, out, _ = send(tmp_path, "github", "push", "--to", server.url, "--count", "3")
    assert (code, len(out.splitlines())) == (1, 3), "the others are sent all the same"


@contextmanager
def rude(answer: bytes) -> Iterator[str]:
    """A server that gives these bytes to the first that comes, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1 << 20)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        thread.join(10)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [(b"", "closed the connection without an answer"), (b"SSH-2.0-x\r\n\r\n", "did not answer as a web server does")],
)
def test_a_server_that_is_none_is_exit_code_1_with_a_sentence(answer: bytes, sentence: str, tmp_path: Path) -> None:
    with rude(answer) as url:
        code, _, err = send(tmp_path, "github", "ping", "--to", url)
    assert code == 1
    assert err == f"error: {url.removeprefix('http://').rstrip('/')} {sentence}\n"


def test_where_nobody_listens_is_exit_code_1_with_a_sentence(tmp_path: Path) -> None:
    port = free_port()
    code, out, err = send(tmp_path, "github", "push", "--to", f"http://127.0.0.1:{port}/push")
    assert (code, out) == (1, "")
    assert err == f"error: 127.0.0.1:{port} refuses connections: nothing listens there (is `pointsman up` running?)\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("gitub push", "'gitub' is not one of 'github'"),
        ("github", "Missing argument 'EVENT'"),
        ("github psh", "there is no sample of the github event 'psh' (did you mean 'push'?)"),
        ("github push", "missing option '--to'"),
        ("github push --to 127.0.0.1/push", "'127.0.0.1/push' is no URL of a webhook (such as http://127.0.0.1:12000/push)"),
        ("github push --to http://h:99999/", "is no URL of a webhook"),
        ("github push --print --set ref", "'ref': write path=value, such as ref=refs/heads/main"),
        ("github push --print --set commits.x=1", "'commits.x' cannot be set"),
        ("github push --print --payload none.json", "'none.json' does not exist"),
        ("github push --print --payload text", "text is no JSON: "),
        ("github push --print --payload -", "stdin is no JSON: "),
        ("github push --print --secret @none", "none cannot be read: No such file or directory"),
        ("gitlab push --print --secret whsec_%", "a signing secret is 'whsec_' and base64"),
        ("github push --print -H X", "'X': write 'Name: value'"),
        ("github push --print -H X(y):z", "write 'Name: value'"),
        ("github push --print --count 0", "0 is not in the range x>=1"),
    ],
)  # fmt: skip
def test_a_mistake_is_exit_code_2_with_a_sentence(arguments: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not json")
    code, out, err = send(tmp_path, *arguments.split(), stdin="{")
    assert (code, out) == (2, "")
    assert sentence in err.splitlines()[-1]


def test_a_pull_request_is_a_merge_request_where_it_is_called_so(tmp_path: Path) -> None:
    for forge, event in (("gitlab", "pull_request"), ("github", "merge-request"), ("bitbucket", "merge-request")):
        assert send(tmp_path, forge, event, "--print")[0] == 0


def test_the_help_names_the_events_and_shows_how_to_call_it(tmp_path: Path) -> None:
    _, out, _ = send(tmp_path, "-h")
    assert "  gitlab           push, tag, merge-request, note\n" in out
    assert "  pointsman send github push --to http://127.0.0.1:12000/push --secret open-sesame\n" in out
    assert "\b" not in out
