"""From p_fake to verdicts: of a face, of several faces, under a prior."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefake import InputError, Thresholds, Verdict
from edgefake.odds import for_prior, log_odds, p_fake
from edgefake.thresholds import DECAY, RISING, TAIL, thresholds_of, worst_verdict

CARD = {"fpr_5%": 0.57, "fpr_1%": 0.85, "eer": 0.58}


def test_fake_from_the_one_real_below_the_other_and_unsure_between_them() -> None:
    thresholds = Thresholds(0.8, 0.3)
    verdicts = [thresholds.verdict(p) for p in (0.0, 0.299, 0.3, 0.799, 0.8, 1.0)]
    assert verdicts == [Verdict.REAL] * 2 + [Verdict.UNSURE] * 2 + [Verdict.FAKE] * 2


def test_where_both_are_equal_nothing_is_unsure() -> None:
    thresholds = Thresholds.two_way(0.5)
    assert thresholds == Thresholds(0.5, 0.5)
    assert [thresholds.verdict(p) for p in (0.499, 0.5)] == [Verdict.REAL, Verdict.FAKE]


@pytest.mark.parametrize(
    ("fake", "real", "facts"),
    [(0.3, 0.8, "fake=0.3, real=0.8"), (1.5, 0.5, "1.5"), (0.5, -0.1, "-0.1"), (math.nan, 0.5, "nan"), ("high", 0.5, "high")],
)
def test_thresholds_that_are_none(fake: float, real: float, facts: str) -> None:
    with pytest.raises(InputError, match=facts):
        Thresholds(fake, real)


@pytest.mark.parametrize("decay", [0.0, -0.4, math.nan])
def test_a_tail_that_does_not_fall(decay: float) -> None:
    with pytest.raises(InputError, match=str(decay)):
        Thresholds(0.8, 0.3, decay)


def test_a_card_with_both_names_has_a_verdict_that_may_be_unsure_unless_one_is_chosen() -> None:
    both = {**CARD, "fake": 0.9, "real": 0.2}
    assert thresholds_of(both, "m") == Thresholds(0.9, 0.2)
    assert thresholds_of(both, "m", "fpr_5%") == Thresholds.two_way(0.57)
    assert thresholds_of(both, "m", "fake") == Thresholds.two_way(0.9)
    assert thresholds_of(both, "m", 0.4) == Thresholds.two_way(0.4)
    assert thresholds_of(CARD, "m") == thresholds_of({**CARD, "fake": 0.9}, "m") == Thresholds.two_way(0.57)


@pytest.mark.parametrize("decay", [0.45, 0.6, 1.5])
@pytest.mark.parametrize("count", [1, 2, 4, 8, 100])
def test_as_few_real_pictures_as_real_faces_are_called_fake_whatever_their_number(decay: float, count: int) -> None:
    rng = np.random.default_rng(count)
    scores = np.minimum(rng.exponential(1 / decay, (20_000, count)).max(axis=1), 16.0)  # of real faces
    rate = {name: math.log(1 / share) / decay for name, share in (("fpr_5%", 0.05), ("fpr_1%", 0.01), (TAIL, 0.001))}
    named = {name: p_fake(t) for name, t in rate.items()}
    for name, share in (("fpr_5%", 0.05), ("fpr_1%", 0.01)):
        whole = thresholds_of(named, "m", name).for_faces(count)
        if log_odds(whole.fake) < 15:
            assert np.mean(scores >= log_odds(whole.fake)) == pytest.approx(share, abs=0.002 + 4 * math.sqrt(share / 20_000))


def test_how_fast_the_tail_falls_is_taken_from_a_card_that_tells() -> None:
    for decay in (0.8, 0.2):
        told = {**CARD, TAIL: p_fake(log_odds(0.57) + math.log(50) / decay)}
        assert thresholds_of(told, "m").decay == pytest.approx(decay)
    for silent in (CARD, {**CARD, TAIL: 0.5}, {TAIL: 0.9}):
        assert thresholds_of(silent, "m", 0.5).decay == DECAY


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 10**6), st.floats(0.01, 50))
def test_more_faces_never_lower_a_threshold(one: float, other: float, count: int, decay: float) -> None:
    thresholds = Thresholds(max(one, other), min(one, other), decay)
    whole, more = thresholds.for_faces(count), thresholds.for_faces(count + 1)
    assert thresholds.fake <= whole.fake <= more.fake <= 1.0
    assert (whole.real == whole.fake) == (thresholds.real == thresholds.fake) or whole.real == thresholds.real
    assert thresholds.for_faces(0) == thresholds.for_faces(1) == thresholds


def test_what_everything_or_nothing_reaches_stays() -> None:
    assert Thresholds.two_way(0.0).for_faces(9) == Thresholds.two_way(0.0)
    assert Thresholds.two_way(1.0).for_faces(9) == Thresholds.two_way(1.0)


@given(st.floats(0, 1), st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.sampled_from([0.001, 0.01, 0.5, 0.9]))
def test_a_prior_turns_scores_and_thresholds_alike(p: float, one: float, other: float, prior: float) -> None:
    thresholds = Thresholds(max(one, other), min(one, other))
    assert thresholds.for_prior(prior).verdict(for_prior(p, prior)) is thresholds.verdict(p)


def test_a_prior_is_bayes_rule() -> None:
    assert for_prior(0.9, 0.5) == 0.9
    assert for_prior(0.5, 0.01) == pytest.approx(0.01)
    assert for_prior(0.9, 0.01) == pytest.approx(0.9 * 0.01 / (0.9 * 0.01 + 0.1 * 0.99))


def test_the_worst_of_several_verdicts() -> None:
    assert [worst_verdict([verdict, Verdict.REAL, None]) for verdict in RISING] == [*RISING]
    assert worst_verdict([None]) is worst_verdict([]) is None
