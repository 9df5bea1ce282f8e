"""What a detector answers, as plain values."""

from __future__ import annotations

import json
import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from edgefake import Box, FaceScore, InputError, Prediction, Quality, Status, Thresholds, Timings, Verdict

HALF = Thresholds.two_way(0.5)
FACE = FaceScore(Box(1.04, 2.0, 30.0, 40.5), Status.OK, 0.91, Verdict.FAKE, Quality(40.5, 0.31234), 0.87655, ((1.49, 2), (3, 4)))
SMALL = FaceScore(Box(0.0, 0.0, 9.0, 9.0), Status.FACE_TOO_SMALL, None, None, Quality(9.0, 0.2))
FOUND = Prediction(Status.OK, 0.91, Verdict.FAKE, (FACE, SMALL), HALF, Timings(1.0, 2.0, 3.00049), "tiny", HALF)
NONE = Prediction(Status.NO_FACE, None, None, (), HALF, Timings(1.0, 0.0, 0.0), "tiny", HALF)


def test_plain_values() -> None:
    assert FOUND.to_dict() == {
        "schema": 1,
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
                "face_score": 0.8766,
                "landmarks": [[1.5, 2], [3, 4]],
            },
            {
                "box": [0.0, 0.0, 9.0, 9.0],
                "status": "face_too_small",
                "p_fake": None,
                "verdict": None,
                "quality": {"size": 9.0, "sharpness": 0.2},
                "face_score": 1.0,
                "landmarks": None,
            },
        ],
        "threshold": 0.5,
        "thresholds": {"face": {"fake": 0.5, "real": 0.5}, "whole": {"fake": 0.5, "real": 0.5}},
        "prior": 0.5,
        "timings": {"find_faces": 1.0, "preprocess": 2.0, "infer": 3.0},
        "model": "tiny",
    }


@pytest.mark.parametrize("prediction", [FOUND, NONE])
def test_json_is_one_line_of_the_plain_values(prediction: Prediction) -> None:
    text = prediction.to_json()
    assert "\n" not in text
    assert json.loads(text) == prediction.to_dict()


def test_numbers_of_numpy_are_plain_in_json() -> None:
    """``faces=`` and scorers of a user may give them."""
    one, two, score = np.float32(1.26), np.float64(2), np.float32(0.25)
    quality, landmarks = Quality(two, one), ((one, two),) * 5
    face = FaceScore(Box(one, two, one, np.int64(3)), Status.OK, score, Verdict.FAKE, quality, score, landmarks)
    times = Timings(one, two, one)  # type: ignore[arg-type]
    at = Thresholds.two_way(score)  # type: ignore[arg-type]
    written = json.loads(Prediction(Status.OK, score, Verdict.FAKE, (face,), at, times, "tiny", at).to_json())  # type: ignore[arg-type]
    assert written["p_fake"] == written["threshold"] == written["faces"][0]["p_fake"] == 0.25
    assert written["faces"][0]["box"] == [1.3, 2.0, 1.3, 3.0]
    assert Prediction.from_dict(written).to_dict() == written


def test_a_side_is_never_rounded_to_nothing() -> None:
    thin = FaceScore(Box(0.01, 0.02, 0.04, 0.001), Status.FACE_TOO_SMALL, None, None, Quality(0.04, 0.0))
    assert thin.to_dict()["box"] == [0.0, 0.0, 0.1, 0.1]
    assert FaceScore.from_dict(thin.to_dict()).box == Box(0.0, 0.0, 0.1, 0.1)


def test_no_face_has_no_score() -> None:
    assert NONE.to_dict()["status"] == "no_face"
    assert NONE.to_dict()["p_fake"] is None and NONE.to_dict()["verdict"] is None and NONE.to_dict()["faces"] == []


def test_answers_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        FOUND.p_fake = 0.0  # type: ignore[misc]
    assert FOUND.p_fake == 0.91


