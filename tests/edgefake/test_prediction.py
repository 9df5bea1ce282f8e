"""What a detector answers, as plain values."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest

from edgefake import Box, FaceScore, Prediction, Quality, Status, Timings, Verdict

FACE = FaceScore(Box(1.04, 2.0, 30.0, 40.5), Status.OK, 0.91, Verdict.FAKE, Quality(40.5, 0.31234))
SMALL = FaceScore(Box(0.0, 0.0, 9.0, 9.0), Status.FACE_TOO_SMALL, None, None, Quality(9.0, 0.2))
FOUND = Prediction(Status.OK, 0.91, Verdict.FAKE, (FACE, SMALL), 0.5, Timings(1.0, 2.0, 3.00049), "tiny")
NONE = Prediction(Status.NO_FACE, None, None, (), 0.5, Timings(1.0, 0.0, 0.0), "tiny")


def test_plain_values() -> None:
    assert FOUND.to_dict() == {
        "status": "ok",
        "verdict": "fake",
        "p_fake": 0.91,
        "faces": [
            {
                "box": [1.0, 2.0, 30.0, 40.5],
                "status": "ok",
                "p_fake": 0.91,
                "verdict": "fake",
                "quality": {"size": 40.5, "sharpness": 0.3123},
            },
            {
                "box": [0.0, 0.0, 9.0, 9.0],
                "status": "face_too_small",
                "p_fake": None,
                "verdict": None,
                "quality": {"size": 9.0, "sharpness": 0.2},
            },
        ],
        "threshold": 0.5,
        "timings": {"find_faces": 1.0, "preprocess": 2.0, "infer": 3.0},
        "model": "tiny",
    }


@pytest.mark.parametrize("prediction", [FOUND, NONE])
def test_json_is_one_line_of_the_plain_values(prediction: Prediction) -> None:
    text = prediction.to_json()
    assert "\n" not in text
    assert json.loads(text) == prediction.to_dict()


def test_no_face_has_no_score() -> None:
    assert NONE.to_dict()["status"] == "no_face"
    assert NONE.to_dict()["p_fake"] is None and NONE.to_dict()["verdict"] is None and NONE.to_dict()["faces"] == []


def test_answers_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        FOUND.p_fake = 0.0  # type: ignore[misc]
    assert FOUND.p_fake == 0.91
