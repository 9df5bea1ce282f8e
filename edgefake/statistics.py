"""Figures that are measured: with their interval, as a summary of samples, and how well scores separate two classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError

Numbers = Sequence[float] | npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Interval:
    """A measured figure with its 95 % confidence interval. As text, a format holds for each number: ``f"{auc:.3f}"``."""

    value: float
    low: float
    high: float

    @staticmethod
    def of(value: float, resampled: Numbers) -> Interval:
        """``value`` with the middle 95 % of its resamples (the percentile bootstrap), widened to hold it."""
        low, high = np.percentile(resampled, (2.5, 97.5)).tolist()
        return Interval(value, min(low, value), max(high, value))

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self:.4f}"

    def __format__(self, form: str) -> str:
        return f"{self.value:{form}} [{self.low:{form}}, {self.high:{form}}]" if form else str(self)


@dataclass(frozen=True, slots=True)
class Summary:
    """What samples come to, in their unit."""

    runs: int
    """How many there are."""
    mean: float
    median: float
    p90: float
    p95: float
    p99: float
    max: float

    @staticmethod
    def of(samples: Numbers) -> Summary:
        """At least one sample is needed."""
        array = np.asarray(samples)
        median, p90, p95, p99 = np.percentile(array, (50, 90, 95, 99)).tolist()
        return Summary(len(array), float(array.mean()), median, p90, p95, p99, float(array.max()))


def auc(labels: npt.NDArray[np.integer], scores: npt.NDArray[np.floating]) -> float:
    """Area under the ROC curve of ``scores`` (N,), higher = more likely fake, with ``labels`` (N,), 1 = fake.

    It is the share of pairs of a real and a fake one in which the fake one scores higher; equal ones count half. Counted, not
    summed up: equal rankings have the very same AUC. Raises ``InputError`` where a class is missing or a score is NaN.
    """
    real, fake = np.sort(scores[labels == 0]), scores[labels == 1]
    if not len(real) or not len(fake):
        raise InputError(f"expected real and fake samples, got {len(real)} real and {len(fake)} fake: an AUC needs both")
    if unknown := int(np.isnan(scores).sum()):
        raise InputError(f"expected scores that can be ranked, got NaN for {unknown} of {len(scores)}: the model is broken")
    pairs = np.searchsorted(real, fake, "left").sum() + np.searchsorted(real, fake, "right").sum()
    return float(pairs) / (2 * len(real) * len(fake))
