"""A nats-server of somebody else, with a token, with TLS, with client certificates."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from eventbus.addressing import exotic_address
from eventbus.child import spawn
from eventbus.embedded import server_binary
from eventbus.interface import Address, Tls
from eventbus.jetstream import JetStreamBus, connect
from eventbus.stream import THEIRS
from events.errors import PointsmanError, Refused, SpecError, Unavailable
from tests.support.nats import event, ids, take


@asynccontextmanager
async def server(folder: Path, *lines: str) -> AsyncIterator[str]:
    """A plain nats-server with these lines in its configuration; gives host and port."""
    (folder / "nats.conf").write_text(
        "\n".join(
            [
                'listen: "127.0.0.1:-1"',
                f'ports_file_dir: "{folder}"',
                f'jetstream {{ store_dir: "{folder / "store"}" }}',
                *lines,
            ]
        )
    )
    command = [str(server_binary()), "--config", str(folder / "nats.conf")]
    child = await spawn(command, output=folder / "nats.out")
    try:
        async with asyncio.timeout(20):
            ports = folder / f"nats-server_{child.pid}.ports"
            while not ports.exists() or not ports.read_text().endswith("}"):
                assert child.returncode is None, (folder / "nats.out").read_text()
                await asyncio.sleep(0.01)
        yield ports.read_text().partition("127.0.0.1:")[2].partition('"')[0]
    finally:
        await child.stop()


@asynccontextmanager
async def connected(address: Address) -> AsyncIterator[JetStreamBus]:
    async with connect(address, name="test", stream=THEIRS, connect_timeout=1) as bus:
        await bus.ensure_stream()
        yield bus


async def passes(address: Address) -> None:
    """An event goes in and comes out."""
    async with connected(address) as bus:
        subscription = await bus.subscribe("sensor", ["default.es.push"])
        stored = event()
        await bus.publish(stored)
        assert ids(await take(subscription, 1)) == [stored.id]


async def fails(address: Address, kind: type[PointsmanError], words: str) -> None:
    with pytest.raises(kind, match=words):
        async with connected(address):
            pass


async def test_a_token_lets_in(tmp_path: Path) -> None:
    async with server(tmp_path, "authorization { token: tok }") as port:
        await passes(exotic_address(f"nats://127.0.0.1:{port}", b"token: tok", None))
        await passes(exotic_address(f"nats://tok@127.0.0.1:{port}", None, None))
        await fails(exotic_address(f"nats://127.0.0.1:{port}", b"token: wrong", None), Refused, "refuses the token")
        await fails(exotic_address(f"nats://127.0.0.1:{port}", None, None), Refused, "without credentials")


async def test_a_user_lets_in(tmp_path: Path) -> None:
    async with server(tmp_path, "authorization { user: u, password: p }") as port:
        await passes(exotic_address(f"nats://127.0.0.1:{port}", b"username: u\npassword: p", None))
        wrong = exotic_address(f"nats://127.0.0.1:{port}", b"username: u\npassword: x", None)
        await fails(wrong, Refused, "refuses the user 'u'")


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def tls_lines(folder: Path, authority: trustme.CA, *more: str) -> str:
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for part in certificate.cert_chain_pems:
        part.write_to_path(folder / "crt.pem", append=True)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return f'tls {{ cert_file: "{folder}/crt.pem", key_file: "{folder}/key.pem", {" ".join(more)} }}'


def pem(authority: trustme.CA) -> str:
    return authority.cert_pem.bytes().decode()


async def test_tls_is_verified_when_it_is_configured(tmp_path: Path, authority: trustme.CA) -> None:
    async with server(tmp_path, tls_lines(tmp_path, authority)) as port:
        url = f"nats://127.0.0.1:{port}"
        await passes(exotic_address(url, None, Tls(pem(authority))))
        await passes(exotic_address(f"tls://127.0.0.1:{port}", None, Tls(pem(authority))))
        await fails(exotic_address(url, None, Tls(pem(trustme.CA()))), Unavailable, "certificate verify failed")
        await fails(exotic_address(url, None, Tls()), Unavailable, "certificate verify failed")
        await fails(Address(url), Unavailable, "certificate verify failed")
        await passes(exotic_address(url, None, Tls(verify=False)))
        await fails(exotic_address(url, None, Tls("no PEM")), SpecError, "certificates")


async def test_without_tls_in_the_manifest_any_server_is_good_as_in_the_reference(
    tmp_path: Path, authority: trustme.CA
) -> None:
    async with server(tmp_path, tls_lines(tmp_path, authority)) as port:
        await passes(exotic_address(f"nats://127.0.0.1:{port}", None, None))


async def test_credentials_are_never_sent_without_the_tls_that_was_asked_for(tmp_path: Path) -> None:
    async with server(tmp_path, "authorization { token: tok }") as port:
        asked = Tls(verify=False)
        await fails(exotic_address(f"nats://127.0.0.1:{port}", b"token: tok", asked), Unavailable, "secure|TLS")
        await fails(exotic_address(f"tls://127.0.0.1:{port}", b"token: tok", None), Unavailable, "secure|TLS")


async def test_a_client_certificate_lets_in(tmp_path: Path, authority: trustme.CA) -> None:
    lines = tls_lines(tmp_path, authority, f'ca_file: "{tmp_path}/ca.pem", verify: true')
    mine = authority.issue_cert("client.test")
    chain = "".join(part.bytes().decode() for part in mine.cert_chain_pems)
    tls = Tls(pem(authority), chain, mine.private_key_pem.bytes().decode())
    async with server(tmp_path, lines) as port:
        await passes(exotic_address(f"nats://127.0.0.1:{port}", None, tls))
        await fails(exotic_address(f"nats://127.0.0.1:{port}", None, Tls(pem(authority))), Unavailable, "no bus at")


async def test_a_reconnect_speaks_tls_and_logs_in_again(tmp_path: Path, authority: trustme.CA) -> None:
    lines = tls_lines(tmp_path, authority)
    async with server(tmp_path, lines, "authorization { token: tok }") as port:
        address = exotic_address(f"nats://127.0.0.1:{port}", b"token: tok", Tls(pem(authority)))
        async with connected(address) as bus:
            subscription = await bus.subscribe("sensor", ["default.es.push"])
            bus._connection._client._transport.close()
            again = event()
            await bus.publish(again)
            assert ids(await take(subscription, 1)) == [again.id]
