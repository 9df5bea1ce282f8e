"""What repeated measurements come to, with intervals that hold.

Runs inside one process are not independent of each other, and processes differ by more than their runs do (memory layout, what
else the machine does). Intervals therefore resample processes first and blocks of successive runs second (Kalibera & Jones 2013,
*Rigorous benchmarking in reasonable time*). Of n processes n - 1 are drawn, as drawing n makes intervals too narrow (Rao & Wu 1988).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RESAMPLES = 1000
BLOCKS = 10
"""Each process's runs are resampled in so many blocks."""

Samples = Sequence[Sequence[float]]
"""Milliseconds: one sequence of runs per process."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its bootstrap 95 % confidence interval."""

    value: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Summary:
    """Latencies of all processes together, in milliseconds."""

    runs: int
    mean: float
    median: Interval
    p90: float
    p95: float
    p99: float
    max: float


def summary(samples: Samples) -> Summary:
    """All runs of all processes in one; at least one run is needed."""
    ms = np.concatenate(samples)
    p90, p95, p99 = np.percentile(ms, (90, 95, 99)).tolist()
    median = interval(float(np.median(ms)), _medians(samples, np.random.default_rng(0)))
    return Summary(len(ms), float(ms.mean()), median, p90, p95, p99, float(ms.max()))


def ratio(base: Samples, other: Samples) -> Interval:
    """The median of ``other`` over that of ``base``: above 1 where ``other`` is slower."""
    rng = np.random.default_rng(0)
    value = float(np.median(np.concatenate(other)) / np.median(np.concatenate(base)))
    return interval(value, _medians(other, rng) / _medians(base, rng))


def interval(value: float, resampled: npt.NDArray[np.float64]) -> Interval:
    """``value`` with the middle 95 % of its resamples, widened to hold it."""
    low, high = np.percentile(resampled, (2.5, 97.5)).tolist()
    return Interval(value, min(low, value), max(high, value))


def _medians(samples: Samples, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """The medians (RESAMPLES,) of resampled runs."""
    processes = [np.array_split(np.asarray(runs, np.float64), min(BLOCKS, len(runs))) for runs in samples]
    drawn = max(1, len(processes) - 1)
    medians = np.empty(RESAMPLES)
    for index in range(RESAMPLES):
        chosen = [processes[one] for one in rng.integers(len(processes), size=drawn)]
        blocks = [blocks[one] for blocks in chosen for one in rng.integers(len(blocks), size=len(blocks))]
        medians[index] = np.median(np.concatenate(blocks))
    return medians
