"""Repeated timings, and what they come to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from edgefake.statistics import Summary


def milliseconds(seconds: Sequence[float]) -> Summary:
    """Latencies given in seconds, summed up in milliseconds."""
    return Summary.of(np.asarray(seconds) * 1e3)


def interleaved(actions: Sequence[Callable[[], object]], *, runs: int, warm_up: int) -> list[list[float]]:
    """Seconds that each action took in each of ``runs`` rounds, after ``warm_up`` rounds that do not count.

    Every round runs every action and starts with another one, so that a change of the machine's speed meets all alike.
    """
    seconds: list[list[float]] = [[] for _ in actions]
    for round_ in range(-warm_up, runs):
        for turn in range(len(actions)):
            index = (round_ + turn) % len(actions)
            started = time.perf_counter()
            actions[index]()
            elapsed = time.perf_counter() - started
            if round_ >= 0:
                seconds[index].append(elapsed)
    return seconds
