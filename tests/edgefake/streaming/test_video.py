from __future__ import annotations

import json

import pytest

from edgefake import Verdict
from edgefake.streaming.evidence import probability
from edgefake.streaming.result import FrameResult
from edgefake.streaming.video import MIN_COVERAGE, MIN_SCORED, VideoTally
from tests.edgefake.streaming.results import result, track


def tally(*frames: FrameResult, threshold: float = 0.5) -> VideoTally:
    collected = VideoTally(threshold)
    for frame in frames:
        collected.add(frame)
    return collected


def test_a_video_is_as_fake_as_its_worst_track() -> None:
    frames = [result(index, track(1, 0.2), track(2, 0.9)) for index in range(MIN_SCORED)]
    verdict = tally(*frames).verdict()
    assert [round(one.p_fake or 0, 6) for one in verdict.tracks] == [0.2, 0.9]
    assert [one.verdict for one in verdict.tracks] == [Verdict.REAL, Verdict.FAKE]
    assert verdict.p_fake == verdict.tracks[1].p_fake
    assert verdict.verdict is Verdict.FAKE
    assert (verdict.frames, verdict.faces) == (MIN_SCORED, 2 * MIN_SCORED)


def test_scores_are_averaged_as_log_odds() -> None:
    frames = [result(index, track(1, probability(3.0 if index % 2 else -1.0))) for index in range(2 * MIN_SCORED)]
    assert tally(*frames).verdict().p_fake == pytest.approx(probability(1.0))


def test_a_face_seen_for_a_moment_does_not_count() -> None:
    frames = [result(index, track(1, 0.1), *[track(2, 0.99)] * (index < MIN_SCORED - 1)) for index in range(40)]
    verdict = tally(*frames).verdict()
    assert verdict.verdict is Verdict.REAL
    assert [(one.scored, one.p_fake is None, one.verdict) for one in verdict.tracks] == [
        (40, False, Verdict.REAL),
        (MIN_SCORED - 1, True, None),
    ]


def test_without_evidence_there_is_no_verdict() -> None:
    assert (tally().verdict().verdict, tally().verdict().frames) == (None, 0)
    verdict = tally(*[result(index, track(1, None)) for index in range(40)]).verdict()
    assert (verdict.verdict, verdict.p_fake, verdict.faces, verdict.frames) == (None, None, 0, 40)


def test_the_threshold_itself_is_fake() -> None:
    frames = [result(index, track(1, 0.7)) for index in range(MIN_SCORED)]
    assert tally(*frames, threshold=0.71).verdict().verdict is Verdict.REAL
    assert tally(*frames, threshold=0.69).verdict().verdict is Verdict.FAKE


def test_plain_values_for_json() -> None:
    frames = [result(index, track(1, 0.5)) for index in range(5, 5 + MIN_SCORED)]
    assert json.loads(json.dumps(tally(*frames, threshold=0.6).verdict().to_dict())) == {
        "verdict": "real",
        "status": "ok",
        "p_fake": 0.5,
        "frames": MIN_SCORED,
        "coverage": None,
        "faces": MIN_SCORED,
        "tracks": [{"id": 1, "first": 0.5, "last": 1.9, "scored": MIN_SCORED, "p_fake": 0.5, "verdict": "real"}],
    }


def test_there_is_no_verdict_on_a_video_of_which_too_little_was_read() -> None:
    collected = tally(*[result(index, track(1, 0.9)) for index in range(40)])
    assert collected.verdict(MIN_COVERAGE).verdict is Verdict.FAKE
    verdict = collected.verdict(MIN_COVERAGE - 0.01)
    assert (verdict.verdict, verdict.p_fake, verdict.status) == (None, None, "incomplete")
    assert verdict.tracks[0].verdict is Verdict.FAKE


def test_why_there_is_no_verdict() -> None:
    assert tally(result(0)).verdict(1.0).status == "no_face"
    assert tally(result(0, track(1, 0.5))).verdict(1.0).status == "too_few_frames"
