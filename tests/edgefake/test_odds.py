from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefake.odds import SMALLEST, class_log_odds, log_odds, log_odds_of, p_fake, p_fake_of

EXTREMES = [-1.0, 0.0, 1e-300, SMALLEST, 0.0025, 0.3, 0.5, 0.9, 1 - SMALLEST, 1.0, 2.0]


def test_log_odds_are_the_logarithm_of_odds() -> None:
    assert log_odds(0.5) == 0.0
    assert log_odds(0.75) == pytest.approx(math.log(3))


@given(st.floats(SMALLEST, 1 - SMALLEST))
def test_each_way_is_the_inverse_of_the_other(p: float) -> None:
    assert p_fake(log_odds(p)) == pytest.approx(p, rel=1e-6)


@pytest.mark.parametrize("z", [-1e308, -800.0, 800.0, 1e308])
def test_extreme_log_odds_do_not_overflow(z: float) -> None:
    assert p_fake(z) == (z > 0)


def test_arrays_have_the_values_of_scalars() -> None:
    odds = log_odds_of(np.array([EXTREMES]))
    assert odds.shape == (1, len(EXTREMES)) and odds.dtype == np.float64
    np.testing.assert_allclose(odds[0], [log_odds(p) for p in EXTREMES], rtol=1e-12)
    np.testing.assert_allclose(p_fake_of(odds[0]), [p_fake(z) for z in odds[0]], rtol=1e-12)


def test_float32_probabilities_stay_finite() -> None:
    assert np.isfinite(log_odds_of(np.float32([0.0, 1.0]))).all()


@pytest.mark.parametrize("real", [0, 1])
def test_several_fakes_against_real(real: int) -> None:
    shares = np.array([[0.2, 0.5, 0.3]])
    assert class_log_odds(np.log(shares), real=real)[0] == pytest.approx(log_odds(1 - shares[0, real]), rel=1e-6)
