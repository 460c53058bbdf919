"""The configuration and the credentials of the embedded ``nats-server``. Pure.

https://docs.nats.io/running-a-nats-service/configuration · the reasons for the values: docs/reliability.md
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["SYSTEM", "Credentials", "Sync", "new_credentials", "render"]

Sync = Literal["always", "default"]

SYSTEM = "pointsman_system"
"""The account through which the server tells of itself; no EventBus's account has this name."""

_LOG_BYTES = 8 << 20
_LOG_FILES = 3


@dataclass(frozen=True, slots=True)
class Credentials:
    """The one user of an account."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.user!r})"


def new_credentials(account: str) -> Credentials:
    """A user for an account, with a random password."""
    return Credentials(account, secrets.token_urlsafe(32))


def render(
    accounts: Mapping[str, Credentials],
    *,
    system: Credentials,
    server_name: str,
    port: int,
    store: Path,
    log: Path,
    sync: Sync,
    max_payload: int,
) -> str:
    """The text of the configuration file: loopback only, one account per bus, no user without a password, no other protocol.

    ``system`` may ask the server about itself, and sees no event.
    """
    lines = [
        f"server_name: {_quoted(server_name)}",
        f'listen: "127.0.0.1:{port}"',
        f"max_payload: {max_payload}",
        'write_deadline: "10s"',
        f"log_file: {_quoted(str(log))}",
        f"logfile_size_limit: {_LOG_BYTES}",
        f"logfile_max_num: {_LOG_FILES}",
        "jetstream {",
        f"  store_dir: {_quoted(str(store))}",
        "  max_memory_store: 64MB",
        # The server's own bound would be three quarters of what is free when it starts: with a full store, less than it holds. Each
        # stream has its bound, and a full disk is noticed.
        f"  max_file_store: {1 << 50}",
        # Without this line an acknowledged event may wait two minutes for its fsync: a power cut would lose it.
        *(["  sync_interval: always"] if sync == "always" else []),
        "}",
        "accounts {",
    ]
    for name, credentials in sorted(accounts.items()):
        user = f"{{user: {_quoted(credentials.user)}, password: {_quoted(credentials.password)}}}"
        lines.append(f"  {_quoted(name)}: {{jetstream: enabled, users: [{user}]}}")
    user = f"{{user: {_quoted(system.user)}, password: {_quoted(system.password)}}}"
    lines.append(f"  {_quoted(SYSTEM)}: {{users: [{user}]}}")
    lines += ["}", f"system_account: {_quoted(SYSTEM)}"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A string of the configuration language, which knows the escapes of JSON for quotes and backslashes."""
    return json.dumps(text, ensure_ascii=False)
