"""How well scores separate fake from real, with bootstrap confidence intervals.

Throughout: ``labels`` int (N,), 1 = fake; ``scores`` float (N,), higher = more likely fake (p_fake or logit: ranks count).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError
from edgefake.statistics import Interval
from edgefake.thresholds import Thresholds

Labels = npt.NDArray[np.int_]
Scores = npt.NDArray[np.floating]
BINS = 15
RESAMPLES = 1000
AT_ONCE = 2_000_000  # weights of resamples held in memory together


@dataclass(frozen=True, slots=True)
class Confusion:
    """How many faces got which verdict."""

    real_as_real: int
    real_as_fake: int
    fake_as_real: int
    fake_as_fake: int
    real_as_unsure: int = 0
    fake_as_unsure: int = 0


@dataclass(frozen=True, slots=True)
class Bin:
    """Faces of similar p_fake."""

    faces: int
    p_fake: float
    """Their mean p_fake: the share of fakes that the model promises."""
    fake: float
    """The share of fakes that they really hold."""


def threshold_at_fpr(labels: Labels, scores: Scores, fpr: float) -> float:
    """The lowest threshold (verdict fake when score >= threshold) that keeps the false-positive rate at or below ``fpr``."""
    real = np.sort(scores[labels == 0])[::-1]
    allowed = int(np.floor(fpr * len(real) + 1e-9))
    if allowed >= len(real):
        return float(real[-1])
    candidates = scores[scores > real[allowed]]
    # Half way to the next score above: the same verdicts here, and no score sits on the edge.
    above = float(candidates.min()) if len(candidates) else float(real[allowed]) + 1.0
    return (float(real[allowed]) + above) / 2


def threshold_at_eer(labels: Labels, scores: Scores) -> float:
    """The threshold at which false-positive and false-negative rates are closest."""
    from sklearn.metrics import roc_curve  # it takes a second to load, which processes that measure devices need not

    fpr, tpr, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    best = int(np.argmin(np.abs(fpr - (1 - tpr))))
    return float(min(thresholds[best], np.max(scores)))


def evaluate_scores(
    labels: Labels, p_fake: Scores, *, threshold: float, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """All figures of a report, by name, of calibrated p_fake in 0…1, with bootstrap 95 % intervals (stratified by class).

    ``auc``, ``eer`` (interpolated on the ROC curve), ``tpr@1%fpr`` and ``tpr@5%fpr`` (the best of any threshold that keeps that
    false-positive rate), ``ece`` (expected calibration error, 15 bins of equal mass; Naeini et al. 2015, Guo et al. 2017); at
    ``threshold``: ``accuracy``, ``balanced_accuracy``, ``precision`` (0 when none is called fake), ``recall``, ``f1``, ``fpr``.

    The intervals are percentiles of the resamples. That of ``ece`` is reflected at the figure (the basic bootstrap, Davison &
    Hinkley 1997), because every resample adds to it: percentiles would lie above the figure itself.
    """
    check_classes(labels)
    ranking = _Ranking(labels, p_fake, threshold)
    values = ranking.figures(np.ones((1, len(labels)), np.int32))
    rng = np.random.default_rng(seed)
    rows = max(1, AT_ONCE // len(labels))
    parts = [
        ranking.figures(_drawn(labels, rng, min(rows, resamples - start))[:, ranking.order])
        for start in range(0, resamples, rows)
    ]
    estimates = {}
    for name, figure in values.items():
        value, resampled = float(figure[0]), np.concatenate([part[name] for part in parts])
        if name == "ece":
            resampled = np.maximum(0.0, 2 * value - resampled)
        estimates[name] = Interval.of(value, resampled)
    return estimates


def evaluate_one_class(labels: Labels, p_fake: Scores, *, threshold: float) -> dict[str, Interval]:
    """What faces of one class alone can tell, at ``threshold``: ``recall`` (TPR) of fakes, ``fpr`` of real ones."""
    return {"recall" if np.all(labels == 1) else "fpr": share(p_fake >= threshold)}


def share(hits: npt.NDArray[np.bool_]) -> Interval:
    """The share of True in ``hits`` (N,), N ≥ 1, with its Wilson 95 % interval, which is honest at 0 and 1 too."""
    low, high = wilson(hits.mean(), len(hits))
    return Interval(float(hits.mean()), float(low), float(high))


def wilson(share: Any, count: Any) -> tuple[Any, Any]:
    """The ends of the 95 % interval of a share of ``count`` (Wilson 1927), as a number or an array."""
    z = 1.96
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return np.clip(centre - half, 0.0, share), np.clip(centre + half, share, 1.0)  # beyond 0 and 1 by rounding alone


def confusion(labels: Labels, p_fake: Scores, thresholds: Thresholds) -> Confusion:
    """Verdicts on single faces by label."""
    fake, real = p_fake >= thresholds.fake, p_fake < thresholds.real
    counts = [[int(np.sum((labels == label) & called)) for called in (real, fake, ~real & ~fake)] for label in (0, 1)]
    (real_real, real_fake, real_unsure), (fake_real, fake_fake, fake_unsure) = counts
    return Confusion(real_real, real_fake, fake_real, fake_fake, real_unsure, fake_unsure)


def reliability(labels: Labels, p_fake: Scores) -> list[Bin]:
    """Promised and real share of fakes in 15 bins of equal mass, highest p_fake first; ``ece`` is their mean distance."""
    order = np.argsort(-p_fake, kind="stable")
    parts = np.split(order, _bin_starts(p_fake[order])[1:])
    return [Bin(len(part), float(p_fake[part].mean()), float(labels[part].mean())) for part in parts]


def check_classes(labels: Labels) -> None:
    """Raise ``InputError`` unless both classes are there."""
    for label, name in ((0, "real"), (1, "fake")):
        if not np.any(labels == label):
            raise InputError(f"expected real and fake samples, got no {name} one: no rate can be measured from one class")


class _Ranking:
    """Faces sorted once by falling p_fake, so that the figures of any number of resamples cost a cumulative sum each."""

    def __init__(self, labels: Labels, p_fake: Scores, threshold: float) -> None:
        self.order = np.argsort(-p_fake, kind="stable")
        self._fake = (labels[self.order] == 1).astype(np.int32)
        self._p_fake = p_fake[self.order].astype(np.float64)
        self._ends = np.append(np.flatnonzero(np.diff(self._p_fake)), len(labels) - 1)  # of every run of equal scores
        self._called_fake = int(np.sum(p_fake >= threshold))
        self._bins = _bin_starts(self._p_fake)

    def figures(self, weights: npt.NDArray[np.int32]) -> dict[str, npt.NDArray[np.float64]]:
        """Figures (B,) of B resamples; ``weights`` (B, N) says how often each holds each face, in the order of ``order``."""
        fakes, reals = weights * self._fake, weights * (1 - self._fake)
        tpr, fpr = self._curve(fakes), self._curve(reals)
        faces = weights.sum(axis=1)
        tp, fp = fakes[:, : self._called_fake].sum(axis=1), reals[:, : self._called_fake].sum(axis=1)
        fn, tn = fakes.sum(axis=1) - tp, reals.sum(axis=1) - fp
        excess = np.add.reduceat(weights * (self._p_fake - self._fake), self._bins, axis=1)
        return {
            "auc": np.sum(np.diff(fpr) * (tpr[:, 1:] + tpr[:, :-1]) / 2, axis=1),
            "eer": _crossing(fpr, 1 - tpr),
            "tpr@1%fpr": _best_within(tpr, fpr, 0.01),
            "tpr@5%fpr": _best_within(tpr, fpr, 0.05),
            "ece": np.abs(excess).sum(axis=1) / faces,
            "accuracy": (tp + tn) / faces,
            "balanced_accuracy": (tp / (tp + fn) + tn / (tn + fp)) / 2,
            "precision": tp / np.maximum(tp + fp, 1),
            "recall": tp / (tp + fn),
            "f1": 2 * tp / (2 * tp + fp + fn),
            "fpr": fp / (fp + tn),
        }

    def _curve(self, counts: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
        """Rates (B, 1 + distinct scores) as the threshold falls, from 0 to 1."""
        total = np.cumsum(counts, axis=1)[:, self._ends]
        return np.concatenate([np.zeros((len(total), 1)), total / total[:, -1:]], axis=1)


def _drawn(labels: Labels, rng: np.random.Generator, count: int) -> npt.NDArray[np.int32]:
    """How often (count, N) each face is in each resample, which draws as many of either class as there are."""
    weights = np.zeros((count, len(labels)), np.int32)
    classes = [np.flatnonzero(labels == label) for label in (0, 1)]
    for row in weights:
        for members in classes:
            row += np.bincount(rng.choice(members, len(members)), minlength=len(labels)).astype(np.int32)
    return weights


def _bin_starts(ranked: Scores) -> npt.NDArray[np.intp]:
    """Where each of 15 bins of equal mass starts in sorted scores; equal scores (INT8 has many) share a bin."""
    first = np.append(0, np.flatnonzero(np.diff(ranked)) + 1)
    bins = first * BINS // len(ranked)
    return first[np.append(True, np.diff(bins) > 0)]


def _crossing(fpr: npt.NDArray[np.float64], fnr: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Where rates (B, K) that rise from 0 and fall to 0 are equal, between the two points around it."""
    gap = fpr - fnr
    rows, after = np.arange(len(gap)), np.argmax(gap >= 0, axis=1)
    part = -gap[rows, after - 1] / (gap[rows, after] - gap[rows, after - 1])
    return fpr[rows, after - 1] + part * (fpr[rows, after] - fpr[rows, after - 1])  # type: ignore[no-any-return]


def _best_within(tpr: npt.NDArray[np.float64], fpr: npt.NDArray[np.float64], limit: float) -> npt.NDArray[np.float64]:
    """The largest true-positive rate (B,) whose false-positive rate does not exceed ``limit``."""
    return tpr[np.arange(len(tpr)), np.sum(fpr <= limit, axis=1) - 1]  # type: ignore[no-any-return]
