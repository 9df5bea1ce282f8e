"""From logits to verdicts: calibration and thresholds, fitted on validation data only."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from edgefake.defaults import DEFAULT_THRESHOLD
from edgefake.errors import InputError
from edgefake.models.card import Calibration
from edgefake.odds import log_odds, p_fake, p_fake_of
from edgefake.thresholds import FAKE, REAL, TAIL
from training.metrics import check_classes, evaluate_scores, threshold_at_eer, threshold_at_fpr
from training.samples import Sample, fake_labels
from training.verdicts import TwoThresholds, choose_thresholds

FEWEST = 10
"""Faces that tell how fast the tail of their scores falls, to a third."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What turns a model's logits into calibrated p_fake and verdicts."""

    calibration: Calibration
    thresholds: dict[str, float]
    """In p_fake, by name: ``fpr_5%``, ``fpr_1%``, ``eer``, ``fake``, ``real``, and ``fpr_0.1%`` where enough faces tell it."""
    chosen: TwoThresholds
    """How ``fake`` and ``real`` were, in logits."""


def fit_decision(samples: Sequence[Sample], logits: npt.NDArray[np.floating]) -> Decision:
    """Fit temperature and bias (Platt scaling: the maximum-likelihood logistic curve), and thresholds, to ``logits`` (N,) of
    ``samples``: by false-positive rate, and the two of a verdict (``training.verdicts``).

    Real and fake faces weigh alike, however many there are: p_fake is that where half of the faces are fake. Raises
    ``InputError`` when the logits fall with the label beyond chance (95 % interval of the AUC), because no positive temperature
    exists then. Where that may be chance, p_fake is not calibrated, which is told on stderr.
    """
    labels = fake_labels(samples)
    check_classes(labels)
    curve = LogisticRegression(C=1e6, class_weight="balanced").fit(logits.reshape(-1, 1).astype(np.float64), labels)
    slope, bias = float(curve.coef_[0, 0]), float(curve.intercept_[0])
    if slope <= 0:
        area = evaluate_scores(labels, p_fake_of(logits), threshold=0.5)["auc"]
        told = (
            f"the scores of this model are no higher for fake than for real validation faces (AUC {area}): train it first, or "
            "where it is trained, check --classes, --scaling and --margin"
        )
        if area.high < 0.5:
            raise InputError(told)
        print(f"warning: p_fake is not calibrated: {told}", file=sys.stderr)
        slope = 1.0 / (float(logits.std()) or 1.0)
        bias = -slope * float(logits.mean())
    calibration = Calibration(temperature=1.0 / slope, bias=bias)

    def calibrated(logit: float) -> float:
        return p_fake(logit / calibration.temperature + calibration.bias)

    chosen = choose_thresholds(samples, logits)
    thresholds = {
        "fpr_5%": threshold_at_fpr(labels, logits, 0.05),
        "fpr_1%": threshold_at_fpr(labels, logits, 0.01),
        "eer": threshold_at_eer(labels, logits),
        FAKE: chosen.fake,
        REAL: chosen.real,
    }
    in_p_fake = {name: calibrated(threshold) for name, threshold in thresholds.items()}
    real = logits[labels == 0] / calibration.temperature + calibration.bias
    return Decision(calibration, in_p_fake | _tail(real, log_odds(in_p_fake[DEFAULT_THRESHOLD])), chosen)


def _tail(real: npt.NDArray[np.floating], begin: float) -> dict[str, float]:
    """Where 0.1 % of real faces would lie by the tail of their log-odds ``real`` (N,) beyond ``begin``, which 5 % reach.

    That tail is taken for exponential; its rate is the most likely one (the inverse of the mean excess) less a standard error.
    Nothing where fewer than ``FEWEST`` faces tell.
    """
    excess = real[real >= begin] - begin
    if len(excess) < FEWEST or not excess.mean() > 0:
        return {}
    decay = (1.0 - 1.0 / np.sqrt(len(excess))) / float(excess.mean())
    return {TAIL: p_fake(begin + float(np.log(0.05 / 0.001) / decay))}
