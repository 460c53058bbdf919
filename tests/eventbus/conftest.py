"""The server and the bus that the tests of this folder use."""

from tests.support.nats import bus, nats

__all__ = ["bus", "nats"]
