"""Planted faults; see ``tests/chaos/planted``."""
