"""The device's own accuracy figures against those of training and of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from edgefake.benchmark.accuracy import separation
from training.metrics import evaluate_scores

STEPS = st.lists(st.integers(0, 12), min_size=1, max_size=30)  # few levels, so that many scores are equal, as in INT8


@settings(max_examples=30)
@given(real=STEPS, fake=STEPS, threshold=st.integers(0, 12))
def test_figures_equal_those_of_scikit_learn(real: list[int], fake: list[int], threshold: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgefake.benchmark.accuracy.RESAMPLES", 2)
        reals, fakes = np.array(real), np.array(fake)
        auc, balanced = separation(reals / 12, fakes / 12, reals < threshold, fakes >= threshold)
    labels, scores = np.repeat([0, 1], [len(real), len(fake)]), np.array(real + fake) / 12
    assert auc.value == pytest.approx(roc_auc_score(labels, scores))
    assert balanced.value == pytest.approx(balanced_accuracy_score(labels, np.array(real + fake) >= threshold))


def test_intervals_are_those_of_training() -> None:
    rng = np.random.default_rng(1)
    real, fake = rng.beta(2, 5, 300), rng.beta(5, 2, 200)
    auc, balanced = separation(real, fake, real < 0.5, fake >= 0.5)
    theirs = evaluate_scores(np.repeat([0, 1], [300, 200]), np.concatenate([real, fake]), threshold=0.5)
    for ours, name in ((auc, "auc"), (balanced, "balanced_accuracy")):
        assert ours.value == pytest.approx(theirs[name].value)
        assert (ours.low, ours.high) == pytest.approx((theirs[name].low, theirs[name].high), abs=0.01)