def test_for_people() -> None:
    assert str(FOUND) == "fake, p_fake 0.910, 2 faces"
    assert str(NONE) == "no face, 0 faces"


@pytest.mark.parametrize("prediction", [FOUND, NONE])
def test_what_was_written_is_read(prediction: Prediction) -> None:
    again = Prediction.from_dict(json.loads(prediction.to_json()) | {"path": "a.jpg", "picture": 1, "a key of tomorrow": 2})
    assert again.to_dict() == prediction.to_dict()
    assert type(again.faces) is tuple and type(again.status) is Status
    assert Prediction.from_dict(again.to_dict()) == again


@pytest.mark.parametrize(
    ("wrong", "facts"),
    [
        ({"schema": 2}, "1.*2"),
        ({"schema": True}, "True"),
        ({"status": "gone"}, "ok, no_face.*gone"),
        ({"status": "error", "error": "a.jpg is damaged"}, "a.jpg is damaged"),
        ({"p_fake": 1.5}, "1.5"),
        ({"p_fake": "high"}, "p_fake.*high"),
        ({"verdict": "maybe"}, "real, unsure, fake.*maybe"),
        *(({"verdict": no_verdict}, "verdict of real, unsure, fake, got") for no_verdict in ("", 0, False, [], {}, ["fake"])),
        *(({"status": no_status}, "ok, no_face.*got") for no_status in (None, "", True, [], {}, 1)),
        ({"p_fake": float("nan")}, "p_fake, got nan"),
        ({"threshold": 1.5}, "threshold .* 1.5"),
        ({"threshold": None}, "threshold, got None"),
        ({"timings": {"find_faces": 1, "preprocess": float("inf"), "infer": 1}}, "preprocess, got inf"),
        ({"timings": {"find_faces": 10**400, "preprocess": 1, "infer": 1}}, "find_faces, got 1000"),
        ({"faces": {"0": FACE.to_dict()}}, "list .*faces"),
        ({"faces": ["face"]}, "face .*got 'face'"),
        ({"faces": [{**FACE.to_dict(), "status": "sharp"}]}, "ok, no_face.*sharp"),
        ({"faces": [{**FACE.to_dict(), "verdict": False}]}, "real, unsure, fake, got False"),
        ({"faces": [{**FACE.to_dict(), "box": ["1", 2, 3, 4]}]}, "box, got '1'"),
        ({"faces": [{**FACE.to_dict(), "face_score": 2}]}, "face_score .* 2"),
        ({"faces": [{**FACE.to_dict(), "quality": [1, 2]}]}, "quality"),
        ({"faces": None}, "faces"),
        ({"faces": [{"box": [1, 2]}]}, "quality"),
        ({"faces": [{**FACE.to_dict(), "box": [1, 2, 3]}]}, "width, height"),
        ({"faces": [{**FACE.to_dict(), "box": [1, 2, -3, 4]}]}, "-3"),
        ({"faces": [{**FACE.to_dict(), "landmarks": [1, 2]}]}, "landmarks"),
        ({"timings": {"infer": 1}}, "find_faces"),
        ({"model": 3}, "model"),
        ({"thresholds": {"face": {"fake": 0.5, "real": 0.5}}}, "whole"),
        ({"thresholds": {"face": {"fake": 0.5, "real": 0.6}, "whole": {"fake": 0.5, "real": 0.5}}}, "0.5.*0.6"),
        ({"prior": "low"}, "prior.*low"),
    ],
)
def test_what_no_prediction_can_be_read_from(wrong: dict[str, object], facts: str) -> None:
    with pytest.raises(InputError, match=facts):
        Prediction.from_dict(FOUND.to_dict() | wrong)


@pytest.mark.parametrize("value", [None, [], "text", {"status": "ok"}])
def test_what_is_no_prediction_at_all(value: object) -> None:
    with pytest.raises(InputError, match="prediction"):
        Prediction.from_dict(value)


def test_supervision_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(InputError, match="install supervision"):
        FOUND.to_supervision()
