"""What the ``nats-server`` of a bus reads: its configuration, its accounts, and the stream settings of its clients (spec §4.7, §5.4). Pure.

https://docs.nats.io/running-a-nats-service/configuration
"""

from __future__ import annotations

import re

from events import goyaml
from events.controller.names import bus_object
from events.errors import SpecError

__all__ = ["accounts", "client_auth", "configuration", "stream_config"]

STORE = "/data/jetstream/store"
SECRET_FILES = "/etc/nats-config"
_SIZE = re.compile(r"\d+\s*([KMG]i?B?|B)?", re.ASCII | re.IGNORECASE)


def configuration(name: str, namespace: str, replicas: int, *, settings: str, max_payload: str) -> str:
    """The text of ``nats-js.conf``. Raises SpecError for what would keep the server from starting.

    ``settings`` stands in the block of JetStream; that an acknowledged event is on disk is not up to it.
    """
    if not _SIZE.fullmatch(max_payload):
        raise SpecError(f"'{max_payload}' is no size such as 1MB", path="spec.jetstream.maxPayload")
    if not _balanced(settings):
        raise SpecError("braces do not match", path="spec.jetstream.settings")
    inner = [line for line in settings.splitlines() if line.strip() and not line.strip().startswith("sync_interval")]
    lines = [
        "server_name: $POD_NAME",
        "port: 4222",
        "monitor_port: 8222",
        'pid_file: "/var/run/nats/nats.pid"',
        f"max_payload: {max_payload}",
        "lame_duck_duration: 30s",
        *_tls("", timeout=5),
        "jetstream {",
        "  key: $JS_KEY",
        f'  store_dir: "{STORE}"',
        *(f"  {line.strip()}" for line in inner),
        "  sync_interval: always",
        "}",
        "include ./auth.conf",
    ]
    if replicas > 1:
        service = bus_object(name, "-svc")
        routes = ", ".join(
            f'"nats://{bus_object(name)}-{index}.{service}.{namespace}.svc:6222"' for index in range(replicas)
        )
        lines += [
            "cluster {",
            f'  name: "{bus_object(name)}"',
            "  port: 6222",
            "  cluster_advertise: $CLUSTER_ADVERTISE",
            "  connect_retries: 120",
            f"  routes: [{routes}]",
            *(f"  {line}" for line in _tls("cluster-", timeout=10)),
            "}",
        ]
    return "\n".join(lines) + "\n"


def _tls(prefix: str, *, timeout: int) -> list[str]:
    files = f"{SECRET_FILES}/{prefix}"
    lines = [f'  cert_file: "{files}server-cert.pem"', f'  key_file: "{files}server-key.pem"']
    if prefix:  # members of the cluster show each other that they are
        lines += [f'  ca_file: "{files}ca-cert.pem"', "  verify: true"]
    return ["tls {", *lines, f"  timeout: {timeout}", "}"]


def _balanced(text: str) -> bool:
    depth = 0
    for sign in text:
        depth += (sign == "{") - (sign == "}")
        if depth < 0:
            return False
    return depth == 0


def accounts(user: str, password: str, system_user: str, system_password: str) -> str:
    """The text of ``auth.conf``: an account with the events, and one that only sees how the server is."""
    return (
        f'accounts: {{\n  js: {{ jetstream: enabled, users: [{{ user: "{user}", password: "{password}" }}] }}\n'
        f'  sys: {{ users: [{{ user: "{system_user}", password: "{system_password}" }}] }}\n}}\nsystem_account: sys\n'
    )


def client_auth(user: str, password: str) -> str:
    """What clients read, as YAML."""
    return f"username: {user}\npassword: {password}\n"


def stream_config(text: str, replicas: int) -> str:
    """The settings of the stream for the clients of the bus, with lower-cased keys as the reference writes them.

    The stream has as many copies as the bus has servers, where nothing else is said. Raises SpecError.
    """
    try:
        given = goyaml.load(text) if text.strip() else {}
    except SpecError as error:
        raise SpecError(error.message, path="spec.jetstream.streamConfig") from None
    if not isinstance(given, dict):
        raise SpecError("must be a mapping, such as `maxAge: 168h`", path="spec.jetstream.streamConfig")
    settings = {"replicas": min(replicas, 5), **{str(key).lower(): value for key, value in given.items()}}
    return "".join(f"{key}: {_scalar(value)}\n" for key, value in sorted(settings.items()))


def _scalar(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
