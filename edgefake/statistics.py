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


def exact_share(hits: int, count: int) -> Interval:
    """The share of ``hits`` among ``count`` ≥ 1, with its exact 95 % interval (Clopper & Pearson 1934).

    With none among n it ends at about 3.7 / n; one-sided at 3 / n, the rule of three.
    """
    number = np.arange(1, count + 1)
    ways = np.concatenate([[0.0], np.cumsum(np.log((count - number + 1) / number))])  # log of the binomial coefficients

    def at_most(most: int, share: float) -> float:
        """The probability of so many hits at most."""
        ks = np.arange(most + 1)
        return float(np.exp(ways[: most + 1] + ks * np.log(share) + (count - ks) * np.log1p(-share)).sum())

    def solved(most: int, probability: float) -> float:
        low, high = 0.0, 1.0
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if at_most(most, middle) > probability else (low, middle)
        return (low + high) / 2

    low = solved(hits - 1, 0.975) if hits else 0.0
    return Interval(hits / count, low, solved(hits, 0.025) if hits < count else 1.0)
