"""How far INT8 is from float, in decibels."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from convert.gate import Scores, compare
from convert.layers import MOST, decibels


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
