import numpy as np
import pytest

from edgefake.errors import InputError
from edgefake.models.card import ModelCard
from training.decision import fit_decision


def _scores(count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    labels = np.repeat([0, 1], count // 2)
    # Logits three times too confident, and shifted: log-odds of N(±1, 1) are 2x.
    return labels, 3 * 2 * rng.normal(2 * labels - 1, 1.0) + 1.5


def test_calibration_undoes_temperature_and_bias() -> None:
    decision = fit_decision(*_scores())
    assert decision.calibration.temperature == pytest.approx(3.0, rel=0.1)
    assert decision.calibration.bias == pytest.approx(-0.5, abs=0.1)


def test_thresholds_hold_their_false_positive_rate_through_the_card() -> None:
    labels, logits = _scores()
    decision = fit_decision(labels, logits)
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


def test_a_model_that_ranks_backwards_is_refused() -> None:
    labels, logits = _scores(200)
    with pytest.raises(InputError, match="train"):
        fit_decision(labels, -logits)


def test_backwards_by_chance_is_told_and_left_uncalibrated(capsys: pytest.CaptureFixture[str]) -> None:
    labels = np.repeat([0, 1], 8)
    logits = np.tile(np.linspace(100, 200, 8), 2) - 10.0 * labels
    decision = fit_decision(labels, logits)
    assert "warning: p_fake is not calibrated: the scores of this model are no higher for fake" in capsys.readouterr().err
    assert decision.calibration.temperature > 0
    assert 0.1 < decision.thresholds["eer"] < 0.9


def test_scores_that_are_all_alike_have_thresholds_too() -> None:
    assert fit_decision(np.repeat([0, 1], 8), np.zeros(16)).calibration.temperature > 0
