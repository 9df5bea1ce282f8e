import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn

from edgefake.errors import InputError
from edgefake.statistics import auc
from edgefake.thresholds import Thresholds
from training.metrics import (
    Confusion,
    confusion,
    evaluate_scores,
    reliability,
    share,
    threshold_at_eer,
    threshold_at_fpr,
)

LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1])
SCORES = np.array([0.1, 0.2, 0.3, 0.6, 0.4, 0.7, 0.8, 0.9])


def _figures(labels: np.ndarray, scores: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
    return {name: e.value for name, e in evaluate_scores(labels, scores, threshold=threshold, resamples=1).items()}


def _by_sklearn(labels: np.ndarray, scores: np.ndarray, threshold: float) -> dict[str, float]:
    """The figures as scikit-learn gives them."""
    fpr, tpr, _ = sklearn.roc_curve(labels, scores, drop_intermediate=False)
    verdicts = (scores >= threshold).astype(int)
    after = int(np.argmax(fpr >= 1 - tpr))
    step = (1 - tpr - fpr)[after - 1] / ((1 - tpr - fpr)[after - 1] - (1 - tpr - fpr)[after])
    return {
        "auc": sklearn.roc_auc_score(labels, scores),
        "eer": fpr[after - 1] + step * (fpr[after] - fpr[after - 1]),
        "tpr@1%fpr": tpr[fpr <= 0.01].max(),
        "tpr@5%fpr": tpr[fpr <= 0.05].max(),
        "accuracy": sklearn.accuracy_score(labels, verdicts),
        "balanced_accuracy": sklearn.balanced_accuracy_score(labels, verdicts),
        "precision": sklearn.precision_score(labels, verdicts, zero_division=0),
        "recall": sklearn.recall_score(labels, verdicts),
        "f1": sklearn.f1_score(labels, verdicts),
        "fpr": verdicts[labels == 0].mean(),
    }


def test_hand_counted_figures() -> None:
    figures = _figures(LABELS, SCORES)
    assert auc(LABELS, SCORES) == figures["auc"] == 15 / 16  # one of 16 pairs is in the wrong order
    assert figures["eer"] == pytest.approx(0.25)
    assert figures["tpr@1%fpr"] == 0.75
    assert (figures["recall"], figures["fpr"], figures["precision"], figures["accuracy"]) == (0.75, 0.25, 0.75, 0.75)
    assert confusion(LABELS, SCORES, Thresholds.two_way(0.5)) == Confusion(3, 1, 1, 3)
    assert confusion(LABELS, SCORES, Thresholds(0.7, 0.3)) == Confusion(2, 0, 0, 3, real_as_unsure=2, fake_as_unsure=1)


def test_eer_is_interpolated_between_the_points_of_the_curve() -> None:
    labels = np.array([0, 0, 0, 1, 1])
    scores = np.array([0.1, 0.2, 0.8, 0.5, 0.9])
    # The ROC curve goes from (0, 1/2) to (1/3, 1/2) to (1/3, 1): it meets fpr = 1 - tpr at fpr 1/3 … 1/2 on the vertical part.
    assert _figures(labels, scores)["eer"] == pytest.approx(1 / 3)


@given(
    real=st.lists(st.integers(0, 20), min_size=1, max_size=60),
    fake=st.lists(st.integers(0, 20), min_size=1, max_size=60),
    threshold=st.sampled_from([0.0, 0.3, 0.5, 0.77, 1.5]),
)
def test_figures_equal_those_of_scikit_learn_also_with_equal_scores(real: list[int], fake: list[int], threshold: float) -> None:
    labels, scores = np.array([0] * len(real) + [1] * len(fake)), np.array(real + fake) / 20
    figures = _figures(labels, scores, threshold)
    for name, value in _by_sklearn(labels, scores, threshold).items():
        assert figures[name] == pytest.approx(value, abs=1e-12), name


def test_intervals_equal_those_of_figures_computed_draw_by_draw() -> None:
    rng = np.random.default_rng(5)
    labels = rng.permutation(np.repeat([0, 1], (70, 50)))
    scores = np.clip(rng.normal(0.4 + 0.2 * labels, 0.2), 0, 1).round(2)
    estimates = evaluate_scores(labels, scores, threshold=0.5, resamples=60, seed=3)
    again = np.random.default_rng(3)
    draws = [np.concatenate([again.choice(np.flatnonzero(labels == k), (labels == k).sum()) for k in (0, 1)]) for _ in range(60)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = [_by_sklearn(labels[draw], scores[draw], 0.5) for draw in draws]
    for name in figures[0]:
        expected = np.percentile([f[name] for f in figures], (2.5, 97.5))
        assert (estimates[name].low, estimates[name].high) == pytest.approx(tuple(expected), abs=1e-12), name


def test_many_faces_are_resampled_in_parts_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evaluate_scores(LABELS, SCORES, threshold=0.5, resamples=50)
    monkeypatch.setattr("training.metrics.AT_ONCE", 3 * len(LABELS))
    assert evaluate_scores(LABELS, SCORES, threshold=0.5, resamples=50) == whole


def test_calibration_error_is_the_mean_distance_between_promise_and_share() -> None:
    labels = np.repeat([1, 0, 1, 0], (140, 60, 20, 80))
    promised = np.repeat([0.9, 0.3], (200, 100))  # 70 % and 20 % of these are fake
    assert _figures(labels, promised)["ece"] == pytest.approx((200 * 0.2 + 100 * 0.1) / 300)


def test_the_calibration_error_of_honest_scores_is_small_in_spite_of_resampling() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        p_fake = rng.uniform(0, 1, 2400)
        labels = (rng.uniform(0, 1, 2400) < p_fake).astype(int)
        estimate = evaluate_scores(labels, p_fake, threshold=0.5, resamples=200)["ece"]
        assert estimate.low <= estimate.value <= estimate.high < 0.05
        assert estimate.low < 0.02


def test_reliability_bins_hold_equal_masses_and_make_up_the_calibration_error() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 2, 3000)
    scores = rng.uniform(0, 1, 3000)
    bins = reliability(labels, scores)
    assert [b.faces for b in bins] == [200] * 15
    assert sum(b.faces * abs(b.p_fake - b.fake) for b in bins) / 3000 == pytest.approx(_figures(labels, scores)["ece"])
    assert sum(b.faces * b.fake for b in bins) == pytest.approx(labels.sum())


def test_equal_scores_share_a_bin() -> None:
    # Parted by their order in the file, real first, two halves of one score would look wrong by 0.5 each.
    labels = np.repeat([0, 1], 50)
    (only,) = reliability(labels, np.full(100, 0.5))
    assert (only.faces, only.p_fake, only.fake) == (100, 0.5, 0.5)
    assert _figures(labels, np.full(100, 0.5))["ece"] == 0


def test_a_share_has_an_interval_of_the_binomial_width() -> None:
    estimate = share(np.arange(400) < 100)
    assert estimate.value == 0.25
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * np.sqrt(0.25 * 0.75 / 400), rel=0.1)


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
    rates, found, _ = sklearn.roc_curve(labels, scores, drop_intermediate=False)
    assert verdicts[labels == 1].mean() == pytest.approx(found[rates <= fpr].max())


def test_threshold_at_eer_balances_both_errors() -> None:
    threshold = threshold_at_eer(LABELS, SCORES)
    verdicts = SCORES >= threshold  # noqa: SIM300
    assert verdicts[LABELS == 0].mean() == (~verdicts[LABELS == 1]).mean() == 0.25


def test_intervals_hold_the_figure_and_shrink_with_more_samples() -> None:
    rng = np.random.default_rng(0)

    def width(count: int) -> float:
        labels = np.repeat([0, 1], count)
        scores = 1 / (1 + np.exp(-rng.normal(labels, 1.0)))
        estimate = evaluate_scores(labels, scores, threshold=0.5, resamples=200)["auc"]
        assert estimate.low <= estimate.value <= estimate.high
        return estimate.high - estimate.low

    assert width(1000) < width(50) / 2


def test_one_class_is_refused() -> None:
    with pytest.raises(InputError, match="no fake"):
        evaluate_scores(np.zeros(5, int), np.linspace(0, 1, 5), threshold=0.5)
