from __future__ import annotations

import json

import numpy as np
import pytest

from edgefake import Box, Status, Thresholds, Verdict
from edgefake.streaming.result import FrameResult, StreamTimings, TrackResult
from edgefake.thresholds import worst_verdict


def track(id: int, p_fake: float | None, verdict: Verdict | None) -> TrackResult:
    return TrackResult(id, Box(1.04, 2, 30, 40), Status.OK, p_fake, p_fake, verdict, 7)


def frame(*tracks: TrackResult) -> FrameResult:
    timings = StreamTimings(1.0, 2.0, 0.12345, 0.0, 3.0)
    half, verdict = Thresholds.two_way(0.5), worst_verdict(track.verdict for track in tracks)
    return FrameResult(12, 0.4, 1e9, tracks, timings, 8.5, 3, 1, "clip.mp4", "tiny", half, half.for_faces(len(tracks)), verdict)


@pytest.mark.parametrize(
    ("tracks", "p_fake"),
    [
        ((), None),
        ((track(1, None, None),), None),
        ((track(1, 0.4, None),), 0.4),
        ((track(1, 0.2, Verdict.REAL), track(2, 0.4, None)), 0.4),
        ((track(1, 0.6, Verdict.REAL), track(2, 0.5, Verdict.FAKE)), 0.6),
    ],
)
def test_the_p_fake_of_a_frame_is_that_of_its_worst_track(tracks: tuple[TrackResult, ...], p_fake: float | None) -> None:
    assert frame(*tracks).p_fake == p_fake


def test_the_json_line_is_the_documented_schema() -> None:
    line = json.loads(json.dumps(frame(track(1, 0.25, Verdict.REAL)).to_dict()))
    assert line == {
        "schema": 1,
        "source": "clip.mp4",
        "index": 12,
        "seconds": 0.4,
        "captured": 1e9,
        "verdict": "real",
        "p_fake": 0.25,
        "tracks": [
            {
                "id": 1,
                "box": [1.0, 2.0, 30.0, 40.0],
                "status": "ok",
                "frame_p_fake": 0.25,
                "p_fake": 0.25,
                "verdict": "real",
                "scored": 7,
            }
        ],
        "threshold": 0.5,
        "thresholds": {"face": {"fake": 0.5, "real": 0.5}, "whole": {"fake": 0.5, "real": 0.5}},
        "prior": 0.5,
        "timings": {"capture": 1.0, "detect": 2.0, "track": 0.123, "preprocess": 0.0, "infer": 3.0},
        "latency": 8.5,
        "dropped": 3,
        "reconnects": 1,
        "model": "tiny",
    }


def test_numbers_of_numpy_are_plain_in_json() -> None:
    face = TrackResult(
        np.int64(1), Box(np.float32(1.5), 2, 30, 40), Status.OK, np.float32(0.25), np.float32(0.25), None, np.int32(7)
    )  # type: ignore[arg-type]
    timings = StreamTimings(*np.arange(5, dtype=np.float32))
    counts = (np.int64(3), np.int64(1))
    at = Thresholds.two_way(np.float32(0.5))  # type: ignore[arg-type]
    given = FrameResult(np.int64(12), np.float32(0.5), 1e9, (face,), timings, 8.5, *counts, "a", "tiny", at, at, None)  # type: ignore[arg-type]
    line = json.loads(json.dumps(given.to_dict()))
    assert (line["index"], line["seconds"], line["p_fake"], line["threshold"], line["dropped"]) == (12, 0.5, 0.25, 0.5, 3)
    assert line["tracks"][0]["box"] == [1.5, 2.0, 30.0, 40.0]
