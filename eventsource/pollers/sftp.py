"""Source ``sftp``: changes of files on a server (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, required
from events.models.shared import SecretKeySelector
from eventsource.pollers import Poller, PollerConfig, register
from eventsource.pollers._paths import WatchPathConfig, check_watch_path


class SFTPConfig(PollerConfig):
    """Address and credentials are all in Secrets."""

    event_type: str = ""
    watch_path_config: WatchPathConfig = WatchPathConfig()
    username: SecretKeySelector | None = None
    password: SecretKeySelector | None = None
    ssh_key_secret: SecretKeySelector | None = None
    address: SecretKeySelector | None = None
    poll_interval_duration: str = ""


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
