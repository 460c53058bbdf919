"""Source ``hdfs``: changes of files in HDFS (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from pydantic import Field

from events.models.base import Finding, required
from events.models.eventsource import SourceFilter
from events.models.shared import ConfigMapKeySelector, SecretKeySelector, go_duration
from eventsource.pollers import Poller, register
from eventsource.pollers._paths import WatchPathConfig, check_watch_path

OPERATIONS = frozenset(("CREATE", "WRITE", "REMOVE", "RENAME", "CHMOD"))


class HDFSConfig(WatchPathConfig):
    """The files stand inline; ``type`` is operations joined with ``|``."""

    type: str = ""
    """`CREATE`, `WRITE`, `REMOVE`, `RENAME` or `CHMOD`."""
    check_interval: str = ""
    """How often to look, for example `1m`."""
    addresses: list[str] = []
    """Addresses of the name nodes."""
    hdfs_user: str = ""
    """The user."""
    krb_c_cache_secret: SecretKeySelector | None = Field(default=None, alias="krbCCacheSecret")
    """The Kerberos credentials cache."""
    krb_keytab_secret: SecretKeySelector | None = None
    """The Kerberos key table."""
    krb_username: str = ""
    """The Kerberos user."""
    krb_realm: str = ""
    """The Kerberos realm."""
    krb_config_config_map: ConfigMapKeySelector | None = None
    """Kerberos' configuration."""
    krb_service_principal_name: str = ""
    """The Kerberos name of the service."""
    metadata: dict[str, str] = {}
    """Added to the event's data."""
    filter: SourceFilter | None = None
    """Which events count."""


@register("hdfs")
class HDFS(Poller[HDFSConfig]):
    """Source kind ``hdfs``."""

    kind = "hdfs"
    built = False
    config_model = HDFSConfig

    @classmethod
    def validate(cls, config: HDFSConfig, path: str = "") -> list[Finding]:
        """At least one known operation, the files, addresses, and a user or what Kerberos needs."""
        findings = required(path, type=config.type)
        if config.type and not OPERATIONS.intersection(config.type.split("|")):
            findings.append(Finding("error", f"{path}.type", f"must name one of {', '.join(sorted(OPERATIONS))}"))
        if config.check_interval:
            try:
                go_duration(config.check_interval)
            except ValueError as error:
                findings.append(Finding("error", f"{path}.checkInterval", str(error)))
        findings += check_watch_path(config, path)
        findings += required(path, addresses=config.addresses)
        return findings + _check_login(config, path)


def _check_login(config: HDFSConfig, path: str) -> list[Finding]:
    cache, keytab = config.krb_c_cache_secret, config.krb_keytab_secret
    if not config.hdfs_user and cache is None and keytab is None:
        return [Finding("error", path, "hdfsUser, krbCCacheSecret or krbKeytabSecret must be given")]
    if cache is None and keytab is None:
        return []
    findings = required(path, krbServicePrincipalName=config.krb_service_principal_name)
    if config.krb_config_config_map is None:
        findings.append(Finding("error", f"{path}.krbConfigConfigMap", "must be given"))
    if keytab is not None:
        findings += required(path, krbUsername=config.krb_username, krbRealm=config.krb_realm)
    return findings
