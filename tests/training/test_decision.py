from pathlib import Path

import numpy as np
import pytest

from edgefake import Box
from edgefake.errors import InputError
from edgefake.models.card import ModelCard
from edgefake.thresholds import thresholds_of
from training.decision import fit_decision
from training.samples import Sample


def _faces(labels: np.ndarray) -> list[Sample]:
    return [Sample(Path("a.jpg"), int(label), "val", Box(0, 0, 9, 9)) for label in labels]


def _scores(count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], count // 2)
    # Logits three times too confident, and shifted: log-odds of N(±1, 1) are 2x.
    return labels, 3 * 2 * rng.normal(2 * labels - 1, 1.0) + 1.5


def test_calibration_undoes_temperature_and_bias() -> None:
    labels, logits = _scores()
    decision = fit_decision(_faces(labels), logits)
    assert decision.calibration.temperature == pytest.approx(3.0, rel=0.1)
    assert decision.calibration.bias == pytest.approx(-0.5, abs=0.1)


def test_p_fake_is_for_half_fakes_whatever_the_data_hold() -> None:
    labels, logits = _scores()
    kept = np.append(np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)[::8])
    whole, few = (fit_decision(_faces(labels[part]), logits[part]) for part in (np.arange(len(labels)), kept))
    assert few.calibration.bias == pytest.approx(whole.calibration.bias, abs=0.15)


def test_thresholds_hold_their_false_positive_rate_through_the_card() -> None:
    labels, logits = _scores()
    decision = fit_decision(_faces(labels), logits)
    card = ModelCard(
        name="x",
        architecture="x",
        precision="float32",
        input_size=8,
        crop_margin=0.3,
        output="logit",
        thresholds=decision.thresholds,
        calibration=decision.calibration,
    )
    p_fake = np.array(card.p_fake(logits.astype(np.float32)))
    for name, rate in (("fpr_5%", 0.05), ("fpr_1%", 0.01)):
        measured = np.mean(p_fake[labels == 0] >= card.thresholds[name])
        assert rate - 0.005 <= measured <= rate


def test_the_tail_of_real_scores_is_told_where_enough_faces_tell_it() -> None:
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], [2000, 2000])
    logits = np.append(rng.exponential(2.0, 2000) - 4.0, rng.logistic(3.0, 1.0, 2000))
    decision = fit_decision(_faces(labels), logits)
    decay = thresholds_of(decision.thresholds, "x").decay
    assert 0.7 < decay / (0.5 * decision.calibration.temperature) < 1.0  # a standard error below: one in ten
    assert "fpr_0.1%" not in fit_decision(_faces(labels[1900:2100]), logits[1900:2100]).thresholds


def test_a_model_that_ranks_backwards_is_refused() -> None:
    labels, logits = _scores(200)
    with pytest.raises(InputError, match="train"):
        fit_decision(_faces(labels), -logits)


def test_backwards_by_chance_is_told_and_left_uncalibrated(capsys: pytest.CaptureFixture[str]) -> None:
    labels = np.repeat([0, 1], 8)
    logits = np.tile(np.linspace(100, 200, 8), 2) - 10.0 * labels
    decision = fit_decision(_faces(labels), logits)
    assert "warning: p_fake is not calibrated: the scores of this model are no higher for fake" in capsys.readouterr().err
    assert decision.calibration.temperature > 0
    assert 0.1 < decision.thresholds["eer"] < 0.9


def test_scores_that_are_all_alike_have_thresholds_too() -> None:
    assert fit_decision(_faces(np.repeat([0, 1], 8)), np.zeros(16)).calibration.temperature > 0
