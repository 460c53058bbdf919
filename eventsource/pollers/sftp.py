"""Source ``sftp``: changes of files on a server (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, required
from events.models.shared import SecretKeySelector
from eventsource.pollers import Poller, PollerConfig, register
from eventsource.pollers._paths import WatchPathConfig, check_watch_path


class SFTPConfig(PollerConfig):
    """Address and credentials are all in Secrets."""

    event_type: str = ""
    """`CREATE` or `REMOVE`."""
    watch_path_config: WatchPathConfig = WatchPathConfig()
    """Which files."""
    username: SecretKeySelector | None = None
    """The user name."""
    password: SecretKeySelector | None = None
    """The password."""
    ssh_key_secret: SecretKeySelector | None = None
    """The private key."""
    address: SecretKeySelector | None = None
    """Address of the server."""
    poll_interval_duration: str = ""
    """How often to look, for example `10s`."""


@register("sftp")
class SFTP(Poller[SFTPConfig]):
    """Source kind ``sftp``."""

    kind = "sftp"
    built = False
    config_model = SFTPConfig

    @classmethod
    def validate(cls, config: SFTPConfig, path: str = "") -> list[Finding]:
        """A type, whatever it is, and the files."""
        findings = required(path, eventType=config.event_type)
        return findings + check_watch_path(config.watch_path_config, f"{path}.watchPathConfig")
