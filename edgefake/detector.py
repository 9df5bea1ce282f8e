"""Detector: frame → faces → crops → runtime → Prediction."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from edgefake.card_files import check_model, read_card
from edgefake.cores import available_cores, check_threads
from edgefake.errors import CardError, InputError
from edgefake.faces import Box, Faces, face_finder, whole_frame
from edgefake.golden import replay_once
from edgefake.model_card import ModelCard
from edgefake.model_store import find_model
from edgefake.prediction import FaceScore, Prediction, Quality, Status, Timings, Verdict
from edgefake.preprocessing import face_pixels
from edgefake.quality import face_status, sharpness
from edgefake.runtimes import open_runtime, suffix_of

Pixels = npt.NDArray[np.uint8]
BoxLike = Box | tuple[float, float, float, float]


class Detector:
    """A deepfake detector: one model on one runtime.

    Args:
        model: a name (``edgefake models`` lists them) or the path of a model file.
        backend: ``auto`` (``tflite`` for a name or a ``.tflite`` file, ``onnx`` for an ``.onnx`` file), ``tflite``, ``openvino``,
            ``onnx`` (on the CPU), ``onnx-cuda``, ``onnx-tensorrt`` or ``tensorrt``. An explicit backend never falls back to
            another.
        faces: how faces are found: ``"haar"`` (OpenCV's own cascade), the path of a YuNet ``.onnx``, ``"frame"`` (the
            frame is a face crop with its context already), or a function from a frame to boxes.
        threshold: the p_fake from which a verdict is fake: a number in 0…1, or the name of a threshold in the
            model's card (``fpr_5%``: at most 5 % of the real validation faces were called fake).
        num_threads: threads of the runtime, at most one per core of the machine; default: one per available core, at most 4.
        card: what the file is, for a file that carries no card.

    One detector may be used from several threads. Use it as a context manager, or ``close`` it, to free the model early.

    Raises:
        ModelNotFoundError, ModelStoreError: no such model, or it could not be fetched.
        ModelFileError, CardError: the file is damaged, no model, or without a usable card.
        BackendError: the runtime is unknown, not installed, or fails the model's golden vectors.
        InputError: an argument is out of range.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        backend: str = "auto",
        faces: Faces = "haar",
        threshold: float | str = "fpr_5%",
        num_threads: int | None = None,
        card: ModelCard | None = None,
    ) -> None:
        if num_threads is None:
            num_threads = min(4, available_cores())
        if not isinstance(num_threads, int) or num_threads < 1:
            raise InputError(f"num_threads must be a whole number of at least 1, got {num_threads!r}")
        check_threads(num_threads)
        self._find_faces = face_finder(faces)
        self._whole = faces == "frame"
        path = find_model(model, suffix=suffix_of(backend))
        self.card = card or _card_of(path)
        self.threshold = self.card.threshold(threshold)
        self._runtime = open_runtime(path, self.card, backend=backend, num_threads=num_threads)
        replay_once(self._runtime, self.card, path)

    @property
    def runtime(self) -> str:
        """Which runtime was chosen, with its version."""
        return self._runtime.name

    def predict(self, frame: Pixels, *, boxes: Sequence[BoxLike] | None = None) -> Prediction:
        """Judge one frame.

        Args:
            frame: uint8, H×W×3, **BGR** as OpenCV gives it; any strides, read-only is fine. Grey and BGRA frames are refused.
            boxes: the faces, where they are known, as ``Box`` or (x, y, width, height) in pixels; None finds them.

        Raises ``InputError`` for anything else than such a frame, naming what came.
        """
        prepared = self._prepare(frame, boxes)
        scores, infer = self._score(prepared.faces)
        return self._prediction(prepared, scores, infer)

    def predict_batch(self, frames: Sequence[Pixels], *, boxes: Sequence[Sequence[BoxLike]] | None = None) -> list[Prediction]:
        """Judge several frames with one call of the runtime for all their faces; see ``predict``.

        ``boxes`` has one entry per frame.
        """
        if boxes is not None and len(boxes) != len(frames):
            raise InputError(f"expected boxes for each of the {len(frames)} frames, got {len(boxes)} entries")
        prepared = [self._prepare(frame, None if boxes is None else boxes[i]) for i, frame in enumerate(frames)]
        scores, infer = self._score([face for one in prepared for face in one.faces])
        remaining = iter(scores)
        return [self._prediction(one, [next(remaining) for _ in one.faces], infer) for one in prepared]

    def find_faces(self, frame: Pixels) -> list[Box]:
        """Where the faces of ``frame`` are, largest first, without judging them: ``predict(frame, boxes=…)`` does that."""
        return self._find_faces(_checked_frame(frame))

    def predict_faces(self, crops: Sequence[Pixels]) -> list[FaceScore]:
        """Judge faces that are cut out already: each crop (uint8, H×W×3, BGR) is taken whole, with no margin added.

        For scores like those of ``predict``, crops need the context that training saw: square, with ``card.crop_margin`` around
        the face box.
        """
        return self._score([self._face(frame, whole_frame(frame)[0], margin=0.0) for frame in map(_checked_frame, crops)])[0]

    def warm_up(self, runs: int = 3) -> None:
        """Run the model on a grey input, so that the first frame is not slowed by memory allocation."""
        size = self.card.input_size
        for _ in range(runs):
            self._runtime.run(np.full((1, size, size, 3), 128, np.uint8))

    def close(self) -> None:
        """Free the model's memory; the detector cannot be used afterwards."""
        self._runtime.close()

    def __enter__(self) -> Detector:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _prepare(self, frame: Pixels, boxes: Sequence[BoxLike] | None) -> _Prepared:
        frame = _checked_frame(frame)
        started = time.perf_counter()
        found = self._find_faces(frame) if boxes is None else boxes
        located = time.perf_counter()
        whole = self._whole and list(found) == whole_frame(frame)  # has its context already
        margin = 0.0 if whole else self.card.crop_margin
        faces = [self._face(frame, _as_box(box), margin=margin) for box in found]
        done = time.perf_counter()
        return _Prepared(faces, (located - started) * 1e3, (done - located) * 1e3)

    def _face(self, frame: Pixels, box: Box, *, margin: float) -> _Face:
        pixels = face_pixels(frame, box, size=self.card.input_size, margin=margin)
        quality = Quality(box.size, sharpness(pixels))
        if self.card.colour_order == "BGR":
            pixels = np.ascontiguousarray(pixels[:, :, ::-1])
        return _Face(box, face_status(quality), quality, pixels)

    def _score(self, faces: Sequence[_Face]) -> tuple[list[FaceScore], float]:
        """One call of the runtime for all faces that can be scored; the scores, and how many milliseconds they took."""
        started = time.perf_counter()
        scorable = [face.pixels for face in faces if face.status is Status.OK]
        outputs = iter(self.card.p_fake(self._runtime.run(_batch(scorable))) if scorable else ())
        scores = []
        for face in faces:
            p_fake = next(outputs) if face.status is Status.OK else None
            scores.append(FaceScore(face.box, face.status, p_fake, self._verdict(p_fake), face.quality))
        return scores, (time.perf_counter() - started) * 1e3

    def _verdict(self, p_fake: float | None) -> Verdict | None:
        if p_fake is None:
            return None
        return Verdict.FAKE if p_fake >= self.threshold else Verdict.REAL

    def _prediction(self, prepared: _Prepared, faces: list[FaceScore], infer: float) -> Prediction:
        timings = Timings(prepared.find_ms, prepared.preprocess_ms, infer)
        p_fake = max([face.p_fake for face in faces if face.p_fake is not None], default=None)
        if p_fake is not None:
            status = Status.OK
        elif faces:
            status = max(faces, key=lambda face: face.quality.size).status
        else:
            status = Status.NO_FACE
        return Prediction(status, p_fake, self._verdict(p_fake), tuple(faces), self.threshold, timings, self.card.name)


