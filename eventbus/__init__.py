"""Steps 4–5: the bus between sources and sensors. ``subjects`` is pure; ``jetstream`` is the only door to NATS."""
