"""How well scores separate fake from real, with bootstrap confidence intervals.

Throughout: ``labels`` int (N,), 1 = fake; ``scores`` float (N,), higher = more likely fake (p_fake or logit: ranks count).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score, roc_curve

from edgefake.errors import InputError

Labels = npt.NDArray[np.int_]
Scores = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its bootstrap 95 % confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


def auc(labels: Labels, scores: Scores) -> float:
    """Area under the ROC curve."""
    return float(roc_auc_score(labels, scores))


def eer(labels: Labels, scores: Scores) -> float:
    """Equal error rate: where the false-positive rate equals the false-negative rate (interpolated on the ROC curve)."""
    fpr, tpr, _ = roc_curve(labels, scores)
    gap = fpr - (1 - tpr)
    after = int(np.argmax(gap >= 0))
    if after == 0:
        return float(fpr[0])
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    return float(fpr[after - 1] + share * (fpr[after] - fpr[after - 1]))


def tpr_at_fpr(labels: Labels, scores: Scores, fpr: float) -> float:
    """The largest true-positive rate of any threshold whose false-positive rate does not exceed ``fpr``."""
    false_positive, true_positive, _ = roc_curve(labels, scores, drop_intermediate=False)
    return float(true_positive[false_positive <= fpr].max())


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
    fpr, tpr, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    best = int(np.argmin(np.abs(fpr - (1 - tpr))))
    return float(min(thresholds[best], np.max(scores)))


def balanced_accuracy(labels: Labels, scores: Scores, threshold: float) -> float:
    """Mean of the true-positive and the true-negative rate at ``threshold``."""
    verdicts = scores >= threshold
    return float((verdicts[labels == 1].mean() + (~verdicts[labels == 0]).mean()) / 2)


def evaluate_scores(
    labels: Labels, scores: Scores, *, threshold: float, resamples: int = 1000, seed: int = 0
) -> dict[str, Estimate]:
    """All figures of a report, by name, with bootstrap 95 % intervals (stratified by class, percentile method)."""
    check_classes(labels)
    figures: dict[str, Callable[[Labels, Scores], float]] = {
        "auc": auc,
        "eer": eer,
        "tpr@1%fpr": lambda y, s: tpr_at_fpr(y, s, 0.01),
        "tpr@5%fpr": lambda y, s: tpr_at_fpr(y, s, 0.05),
        "balanced_accuracy": lambda y, s: balanced_accuracy(y, s, threshold),
        "fpr": lambda y, s: float((s[y == 0] >= threshold).mean()),
        "tpr": lambda y, s: float((s[y == 1] >= threshold).mean()),
    }
    rng = np.random.default_rng(seed)
    classes = [np.flatnonzero(labels == label) for label in (0, 1)]
    draws = [np.concatenate([rng.choice(members, len(members)) for members in classes]) for _ in range(resamples)]
    result = {}
    for name, figure in figures.items():
        low, high = np.percentile([figure(labels[draw], scores[draw]) for draw in draws], (2.5, 97.5))
        result[name] = Estimate(figure(labels, scores), float(low), float(high))
    return result


def check_classes(labels: Labels) -> None:
    """Raise ``InputError`` unless both classes are there."""
    for label, name in ((0, "real"), (1, "fake")):
        if not np.any(labels == label):
            raise InputError(f"expected real and fake samples, got no {name} one: no rate can be measured from one class")
