from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefake import Thresholds, Verdict
from edgefake.odds import RAREST, for_prior, log_odds, p_fake
from edgefake.streaming.evidence import HALF_LIFE_S, MIN_SCORED_S, MIN_SEARCHES, Evidence, FrameEvidence, capped_log_odds

FPS = 30
ENOUGH = round(MIN_SCORED_S * FPS) + 2
"""Frames for a verdict, whatever is rounded on the way."""


def fed(
    scores: list[float],
    *,
    threshold: float = 0.5,
    evidence: Evidence | None = None,
    start: float = 0.0,
    fps: float = FPS,
    searches: int = MIN_SEARCHES,
) -> Evidence:
    evidence = evidence or Evidence(Thresholds.two_way(threshold))
    for index, p in enumerate(scores):
        evidence.add(p, start + index / fps, searches=searches)
    return evidence


@given(st.floats(0.003, 0.997), st.integers(1, 40))
def test_equal_scores_combine_to_themselves(p: float, count: int) -> None:
    assert fed([p] * count).p_fake == pytest.approx(p, abs=1e-6)


def test_nothing_scored_is_no_evidence() -> None:
    evidence = Evidence(Thresholds.two_way(0.5))
    assert (evidence.p_fake, evidence.verdict, evidence.scored) == (None, None, 0)


@pytest.mark.parametrize(
    ("fps", "least", "most"), [(240, 115, 125), (60, 29, 33), (30, 14, 18), (25, 12, 16), (10, 5, 7), (1, 5, 7)]
)
def test_the_first_verdict_comes_after_half_a_second_or_six_frames(fps: float, least: int, most: int) -> None:
    assert fed([0.99] * least, fps=fps).verdict is None
    assert fed([0.99] * most, fps=fps).verdict is Verdict.FAKE
    assert fed([0.49] * most, fps=fps).verdict is Verdict.REAL


def test_the_first_verdict_needs_several_searches() -> None:
    evidence = fed([0.99] * 300, searches=MIN_SEARCHES - 1)
    assert evidence.verdict is None and evidence.p_fake
    assert fed([0.99], evidence=evidence, start=10.1).verdict is Verdict.FAKE


def test_the_first_verdict_follows_from_the_threshold() -> None:
    assert fed([0.7] * ENOUGH, threshold=0.69).verdict is Verdict.FAKE
    assert fed([0.7] * ENOUGH, threshold=0.71).verdict is Verdict.REAL


def test_a_score_weighs_half_after_one_half_life() -> None:
    evidence = Evidence(Thresholds.two_way(0.5))
    evidence.add(0.9, 5.0, searches=1)
    evidence.add(0.2, 5.0 + HALF_LIFE_S, searches=1)
    assert evidence.p_fake == pytest.approx(p_fake((log_odds(0.9) / 2 + log_odds(0.2)) / 1.5))


