"""Source ``amqp``: messages of a RabbitMQ exchange (spec §3.5). Judged by lint, not built yet."""

from __future__ import annotations

from events.models.base import Finding, Spec, required
from events.models.shared import Backoff, BasicAuth, SecretKeySelector, TLSConfig, check_basic_auth, check_tls
from eventsource.pollers import Poller, PollerConfig, register


class ExchangeDeclare(Spec):
    """How the exchange is declared."""

    durable: bool = False
    auto_delete: bool = False
    internal: bool = False
    no_wait: bool = False


class QueueDeclare(Spec):
    """How the queue is declared; ``arguments`` is YAML text."""

    name: str = ""
    durable: bool = False
    auto_delete: bool = False
    exclusive: bool = False
    no_wait: bool = False
    arguments: str = ""


class QueueBind(Spec):
    """How the queue is bound."""

    no_wait: bool = False


class Consume(Spec):
    """How messages are asked for."""

    consumer_tag: str = ""
    auto_ack: bool = False
    exclusive: bool = False
    no_local: bool = False
    no_wait: bool = False


class AMQPConfig(PollerConfig):
    """``url`` or ``urlSecret``; a block that is given has its absent fields false."""

    url: str = ""
    url_secret: SecretKeySelector | None = None
    exchange_name: str = ""
    exchange_type: str = ""
    routing_key: str = ""
    connection_backoff: Backoff | None = None
    json_body: bool = False
    tls: TLSConfig | None = None
    exchange_declare: ExchangeDeclare | None = None
    queue_declare: QueueDeclare | None = None
    queue_bind: QueueBind | None = None
    consume: Consume | None = None
    auth: BasicAuth | None = None


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
