"""Source ``amqp``: messages of a RabbitMQ exchange (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, Spec, required
from events.models.shared import Backoff, BasicAuth, SecretKeySelector, TLSConfig, check_basic_auth, check_tls
from eventsource.pollers import Poller, PollerConfig, register


class ExchangeDeclare(Spec):
    """How the exchange is declared."""

    durable: bool = False
    """Whether it survives a restart of the server."""
    auto_delete: bool = False
    """Whether it goes with its last queue."""
    internal: bool = False
    """Whether only exchanges may publish to it."""
    no_wait: bool = False
    """Do not wait for the answer."""


class QueueDeclare(Spec):
    """How the queue is declared; ``arguments`` is YAML text."""

    name: str = ""
    """Name of the queue."""
    durable: bool = False
    """Whether it survives a restart of the server."""
    auto_delete: bool = False
    """Whether it goes with its last reader."""
    exclusive: bool = False
    """Whether only this connection may use it."""
    no_wait: bool = False
    """Do not wait for the answer."""
    arguments: str = ""
    """Further arguments, YAML text."""


class QueueBind(Spec):
    """How the queue is bound."""

    no_wait: bool = False
    """Do not wait for the answer."""


class Consume(Spec):
    """How messages are asked for."""

    consumer_tag: str = ""
    """Name of the reader."""
    auto_ack: bool = False
    """Whether messages count as read when they are sent."""
    exclusive: bool = False
    """Whether there may be no other reader."""
    no_local: bool = False
    """Leave out messages of this connection."""
    no_wait: bool = False
    """Do not wait for the answer."""


class AMQPConfig(PollerConfig):
    """``url`` or ``urlSecret``; a block that is given has its absent fields false."""

    url: str = ""
    """Address of the server."""
    url_secret: SecretKeySelector | None = None
    """The address, from a Secret."""
    exchange_name: str = ""
    """Name of the exchange."""
    exchange_type: str = ""
    """`fanout`, `direct`, `topic` or `headers`."""
    routing_key: str = ""
    """The routing key."""
    connection_backoff: Backoff | None = None
    """How often a connection is tried."""
    json_body: bool = False
    """Whether the message is JSON; else it is put into the data in base64."""
    tls: TLSConfig | None = None
    """How to speak TLS."""
    exchange_declare: ExchangeDeclare | None = None
    """How the exchange is declared."""
    queue_declare: QueueDeclare | None = None
    """How the queue is declared."""
    queue_bind: QueueBind | None = None
    """How the queue is bound."""
    consume: Consume | None = None
    """How messages are asked for."""
    auth: BasicAuth | None = None
    """How to log in."""


@register("amqp")
class AMQP(Poller[AMQPConfig]):
    """Source kind ``amqp``."""

    kind = "amqp"
    built = False
    config_model = AMQPConfig

    @classmethod
    def validate(cls, config: AMQPConfig, path: str = "") -> list[Finding]:
        """One address, a routing key and an exchange type. As in the reference, ``auth`` counts only without ``tls``."""
        findings = required(path, routingKey=config.routing_key, exchangeType=config.exchange_type)
        if bool(config.url) == (config.url_secret is not None):
            text = "url and urlSecret exclude each other" if config.url else "url or urlSecret must be given"
            findings.append(Finding("error", path, text))
        if config.tls is not None:
            return findings + check_tls(config.tls, f"{path}.tls")
        return findings + check_basic_auth(config.auth, f"{path}.auth")
