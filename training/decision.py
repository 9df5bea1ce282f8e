"""From logits to verdicts: calibration and thresholds, fitted on validation data only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from edgefake.errors import InputError
from edgefake.model_card import Calibration
from training.metrics import check_classes, threshold_at_eer, threshold_at_fpr


@dataclass(frozen=True, slots=True)
class Decision:
    """What turns a model's logits into calibrated p_fake and verdicts."""

    calibration: Calibration
    thresholds: dict[str, float]
    """In p_fake, by name: ``fpr_5%``, ``fpr_1%``, ``eer``."""


def fit_decision(labels: npt.NDArray[np.int_], logits: npt.NDArray[np.floating]) -> Decision:
    """Fit temperature and bias (Platt scaling: the maximum-likelihood logistic curve), and thresholds by false-positive rate.

    Raises ``InputError`` when the logits do not rise with the label, because no positive temperature exists then.
    """
    check_classes(labels)
    curve = LogisticRegression(C=1e6).fit(logits.reshape(-1, 1).astype(np.float64), labels)
    slope, bias = float(curve.coef_[0, 0]), float(curve.intercept_[0])
    if slope <= 0:
        raise InputError(
            "the scores of this model are no higher for fake than for real validation faces: train it first, or where it is "
            "trained, check --classes, --scaling and --margin"
        )
    calibration = Calibration(temperature=1.0 / slope, bias=bias)

    def p_fake(logit: float) -> float:
        return float(1.0 / (1.0 + np.exp(-(slope * logit + bias))))

    return Decision(
        calibration,
        {
            "fpr_5%": p_fake(threshold_at_fpr(labels, logits, 0.05)),
            "fpr_1%": p_fake(threshold_at_fpr(labels, logits, 0.01)),
            "eer": p_fake(threshold_at_eer(labels, logits)),
        },
    )
