"""From a model's numbers to p_fake, as its card says, and to a verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefake import InputError, ModelFileError
from edgefake.models.card import Calibration
from tests.edgefake.models.test_card import FULL


@pytest.mark.parametrize("output", ["logit", "p_fake"])
@given(outputs=st.lists(st.floats(-1e6, 1e6, width=32), min_size=2), temperature=st.floats(0.01, 100), bias=st.floats(-50, 50))
def test_p_fake_is_monotone_and_bounded(output: str, outputs: list[float], temperature: float, bias: float) -> None:
    card = replace(FULL, output=output, calibration=Calibration(temperature, bias), golden_tolerance=0.0)
    p = card.p_fake(np.sort(np.array(outputs, np.float32)))
    assert p == sorted(p) and p[0] >= 0 and p[-1] <= 1


def test_an_answer_that_is_no_number_is_no_verdict() -> None:
    with pytest.raises(ModelFileError, match="answered NaN"):
        FULL.p_fake(np.float32([0.0, np.nan]))


def test_p_fake_is_the_calibrated_sigmoid() -> None:
    card = replace(FULL, output="logit", calibration=Calibration(2.0, 0.5))
    assert card.p_fake(np.float32([-1.0, 0.0, 3.0])) == pytest.approx([0.5, 1 / (1 + np.exp(-0.5)), 1 / (1 + np.exp(-2.0))])
    assert card.p_fake(np.float32([1e6, -1e6])) == [1.0, 0.0]
    plain = replace(FULL, output="p_fake", calibration=Calibration())
    values = np.float32([0.001, 0.3, 0.5, 0.999])
    assert plain.p_fake(values) == pytest.approx(values)


def test_the_order_of_the_classes_counts() -> None:
    plain = replace(FULL, calibration=Calibration(), classes=("real", "fake"))
    for output, raw in {"logits": [[-1.0, 2.0]], "probabilities": [[0.3, 0.7]], "logit": [[1.2]], "p_fake": [[0.9]]}.items():
        real_first = replace(plain, output=output)
        fake_first = replace(real_first, classes=("fake", "real"))
        (p,), (turned,) = (card.p_fake(card.one_output(np.float32(raw))) for card in (real_first, fake_first))
        assert p > 0.5 and turned == pytest.approx(1 - p, abs=1e-6)
        assert fake_first.rises_with_real and not real_first.rises_with_real
    three = replace(plain, output="probabilities", classes=("face swap", "Real", "generated"))
    assert three.p_fake(three.one_output(np.float32([[0.2, 0.7, 0.1]]))) == pytest.approx([0.3], abs=1e-6)


@pytest.mark.parametrize("output", ["logits", "probabilities"])
@given(st.lists(st.tuples(*[st.floats(-30, 30, width=32)] * 3), min_size=1))
def test_of_several_classes_p_fake_is_the_sum_over_the_fakes(output: str, logits: list[tuple[float, ...]]) -> None:
    card = replace(FULL, output=output, calibration=Calibration())
    raw = np.array(logits, np.float64)
    softmax = np.exp(raw - raw.max(axis=1, keepdims=True))
    softmax /= softmax.sum(axis=1, keepdims=True)
    given_to_it = raw if output == "logits" else softmax
    assert card.p_fake(card.one_output(given_to_it.astype(np.float32))) == pytest.approx(1 - softmax[:, 0], abs=1e-4)


def test_the_numbers_of_a_score() -> None:
    assert [replace(FULL, output=output).numbers for output in ("logit", "p_fake", "logits", "probabilities")] == [1, 1, 3, 3]


def test_thresholds_by_name_and_number() -> None:
    assert FULL.threshold("eer") == 0.3
    assert FULL.threshold(0) == 0.0 and FULL.threshold(1.0) == 1.0 and FULL.threshold(np.float32(0.5)) == 0.5
    with pytest.raises(InputError, match=r"threshold 'fpr_1%': .*fpr_5%, eer"):
        FULL.threshold("fpr_1%")
    for bad in (-0.1, 1.1, float("nan"), True, None):
        with pytest.raises(InputError, match=r"p_fake .* 0…1 .*fpr_5%, eer"):
            FULL.threshold(bad)  # type: ignore[arg-type]
