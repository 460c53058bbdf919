"""Retry policies as iterators of pauses in seconds. Pure: randomness is handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

__all__ = ["full_jitter"]


def full_jitter(
    random: Callable[[], float], *, first: float = 0.5, factor: float = 2.0, cap: float = 60.0
) -> Iterator[float]:
    """Pauses drawn from 0 … bound, where the bound grows from ``first`` by ``factor`` up to ``cap``.

    Full jitter spreads the retries of many waiters best:
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    bound = first
    while True:
        # Never less than a tenth of the bound: a retry at once would not give the other side any time.
        yield bound * max(0.1, random())
        bound = min(cap, bound * factor)
