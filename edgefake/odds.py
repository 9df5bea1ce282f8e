"""p_fake and its log-odds: two scales of one number, each way, for scalars and for arrays.

The scalar functions are for the one face of a typical frame, for which NumPy's cost ten times as much.
"""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
import numpy.typing as npt

SMALLEST = 1e-7
"""p_fake is held this far from 0 and 1, where log-odds are infinite."""


def is_p_fake(value: Any) -> bool:
    """Whether ``value`` is a number in 0…1, of Python or NumPy; NaN and True are none."""
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return is_number and bool(0.0 <= value <= 1.0)


def log_odds(p_fake: float, smallest: float = SMALLEST) -> float:
    """``log(p / (1 - p))``: 0 for 0.5, and within ± 16.2 for ``SMALLEST``."""
    p = min(max(p_fake, smallest), 1 - smallest)
    return math.log(p / (1 - p))


def p_fake(log_odds: float) -> float:
    """The sigmoid, without overflow."""
    return 0.5 * (1.0 + math.tanh(0.5 * log_odds))


def log_odds_of(p_fake: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """``log_odds`` of an array of any shape."""
    p = np.clip(p_fake, SMALLEST, 1 - SMALLEST, dtype=np.float64)
    return np.asarray(np.log(p / (1 - p)))


def p_fake_of(log_odds: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """``p_fake`` of an array of any shape."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(log_odds, np.float64)))


def class_log_odds(logits: npt.NDArray[np.floating], *, real: int = 0) -> npt.NDArray[np.float32]:
    """``log(p_fake / p_real)`` (N,) of class logits (N, K); p_fake is the softmax summed over all but column ``real``."""
    fakes = np.logaddexp.reduce(np.delete(logits, real, axis=1), axis=1)
    return np.asarray(fakes - logits[:, real], np.float32)


CALIBRATED_FOR = 0.5
"""Calibration takes half of the faces to be fake."""

RAREST = 1e-6
"""A prior is as far from 0 and 1 as this at least: beyond, p_fake of faces that differ would be the same number."""

TURNED = 1e-14
"""Like ``SMALLEST``, for what a prior turned and for the ends of tails, which lie further out."""


def for_prior(p: float, prior: float) -> float:
    """The p_fake ``p`` where a share ``prior`` of faces is fake, by Bayes' rule: ``p`` itself where that is half of them, or
    where it is 0 or 1."""
    return p if prior == CALIBRATED_FOR or p in (0.0, 1.0) else p_fake(log_odds(p) + log_odds(prior))