def test_scores_around_the_threshold_do_not_make_the_verdict_flicker() -> None:
    evidence = fed([0.45] * 30)
    changes = 0
    for index in range(300):
        before = evidence.verdict
        fed([0.56 if index // 45 % 2 == 0 else 0.44], evidence=evidence, start=1 + index / FPS)
        changes += evidence.verdict is not before
    assert changes == 0


def test_a_lasting_change_changes_the_verdict_once() -> None:
    evidence = fed([0.05] * 90)
    verdicts = []
    for index in range(90):
        fed([0.95], evidence=evidence, start=3 + index / FPS)
        verdicts.append(evidence.verdict)
    changed = verdicts.index(Verdict.FAKE)
    assert HALF_LIFE_S * 0.5 < changed / FPS < 2.5 * HALF_LIFE_S
    assert set(verdicts[changed:]) == {Verdict.FAKE}


THREE_WAY = Thresholds(0.8, 0.3)


def test_between_both_thresholds_is_unsure_and_neither_flickers() -> None:
    evidence = fed([0.5] * ENOUGH, evidence=Evidence(THREE_WAY))
    assert evidence.verdict is Verdict.UNSURE
    for p, verdict in ((0.83, Verdict.UNSURE), (0.95, Verdict.FAKE), (0.77, Verdict.FAKE), (0.5, Verdict.UNSURE)):
        fed([p] * 150, evidence=evidence, start=evidence.scored / FPS)
        assert evidence.verdict is verdict, p
    for p, verdict in ((0.27, Verdict.UNSURE), (0.1, Verdict.REAL), (0.33, Verdict.REAL), (0.5, Verdict.UNSURE)):
        fed([p] * 150, evidence=evidence, start=evidence.scored / FPS)
        assert evidence.verdict is verdict, p
    assert fed([0.99] * 150, evidence=fed([0.01] * 60, evidence=Evidence(THREE_WAY)), start=2.0).verdict is Verdict.FAKE


@given(st.lists(st.floats(0, 1), min_size=ENOUGH, max_size=60), st.sampled_from([RAREST, 0.001, 0.01, 0.3, 0.9, 1 - RAREST]))
def test_a_prior_changes_no_verdict(scores: list[float], prior: float) -> None:
    turned = [for_prior(p, prior) for p in scores]
    plain = fed(scores, evidence=Evidence(THREE_WAY))
    rare = fed(turned, evidence=Evidence(THREE_WAY.for_prior(prior), prior))
    assert rare.verdict is plain.verdict and rare.p_fake == pytest.approx(for_prior(plain.p_fake or 0.0, prior), rel=1e-3)


def test_of_several_faces_the_highest_must_be_higher() -> None:
    thresholds = Thresholds(0.8, 0.3)
    real, fake = (0.1, Verdict.REAL), (0.93, Verdict.FAKE)
    frames = FrameEvidence(thresholds)
    assert frames.verdict([]) is None
    assert frames.verdict([fake]) is Verdict.FAKE
    assert FrameEvidence(thresholds).verdict([real, fake]) is Verdict.UNSURE
    assert frames.verdict([real, fake]) is Verdict.FAKE  # it was, and is not clearly less
    assert frames.verdict([real] * 7 + [fake]) is Verdict.UNSURE
    assert frames.verdict([real] * 7 + [(0.998, Verdict.FAKE)]) is Verdict.FAKE
    assert frames.verdict([real, real]) is Verdict.REAL
    assert frames.verdict([real, (0.99, Verdict.UNSURE)]) is Verdict.UNSURE  # no more than the worst of them


def test_the_highest_of_a_crowd_can_be_high_enough() -> None:
    frames = FrameEvidence(Thresholds.two_way(0.95))
    assert frames.verdict([(0.9985, Verdict.FAKE)] * 50) is Verdict.FAKE


@pytest.mark.parametrize("certain", [0.0, 1.0])
def test_one_frame_that_is_certain_does_not_decide(certain: float) -> None:
    evidence = fed([0.2 if certain else 0.8] * 60)
    before = evidence.verdict
    fed([certain], evidence=evidence, start=2.0)
    assert evidence.verdict is before


@pytest.mark.parametrize("p", [0.0, 1e-300, 0.5, 1 - 1e-16, 1.0])
def test_log_odds_are_finite(p: float) -> None:
    for thresholds in (THREE_WAY, Thresholds(1.0, 0.0)):
        assert abs(capped_log_odds(p, thresholds)) <= 6.0
        assert 0.0 < p_fake(capped_log_odds(p, thresholds)) < 1.0


@pytest.mark.parametrize(("p", "verdict"), [(0.9999, Verdict.FAKE), (0.998, Verdict.UNSURE), (0.0005, Verdict.REAL)])
def test_a_threshold_that_is_hard_to_pass_can_be_passed(p: float, verdict: Verdict) -> None:
    thresholds = Thresholds(0.999, 0.001)
    evidence = fed([0.5] * ENOUGH, evidence=Evidence(thresholds))
    assert evidence.verdict is Verdict.UNSURE
    assert fed([p] * 300, evidence=evidence, start=1.0).verdict is verdict is thresholds.verdict(p)


def test_a_clock_that_runs_backwards_forgets_nothing() -> None:
    evidence = fed([0.9] * 10, start=100.0)
    evidence.add(0.9, 50.0, searches=9)
    assert evidence.p_fake == pytest.approx(0.9)
    assert evidence.scored == 11
    for _ in range(10):
        evidence.add(0.1, 50.0, searches=9)
    assert 0.1 < (evidence.p_fake or 0) < 0.6
