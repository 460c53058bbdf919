"""``pointsman send``: a signed sample delivery of a Git server, as the server itself would send it."""

from __future__ import annotations

import os
import re
import sys
import time
import uuid
from contextlib import closing
from pathlib import Path

import click
import orjson

from events.cli.deliveries import EVENTS, Request, change, make_request, read_sample
from events.cli.posting import Answer, Sender
from events.errors import SpecError

__all__ = ["command", "read_headers"]

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # a token of RFC 9110


def _read_secret(ctx: click.Context, param: click.Parameter, text: str | None) -> bytes | None:
    """The secret itself, ``@FILE`` or ``-`` (stdin). One newline at the end of a file is no part of it, as in Kubernetes."""
    if text is None:
        return None
    if text == "-":
        return sys.stdin.buffer.read().removesuffix(b"\n")
    if text.startswith("@"):
        try:
            return Path(text[1:]).read_bytes().removesuffix(b"\n")
        except OSError as error:
            raise click.BadParameter(f"{text[1:]} cannot be read: {error.strerror}") from None
    return os.fsencode(text)


def _read_changes(ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> list[tuple[str, str]]:
    pairs = []
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals or not path:
            raise click.BadParameter(f"'{text}': write path=value, such as ref=refs/heads/main")
        if not _is_unicode(text):
            raise click.BadParameter(f"{text!r} is not in UTF-8")
        pairs.append((path, value))
    return pairs


def _is_unicode(text: str) -> bool:
    """Whether an argument of the command line was valid UTF-8; otherwise it holds surrogates."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def read_headers(ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    """``Name: value`` of the command line."""
    headers = {}
    for text in texts:
        name, colon, value = text.partition(":")
        if not colon or not _HEADER_NAME.fullmatch(name.strip()) or not text.isprintable() or not text.isascii():
            raise click.BadParameter(f"{text!r}: write 'Name: value'")
        headers[name.strip()] = value.strip()
    return headers


_EXAMPLES = """\b
Examples:
  pointsman send github push --to http://127.0.0.1:12000/push --secret open-sesame
  pointsman send gitlab merge-request --to URL --secret @token.txt --set object_attributes.state=closed
  pointsman send github push --payload delivery.json --secret open-sesame --print
"""


def _epilog() -> str:
    events = "\n".join(f"  {forge:<16} {', '.join(events)}" for forge, events in EVENTS.items())
    return f"\b\nEvents:\n{events}\n\n{_EXAMPLES}"


@click.command("send", context_settings={"help_option_names": ["-h", "--help"]}, epilog=_epilog())
@click.argument("forge", type=click.Choice(list(EVENTS)), metavar="FORGE")
@click.argument("event")
@click.option("--to", "url", metavar="URL", help="Address of the webhook.")
@click.option(
    "--secret", metavar="SECRET", callback=_read_secret,
    help="Sign with this secret (GitLab: send this token); @FILE reads a file, - reads stdin. Unsigned without it.",
)  # fmt: skip
@click.option(
    "--set", "changes", multiple=True, metavar="PATH=VALUE", callback=_read_changes,
    help="Change the payload, such as ref=refs/heads/x or commits.0.distinct=false. Repeatable.",
)  # fmt: skip
@click.option(
    "--payload",
    type=click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True, path_type=Path),
    help="Send this JSON file instead of the sample (- reads stdin).",
)
@click.option(
    "-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", callback=read_headers,
    help="Another value of a header, such as 'X-Event-Key: pullrequest:fulfilled'. Repeatable.",
)  # fmt: skip
@click.option(
    "--delivery-id", metavar="ID", help="Id of the delivery; the same id again is a redelivery.  [default: new]"
)
@click.option("--count", type=click.IntRange(1), default=1, show_default=True, help="How many deliveries to send.")
@click.option("-o", "--output", type=click.Choice(["json"]), help="One JSON object for each delivery.")
@click.option("--print", "only_print", is_flag=True, help="Show the request instead of sending it; `explain` reads it.")
def command(
    forge: str,
    event: str,
    url: str | None,
    secret: bytes | None,
    changes: list[tuple[str, str]],
    payload: Path | None,
    headers: dict[str, str],
    delivery_id: str | None,
    count: int,
    output: str | None,
    only_print: bool,
) -> None:
    """Send a signed sample delivery of a Git server.

    FORGE is github, gitlab, bitbucket or bitbucketserver. The exit code is 0 when all deliveries were accepted (2xx), 1 when
    one was not, or nobody answered, and 2 when the command line is wrong.
    """
    if delivery_id is not None and not (delivery_id.isascii() and delivery_id.isprintable() and delivery_id.strip()):
        raise click.BadParameter("must be plain text", param_hint="--delivery-id")
    body = change(_read_payload(payload) if payload is not None else read_sample(forge, event), changes)

    def request() -> Request:
        identity = delivery_id if delivery_id is not None else str(uuid.uuid4())
        return make_request(forge, event, body, secret=secret, identity=identity, now=time.time(), extra=headers)

    if only_print:
        _print_request(request(), Sender(url) if url is not None else None, output)
        return
    if url is None:
        raise click.UsageError("missing option '--to' (the address of the webhook), or --print to only see the request")
    well = True
    with closing(Sender(url)) as sender:
        for _ in range(count):
            one = request()
            answer = sender.send(one)
            well &= answer.well
            _print_answer(one, answer, output)
    if not well:
        sys.exit(1)


def _read_payload(file: Path) -> str:
    name, text = ("stdin", sys.stdin.buffer.read()) if str(file) == "-" else (file, file.read_bytes())
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise SpecError(f"{name} is no JSON: {error}", path="--payload") from None
    return text.decode()


def _print_request(request: Request, sender: Sender | None, output: str | None) -> None:
    """The request as it goes out; without an address it has no first line."""
    headers = {**request.headers, "Content-Length": str(len(request.body))}
    if sender is not None:
        headers = {"Host": sender.host, **headers}
    if output == "json":
        where = {"path": sender.target} if sender is not None else {}
        # The body is what was signed: not a byte of it is written anew.
        shown = {"method": request.method, **where, "headers": headers, "body": orjson.Fragment(request.body)}
        click.echo(orjson.dumps(shown).decode())
        return
    if sender is not None:
        click.echo(f"{request.method} {sender.target} HTTP/1.1")
    for name, value in headers.items():
        click.echo(f"{name}: {value}")
    click.echo(f"\n{request.body.decode()}")


def _print_answer(request: Request, answer: Answer, output: str | None) -> None:
    if output == "json":
        shown = {"delivery": request.identity, "status": answer.status, "answer": answer.value}
        click.echo(orjson.dumps(shown).decode())
        return
    colour = "green" if answer.well else "red"
    status = click.style(f"{answer.status} {answer.phrase}", fg=colour)
    click.echo(f"{status}  {request.identity}{f'  {answer.text}' if answer.text else ''}")
