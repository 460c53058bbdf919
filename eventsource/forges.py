"""What senders of webhooks call their header fields: which event it is, and which delivery. Pure.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers
https://docs.gitlab.com/user/project/integrations/webhooks/#delivery-headers
https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/#HTTP-headers
https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html#Eventpayload-HTTPheaders
https://docs.gitea.com/usage/webhooks
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from eventsource.delivery import Delivery

__all__ = ["ANYONE", "BITBUCKET", "BITBUCKET_SERVER", "GITEA", "GITHUB", "GITLAB", "Forge"]


@dataclass(frozen=True, slots=True)
class Forge:
    """Names in canonical case. ``event_header`` names the event; of ``id_headers`` the first that is given has the id.

    ``tells_failures``: it has a log of its deliveries, and sends one again when it is asked to.
    """

    event_header: str = ""
    id_headers: tuple[str, ...] = ()
    tells_failures: bool = False

    def delivery_id(self, delivery: Delivery) -> str:
        """The sender's id of a delivery, the same when it is sent again; else a digest.

        The digest covers event and body: the same event with the same body is the same delivery.
        """
        for name in self.id_headers:
            given = delivery.header(name)
            if given:
                return given
        event = delivery.header(self.event_header).encode("utf-8", "surrogateescape")
        return hashlib.sha256(b"\x00".join((event, delivery.body))).hexdigest()


ANYONE = Forge(id_headers=("Webhook-Id", "Idempotency-Key"))
BITBUCKET = Forge("X-Event-Key", ("X-Request-Uuid",))  # not X-Hook-UUID: that names the hook
BITBUCKET_SERVER = Forge("X-Event-Key", ("X-Request-Id",))
GITEA = Forge("X-Gitea-Event", ("X-Gitea-Delivery",))
GITHUB = Forge("X-Github-Event", ("X-Github-Delivery",), tells_failures=True)
GITLAB = Forge(
    "X-Gitlab-Event", ("Idempotency-Key", "Webhook-Id"), tells_failures=True
)  # not X-Gitlab-Event-UUID: hooks share it