@dataclass(slots=True)
class _Face:
    """A face on its way to the runtime."""

    box: Box
    status: Status
    quality: Quality
    pixels: Pixels


@dataclass(slots=True)
class _Prepared:
    """One frame's faces, and how long they took."""

    faces: list[_Face]
    find_ms: float
    preprocess_ms: float


def _checked_frame(frame: Pixels) -> Pixels:
    """``frame`` itself, or a contiguous copy; ``InputError`` unless it is uint8 H×W×3 with pixels in it."""
    if not isinstance(frame, np.ndarray):
        raise InputError(f"expected a frame as a NumPy array (uint8, H×W×3, BGR), got {type(frame).__name__}")
    if frame.dtype != np.uint8:
        raise InputError(
            f"expected a uint8 frame with pixels 0…255, got {frame.dtype}: scale it back and use frame.astype(np.uint8)"
        )
    if frame.ndim == 2 or (frame.ndim == 3 and frame.shape[2] == 1):
        raise InputError(f"expected a BGR frame (H×W×3), got a grey one {frame.shape}: convert it with cv2.COLOR_GRAY2BGR")
    if frame.ndim == 3 and frame.shape[2] == 4:
        raise InputError(f"expected a BGR frame (H×W×3), got one with alpha {frame.shape}: convert it with cv2.COLOR_BGRA2BGR")
    if frame.ndim != 3 or frame.shape[2] != 3:
        raise InputError(f"expected a BGR frame (H×W×3), got an array of shape {frame.shape}")
    if frame.size == 0:
        raise InputError(f"the frame is empty: its shape is {frame.shape}")
    return np.ascontiguousarray(frame)


def _batch(faces: Sequence[Pixels]) -> Pixels:
    return faces[0][np.newaxis] if len(faces) == 1 else np.stack(faces)  # the usual single face is not copied


def _as_box(box: BoxLike) -> Box:
    if isinstance(box, Box):
        return box
    try:
        x, y, width, height = map(float, box)
    except (TypeError, ValueError):
        raise InputError(f"expected a face box (x, y, width, height), got {box!r}") from None
    return Box(x, y, width, height)


def _card_of(path: Path) -> ModelCard:
    check_model(path)
    card = read_card(path)
    if card is None:
        needed = [f.name for f in fields(ModelCard) if f.default is MISSING and f.default_factory is MISSING]
        raise CardError(
            f"{path} carries no model card, or is cut short: "
            f"pass card=ModelCard(…) with at least {', '.join(needed)}, and its scaling"
        )
    return card
