from __future__ import annotations

import json

import pytest

from edgefake import Thresholds, Verdict
from edgefake.odds import p_fake
from edgefake.streaming.result import FrameResult, TrackResult
from edgefake.streaming.video import LISTED, MIN_COVERAGE, VideoTally
from tests.edgefake.streaming.results import result, track


def tally(*frames: FrameResult, threshold: float = 0.5) -> VideoTally:
    collected = VideoTally(Thresholds.two_way(threshold))
    for frame in frames:
        collected.add(frame)
    return collected


def test_a_video_is_as_fake_as_its_worst_track() -> None:
    frames = [result(index, track(1, 0.2), track(2, 0.9)) for index in range(15)]
    verdict = tally(*frames).verdict()
    assert [round(one.p_fake or 0, 6) for one in verdict.tracks] == [0.2, 0.9]
    assert [one.verdict for one in verdict.tracks] == [Verdict.REAL, Verdict.FAKE]
    assert verdict.p_fake == verdict.tracks[1].p_fake
    assert verdict.verdict is Verdict.FAKE
    assert (verdict.frames, verdict.faces) == (15, 30)


def test_scores_are_averaged_as_log_odds() -> None:
    frames = [result(index, track(1, p_fake(3.0 if index % 2 else -1.0))) for index in range(30)]
    assert tally(*frames).verdict().p_fake == pytest.approx(p_fake(1.0))


def test_a_face_without_a_verdict_in_the_stream_does_not_count() -> None:
    frames = [result(index, track(1, 0.1), track(2, 0.99, decided=False)) for index in range(20)]
    verdict = tally(*frames).verdict()
    assert verdict.verdict is Verdict.REAL
    assert [(one.scored, one.p_fake is None, one.verdict) for one in verdict.tracks] == [
        (20, False, Verdict.REAL),
        (20, True, None),
    ]


@pytest.mark.parametrize(
    ("tracks", "explanation"),
    [
        ([], "no face was found"),
        ([track(1, 0.2)], ""),
        ([track(1, 0.2), track(3, 0.3)], "the highest of face 3: 0.300, face 1: 0.200"),
        ([track(1, 0.2), track(2, 0.9, decided=False)], "that of face 1; seen too shortly to count: face 2"),
        ([track(1, 0.9, decided=False)], "seen too shortly to count: face 1"),
        ([track(4, None), track(5, None)], "too small or blurred to be scored: face 4, face 5"),
    ],
)
def test_the_figure_is_explained(tracks: list[TrackResult], explanation: str) -> None:
    verdict = tally(*[result(index, *tracks) for index in range(3)]).verdict()
    assert verdict.explanation() == explanation
    assert str(verdict).endswith(f" ({explanation})") == bool(explanation)


def test_an_explanation_of_a_crowd_is_no_list_without_end() -> None:
    verdict = tally(result(0, *[track(id, 0.4) for id in range(1, 100)])).verdict()
    assert verdict.explanation().endswith(f" and {99 - LISTED} more")


def test_without_evidence_there_is_no_verdict() -> None:
    assert (tally().verdict().verdict, tally().verdict().frames) == (None, 0)
    verdict = tally(*[result(index, track(1, None)) for index in range(40)]).verdict()
    assert (verdict.verdict, verdict.p_fake, verdict.faces, verdict.frames) == (None, None, 0, 40)


def test_of_several_tracks_the_highest_must_be_higher() -> None:
    verdict = tally(*[result(index, track(1, 0.2), track(2, 0.6)) for index in range(15)]).verdict()
    assert (verdict.verdict, verdict.tracks[1].verdict) == (Verdict.REAL, Verdict.FAKE)
    assert "among 2 faces" in verdict.explanation()
    assert tally(*[result(index, track(2, 0.6)) for index in range(15)]).verdict().verdict is Verdict.FAKE


def test_the_threshold_itself_is_fake() -> None:
    frames = [result(index, track(1, 0.7)) for index in range(15)]
    assert tally(*frames, threshold=0.71).verdict().verdict is Verdict.REAL
    assert tally(*frames, threshold=0.69).verdict().verdict is Verdict.FAKE


def test_plain_values_for_json() -> None:
    frames = [result(index, track(1, 0.5)) for index in range(5, 5 + 15)]
    assert json.loads(json.dumps(tally(*frames, threshold=0.6).verdict().to_dict())) == {
        "schema": 1,
        "verdict": "real",
        "status": "ok",
        "p_fake": 0.5,
        "frames": 15,
        "coverage": None,
        "faces": 15,
        "tracks": [{"id": 1, "first": 0.5, "last": 1.9, "scored": 15, "p_fake": 0.5, "verdict": "real"}],
    }


def test_there_is_no_verdict_on_a_video_of_which_too_little_was_read() -> None:
    collected = tally(*[result(index, track(1, 0.9)) for index in range(40)])
    assert collected.verdict(MIN_COVERAGE).verdict is Verdict.FAKE
    verdict = collected.verdict(MIN_COVERAGE - 0.01)
    assert (verdict.verdict, verdict.p_fake, verdict.status) == (None, None, "incomplete")
    assert verdict.tracks[0].verdict is Verdict.FAKE


def test_why_there_is_no_verdict() -> None:
    assert tally(result(0)).verdict(1.0).status == "no_face"
    assert tally(result(0, track(1, 0.5, decided=False))).verdict(1.0).status == "too_short"
