from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from benchmarks.layers import (
    CHECK,
    CROP,
    ENCODE,
    FACES,
    INVOKING,
    LAYERS,
    OBJECTS,
    PIXELS,
    PREDICT,
    SCORE,
    SHARPNESS,
    WHOLE,
    Stopwatch,
    interpreter_of,
    layer_calls,
)
from edgefake import Detector
from edgefake.scorer import Score


@pytest.fixture
def detector() -> Iterator[Detector]:
    with Detector("cnn_int8") as opened:
        yield opened


@pytest.fixture
def calls(detector: Detector) -> dict[str, Any]:
    return layer_calls(detector)


def test_layers_come_in_the_order_of_a_prediction_and_wholes_after_them(calls: dict[str, Any]) -> None:
    assert tuple(calls) == (*LAYERS, *WHOLE)


def test_layers_compute_what_predict_answers(calls: dict[str, Any]) -> None:
    prediction = calls[PREDICT]()
    (face,) = prediction.faces
    assert calls[SHARPNESS]() == face.quality.sharpness
    assert calls[SCORE]() == [Score(prediction.p_fake)]
    quality, score, _, whole = calls[OBJECTS]()
    assert (quality, score) == (face.quality, face)
    assert (whole.p_fake, whole.verdict, whole.faces) == (prediction.p_fake, prediction.verdict, prediction.faces)


def test_the_encode_layer_writes_what_predict_feeds_the_network(detector: Detector, calls: dict[str, Any]) -> None:
    interpreter = interpreter_of(detector)
    source = interpreter.get_input_details()[0]["index"]
    calls[PREDICT]()
    fed = interpreter.get_tensor(source)
    interpreter.set_tensor(source, np.zeros_like(fed))
    calls[ENCODE]()
    assert fed.any()
    np.testing.assert_array_equal(interpreter.get_tensor(source), fed)


def test_the_frame_needs_a_crop_and_a_resize_and_the_given_crop_neither(detector: Detector, calls: dict[str, Any]) -> None:
    size = detector.card.input_size
    assert calls[CHECK]().shape[0] > calls[CROP]().shape[0] != size
    assert calls[PIXELS]().shape == (size, size, 3)
    (score,) = calls[FACES]()
    assert score.box.width == score.box.height == size


def test_the_stopwatch_sees_every_invoke_and_no_other_layer_makes_one(detector: Detector, calls: dict[str, Any]) -> None:
    stopwatch = Stopwatch(detector)
    for name, call in calls.items():
        seconds: list[float] = []
        noted = stopwatch.noting(call, seconds)
        noted()
        noted()
        assert [took > 0 for took in seconds] == [name in INVOKING] * 2, name
