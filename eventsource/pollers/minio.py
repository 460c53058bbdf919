"""Source ``minio``: notifications of a bucket (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, required
from events.models.shared import S3Artifact
from eventsource.pollers import Poller, register


@register("minio")
class MinIO(Poller[S3Artifact]):
    """Source kind ``minio``."""

    kind = "minio"
    built = False
    config_model = S3Artifact

    @classmethod
    def validate(cls, config: S3Artifact, path: str = "") -> list[Finding]:
        """Server and keys; a bucket that is given needs a name, an event a text."""
        findings = required(path, endpoint=config.endpoint)
        for name, key in (("accessKey", config.access_key), ("secretKey", config.secret_key)):
            if key is None:
                findings.append(Finding("error", f"{path}.{name}", "must be given"))
        if config.bucket is not None:
            findings += required(f"{path}.bucket", name=config.bucket.name)
        for index, event in enumerate(config.events or ()):
            if not event:
                findings.append(Finding("error", f"{path}.events[{index}]", "must not be empty"))
        return findings
