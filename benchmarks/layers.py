"""The layers of ``Detector.predict``, to be called one by one."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edgefake import Box, Detector, InputError, Status
from edgefake.arguments import checked_frame
from edgefake.faces.geometry import crop_square
from edgefake.pixels import Pixels
from edgefake.prediction import FaceScore, Prediction, Quality, Timings
from edgefake.preprocessing import face_pixels
from edgefake.quality import sharpness
from edgefake.runtimes.tflite import Ends, TFLiteRuntime
from edgefake.scorer import CardScorer

SIDE = 256
BOX = Box(48.0, 48.0, 160.0, 160.0)

CHECK, CROP, PIXELS, SHARPNESS = "frame check", "crop", "resize, colours", "sharpness"
ENCODE, SCORE, OBJECTS = "encode into the input tensor", "dequantise, calibrate", "Prediction and its parts"
LAYERS = (CHECK, CROP, PIXELS, SHARPNESS, ENCODE, SCORE, OBJECTS)
INCLUDES = {PIXELS: CROP, SCORE: ENCODE}
"""The calls of these layers make that other layer's call first."""

PREDICT, FACES, BARE = "Detector.predict", "Detector.predict_faces", "set_tensor + invoke + get_tensor"
WHOLE = (PREDICT, FACES, BARE)
INVOKING = (SCORE, *WHOLE)

Call = Callable[[], object]


class Stopwatch:
    """Takes the place of ``invoke`` on a detector's interpreter, and times it inside whatever calls it."""

    def __init__(self, detector: Detector) -> None:
        interpreter = interpreter_of(detector)
        self.invoke: Call = interpreter.invoke
        self._seconds = 0.0
        interpreter.invoke = self

    def __call__(self) -> None:
        started = time.perf_counter()
        self.invoke()
        self._seconds = time.perf_counter() - started

    def noting(self, call: Call, seconds: list[float]) -> Call:
        """``call``, which then appends to ``seconds`` how long its ``invoke`` took."""

        def noted() -> None:
            call()
            seconds.append(self._seconds)
            self._seconds = 0.0

        return noted


def layer_calls(detector: Detector) -> dict[str, Call]:
    """By name, every layer and every whole: the very functions that ``detector`` calls, with what it gives them.

    They are in the order of a prediction, so that each, in its turn, finds the caches much as it does there.
    """
    card, scorer, interpreter = detector.card, detector.scorer, interpreter_of(detector)
    encode = Ends(interpreter, Path(card.name), card.input_spec).encode
    size, margin = card.side, card.crop_margin
    frame, crop = _picture(SIDE), _picture(size)
    pixels = face_pixels(frame, BOX, size=size, margin=margin)
    batch = pixels[np.newaxis]
    prediction = detector.predict(frame, boxes=[BOX])
    _require_scored(detector, (*prediction.faces, *detector.predict_faces([crop])))
    (face,) = prediction.faces
    whole, score, quality, timings = map(_values, (prediction, face, face.quality, prediction.timings))
    source, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    ready = np.array(interpreter.tensor(source)())

    def bare() -> None:
        interpreter.set_tensor(source, ready)
        interpreter.invoke()
        interpreter.get_tensor(result)

    return {
        CHECK: lambda: checked_frame(frame),
        CROP: lambda: crop_square(frame, BOX, margin),
        PIXELS: lambda: face_pixels(frame, BOX, size=size, margin=margin),
        SHARPNESS: lambda: sharpness(pixels, BOX.size * (1.0 + margin)),
        ENCODE: lambda: encode(batch, interpreter.tensor(source)()),
        SCORE: lambda: scorer.score([pixels]),
        OBJECTS: lambda: (Quality(*quality), FaceScore(*score), Timings(*timings), Prediction(*whole)),
        PREDICT: lambda: detector.predict(frame, boxes=[BOX]),
        FACES: lambda: detector.predict_faces([crop]),
        BARE: bare,
    }


def interpreter_of(detector: Detector) -> Any:
    """LiteRT's, which ``detector`` uses: two of them would each have their own idle threads spinning in the other's time."""
    scorer = detector.scorer
    if not (isinstance(scorer, CardScorer) and isinstance(scorer.runtime, TFLiteRuntime)):
        raise InputError(f"expected a model on tflite, whose interpreter can be called by itself, got {detector.runtime}")
    return scorer.runtime.interpreter


def _values(made: Any) -> tuple[Any, ...]:
    """What the data class ``made`` was made of."""
    return tuple(getattr(made, field.name) for field in dataclasses.fields(made))


def _require_scored(detector: Detector, faces: Sequence[FaceScore]) -> None:
    for face in faces:
        if face.status is not Status.OK:
            raise InputError(f"expected the benchmark's picture to be scored by {detector.scorer.name}, got {face.status.value}")


def _picture(side: int) -> Pixels:
    """A picture with detail at every scale, as a photo has."""
    rng = np.random.default_rng(0)
    layers = [cv2.resize(rng.normal(0, 40, (n, n, 3)), (side, side), interpolation=cv2.INTER_CUBIC) for n in (4, 16, 64, 256)]
    return np.clip(128 + sum(layers) / 2, 0, 255).astype(np.uint8)
