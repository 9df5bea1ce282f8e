"""The gate: is a converted model still the detector that was trained?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.metrics import auc

MAX_AUC_LOSS = 0.005
MAX_FLIPS = 0.01

Values = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A model's scores beside its float parent's on the same faces."""

    reference: str
    faces: int
    auc: float
    reference_auc: float
    flips: float
    """Share of the verdicts at the card's threshold that differ."""
    mean_difference: float
    """Mean |Δ p_fake|."""
    max_difference: float

    def faults(self) -> list[str]:
        """Why the gate is closed; empty when it is open."""
        found = []
        if self.reference_auc - self.auc > MAX_AUC_LOSS:
            found.append(f"AUC fell from {self.reference_auc:.4f} ({self.reference}) to {self.auc:.4f}, more than {MAX_AUC_LOSS}")
        if self.flips > MAX_FLIPS:
            found.append(f"{self.flips:.2%} of the verdicts differ from {self.reference}'s, more than {MAX_FLIPS:.0%}")
        return found


def compare(name: str, labels: npt.NDArray[np.int_], p_fake: Values, reference: Values, threshold: float) -> Comparison:
    """Compare p_fake (N,) with that of the ``reference`` model called ``name``; both calibrated alike."""
    difference = np.abs(p_fake - reference)
    return Comparison(
        reference=name,
        faces=len(labels),
        auc=auc(labels, p_fake),
        reference_auc=auc(labels, reference),
        flips=float(np.mean((p_fake >= threshold) != (reference >= threshold))),
        mean_difference=float(difference.mean()),
        max_difference=float(difference.max()),
    )
