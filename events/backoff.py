"""Retry policies as iterators of pauses in seconds. Pure: randomness is handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator

__all__ = ["exponential", "full_jitter", "jittered"]


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


def jittered(
    failures: int, random: Callable[[], float], *, first: float = 0.5, factor: float = 2.0, cap: float = 60.0
) -> float:
    """The pause of ``full_jitter`` after so many failures before (0 for the first pause)."""
    return min(cap, first * factor ** min(failures, 64)) * max(0.1, random())


def exponential(duration: float, factor: float, jitter: float, failures: int, random: Callable[[], float]) -> float:
    """The pause after so many failures (1 or more) by the retry policy of manifests (spec §0.3): ``duration`` seconds and up to
    ``jitter`` times that more; ``factor`` times as long after each further one, where it is not 0.
    """
    pause = duration * (factor ** min(failures - 1, 64) if factor else 1.0)
    return max(0.0, pause + (random() * jitter * pause if jitter > 0 else 0.0))
