"""How far INT8 is from float, in decibels."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from convert.gate import Scores, compare
from convert.layers import MOST, decibels, snr_db


def test_decibels_are_finite_and_no_noise_is_the_most() -> None:
    assert decibels(100.0, 1.0) == pytest.approx(20.0)
    assert decibels(1.0, 0.0) == decibels(0.0, 0.0) == MOST
    assert decibels(0.0, 1.0) == -MOST
    assert np.isnan(decibels(1.0, np.nan))


def test_maps_that_are_alike_pass_even_where_they_say_nothing() -> None:
    labels, p_fake, places = np.arange(8) % 2, np.linspace(0, 1, 8), np.full((8, 4, 4, 1), 0.25, np.float32)
    one, other = (Scores(name, p_fake, converted=True, maps={"map": places}) for name in ("TFLite INT8", "ONNX INT8"))
    found = compare(labels, other, one, 0.5)
    assert found.map_snr_db == {"map": MOST} and found.faults() == []
    json.dumps(asdict(found), allow_nan=False)


def test_a_channel_that_was_made_larger_is_compared_at_its_own_scale() -> None:
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(4, 6, 6, 3)).astype(np.float32)
    noisy = reference + 0.1 * rng.normal(size=reference.shape).astype(np.float32)
    plain, larger = snr_db(reference, noisy), snr_db(reference, noisy * np.float32([1.0, 4.0, 16.0]))
    assert plain == pytest.approx(20.0, abs=1.0) and larger == pytest.approx(plain, abs=1e-3)
    noisy[..., 1] = 0.0  # a channel that is lost counts in full
    assert snr_db(reference, noisy) < 6.0
