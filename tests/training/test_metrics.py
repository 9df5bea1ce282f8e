import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefake.errors import InputError
from training.metrics import (
    auc,
    balanced_accuracy,
    eer,
    evaluate_scores,
    threshold_at_eer,
    threshold_at_fpr,
    tpr_at_fpr,
)

LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1])
SCORES = np.array([0.1, 0.2, 0.3, 0.6, 0.4, 0.7, 0.8, 0.9])


def test_hand_counted_figures() -> None:
    assert auc(LABELS, SCORES) == 15 / 16  # one of 16 pairs is in the wrong order
    assert eer(LABELS, SCORES) == pytest.approx(0.25)
    assert tpr_at_fpr(LABELS, SCORES, 0.0) == 0.75
    assert tpr_at_fpr(LABELS, SCORES, 0.25) == 1.0
    assert balanced_accuracy(LABELS, SCORES, 0.5) == 0.75


def test_eer_is_interpolated_between_the_points_of_the_curve() -> None:
    labels = np.array([0, 0, 0, 1, 1])
    scores = np.array([0.1, 0.2, 0.8, 0.5, 0.9])
    # The ROC curve goes from (0, 1/2) to (1/3, 1/2) to (1/3, 1): it meets fpr = 1 - tpr at fpr 1/3 … 1/2 on the vertical part.
    assert eer(labels, scores) == pytest.approx(1 / 3)


@given(
    real=st.lists(st.integers(0, 20), min_size=1, max_size=60),
    fake=st.lists(st.integers(0, 20), min_size=1, max_size=60),
    fpr=st.sampled_from([0.0, 0.01, 0.05, 0.3]),
)
def test_threshold_keeps_the_false_positive_rate_and_no_lower_one_would(real: list[int], fake: list[int], fpr: float) -> None:
    labels = np.array([0] * len(real) + [1] * len(fake))
    scores = np.array(real + fake, float)
    threshold = threshold_at_fpr(labels, scores, fpr)
    verdicts = scores >= threshold
    assert verdicts[labels == 0].mean() <= fpr + 1e-12
    # It reaches the best true-positive rate that this false-positive rate allows.
    assert verdicts[labels == 1].mean() == pytest.approx(tpr_at_fpr(labels, scores, fpr))


def test_threshold_at_eer_balances_both_errors() -> None:
    threshold = threshold_at_eer(LABELS, SCORES)
    verdicts = SCORES >= threshold  # noqa: SIM300
    assert verdicts[LABELS == 0].mean() == (~verdicts[LABELS == 1]).mean() == 0.25


def test_intervals_hold_the_figure_and_shrink_with_more_samples() -> None:
    rng = np.random.default_rng(0)

    def width(count: int) -> float:
        labels = np.repeat([0, 1], count)
        scores = rng.normal(labels, 1.0)
        estimate = evaluate_scores(labels, scores, threshold=0.5, resamples=200)["auc"]
        assert estimate.low <= estimate.value <= estimate.high
        return estimate.high - estimate.low

    assert width(1000) < width(50) / 2


def test_one_class_is_refused() -> None:
    with pytest.raises(InputError, match="no fake one"):
        evaluate_scores(np.zeros(5, int), np.arange(5.0), threshold=0.5)
