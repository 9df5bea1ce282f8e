"""The gate: is a converted model still the detector that was trained, do its forms agree, and does it detect anything?"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from convert.layers import decibels
from edgefake.statistics import auc
from training.metrics import evaluate_scores

MAX_AUC_LOSS = 0.005
MAX_FLIPS = 0.01
MAX_FLIPS_BETWEEN_RUNTIMES = 0.005
MAX_MEAN_DIFFERENCE_BETWEEN_RUNTIMES = 0.01
MIN_SNR, MIN_SNR_BETWEEN_RUNTIMES = 6.0, 20.0
"""Decibels of a map's variance over its mean squared difference."""

Values = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Scores:
    """What one form of a detector says of a set of faces."""

    name: str
    p_fake: Values
    """(N,)."""
    converted: bool
    """Whether it is a file for devices; else a Keras model that such files came from."""
    maps: dict[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    """What it gives beside the score by the output's name, (N, h, w, K)."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One form's scores beside another's on the same faces."""

    model: str
    reference: str
    faces: int
    auc: float
    reference_auc: float
    flips: float
    """Share of the verdicts at the card's threshold that differ."""
    mean_difference: float
    """Mean |Δ p_fake|."""
    max_difference: float
    between_runtimes: bool
    """Whether the reference is a converted model too, which must be closer than a parent."""
    gated: bool
    """Whether the model is a converted one: QAT against float tells what training changed, which is no fault of conversion."""
    map_snr_db: dict[str, float]
    """Signal-to-noise ratio of what is given beside the score, in decibels: variance over mean squared difference."""

    def faults(self) -> list[str]:
        """Why the gate fails; empty when it is passed."""
        if not self.gated:
            return []
        found = []
        allowed = MAX_FLIPS_BETWEEN_RUNTIMES if self.between_runtimes else MAX_FLIPS
        if self.reference_auc - self.auc > MAX_AUC_LOSS:
            found.append(
                f"AUC fell from {self.reference_auc:.4f} ({self.reference}) to {self.auc:.4f} ({self.model}), "
                f"more than {MAX_AUC_LOSS}"
            )
        if self.flips > allowed:
            found.append(f"{self.flips:.2%} of {self.model}'s verdicts differ from {self.reference}'s, more than {allowed:.1%}")
        if self.between_runtimes and self.mean_difference > MAX_MEAN_DIFFERENCE_BETWEEN_RUNTIMES:
            found.append(
                f"{self.model}'s p_fake is {self.mean_difference:.4f} off {self.reference}'s on average, "
                f"more than {MAX_MEAN_DIFFERENCE_BETWEEN_RUNTIMES}"
            )
        least = MIN_SNR_BETWEEN_RUNTIMES if self.between_runtimes else MIN_SNR
        found += [
            f"{self.model}'s {name} is {snr:.1f} dB close to {self.reference}'s, less than {least:g}"
            for name, snr in self.map_snr_db.items()
            if not snr >= least
        ]
        return found


def compare(labels: npt.NDArray[np.int_], model: Scores, reference: Scores, threshold: float) -> Comparison:
    """Compare two forms of one detector, both calibrated alike; ``labels`` (N,), 1 = fake."""
    difference = np.abs(model.p_fake - reference.p_fake)
    return Comparison(
        model=model.name,
        reference=reference.name,
        faces=len(labels),
        auc=auc(labels, model.p_fake),
        reference_auc=auc(labels, reference.p_fake),
        flips=float(np.mean((model.p_fake >= threshold) != (reference.p_fake >= threshold))),
        mean_difference=float(difference.mean()),
        max_difference=float(difference.max()),
        between_runtimes=reference.converted,
        gated=model.converted,
        map_snr_db={name: _snr_db(reference.maps[name], values) for name, values in model.maps.items()},
    )


def _snr_db(reference: Values, values: Values) -> float:
    return decibels(float(np.var(reference, dtype=np.float64)), float(np.mean((reference - values) ** 2, dtype=np.float64)))


def detection_faults(labels: npt.NDArray[np.int_], model: Scores, threshold: float) -> list[str]:
    """Why a form, calibrated, is no detector at all; empty where it is one. ``labels`` (N,), 1 = fake."""
    if not model.converted or len(np.unique(labels)) < 2:
        return []
    figures = evaluate_scores(labels, model.p_fake, threshold=threshold)
    area, found = figures["auc"], []
    if area.low <= 0.5:
        found.append(
            f"{model.name} detects nothing that chance would not: its AUC is {area.value:.3f}, with a 95 % interval from "
            f"{area.low:.3f} to {area.high:.3f} on {len(labels)} faces"
        )
    if not figures["recall"].value:
        found.append(
            f"{model.name} detects nothing: none of {int(labels.sum())} fakes is called fake at its threshold, {threshold:.3f}"
        )
    return found
