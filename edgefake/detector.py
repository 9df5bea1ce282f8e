"""Detector: frame → faces → crops → runtime → Prediction."""

from __future__ import annotations

import os
import reprlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from types import TracebackType
from typing import NoReturn

import numpy as np

from edgefake.arguments import listed, whole_number
from edgefake.defaults import DEFAULT_THRESHOLD
from edgefake.errors import CardError, InputError
from edgefake.faces.finders import Faces, open_finder
from edgefake.faces.frame import WholeFrame, whole_frame
from edgefake.faces.geometry import Face, FaceLike, as_faces
from edgefake.models.card import ModelCard
from edgefake.models.card_files import check_model, check_payload, read_card
from edgefake.models.golden import replay_once
from edgefake.models.golden_pixels import check_pixels
from edgefake.models.store import find_model
from edgefake.pixels import Pixels
from edgefake.prediction import FaceScore, Prediction, Quality, Status, Timings, Verdict
from edgefake.preprocessing import face_pixels
from edgefake.quality import face_status, sharpness
from edgefake.runtimes import open_runtime, suffix_of
from edgefake.system import check_threads, default_threads

MAX_BATCH = 32
"""Faces that go to the runtime at once: of more, the memory would grow with their number and the speed would not."""


class Detector:
    """A deepfake detector: one model on one runtime.

    Args:
        model: a name (``edgefake models`` lists them) or the path of a model file.
        backend: ``auto`` (``tflite`` for a name or a ``.tflite`` file, ``onnx`` for an ``.onnx`` file), ``tflite``, ``openvino``,
            ``onnx`` (on the CPU), ``onnx-cuda``, ``onnx-tensorrt`` or ``tensorrt``. An explicit backend never falls back to
            another.
        faces: how faces are found: ``"haar"`` (OpenCV's own cascade), ``"yunet:PATH"`` or the path of a YuNet ``.onnx``,
            ``"frame"`` (the frame is a face crop with its context already), a ``FaceFinder``, or a function from a frame to
            boxes.
        threshold: the p_fake from which a verdict is fake: a number in 0…1, or the name of a threshold in the
            model's card (``fpr_5%``: at most 5 % of the real validation faces were called fake).
        num_threads: threads of the runtime, at most one per core of the machine; default: one per available core, at most 4.
        card: what the file is, for a file that carries no card.

    One detector may be used from several threads. Use it as a context manager, or ``close`` it, to free the model early.

    Raises:
        ModelNotFoundError, ModelStoreError: no such model, or it could not be fetched.
        ModelFileError, CardError: the file is damaged, no model, or without a usable card.
        BackendError: the runtime is unknown, not installed, or fails the model's golden vectors, or OpenCV the golden pixels.
        InputError: an argument is out of range.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        backend: str = "auto",
        faces: Faces = "haar",
        threshold: float | str = DEFAULT_THRESHOLD,
        num_threads: int | None = None,
        card: ModelCard | None = None,
    ) -> None:
        if not isinstance(model, (str, os.PathLike)):
            raise InputError(f"expected the name of a model or the path of a model file, got {model!r}")
        if card is not None and not isinstance(card, ModelCard):
            raise InputError(f"expected card=ModelCard(…) for a file that carries none, got {card!r}")
        num_threads = default_threads() if num_threads is None else whole_number("num_threads", num_threads)
        check_threads(num_threads)
        check_pixels()
        self._finder = open_finder(faces)
        self._whole = isinstance(self._finder, WholeFrame)
        path = find_model(model, suffix=suffix_of(backend))
        self.card = _card_of(path, card)
        self.threshold = self.card.threshold(threshold)
        self._runtime = open_runtime(path, self.card, backend=backend, num_threads=num_threads)
        replay_once(self._runtime, self.card, path)

    @property
    def runtime(self) -> str:
        """Which runtime was chosen, with its version."""
        return self._runtime.name

    def __repr__(self) -> str:
        return f"<Detector {self.card.name} on {self.runtime}, fake from p_fake {self.threshold:.3f}>"

    def predict(self, frame: Pixels, *, boxes: Iterable[FaceLike] | None = None) -> Prediction:
        """Judge one frame.

        Args:
            frame: uint8, H×W×3, **BGR** as OpenCV gives it; any strides, read-only is fine. Grey and BGRA frames are refused.
            boxes: the faces, where they are known: any iterable of ``Face``, ``Box`` or (x, y, width, height) in pixels;
                None finds them.

        Raises ``InputError`` for anything else than such a frame, naming what came.
        """
        return self._judge([self._prepare(frame, boxes)])[0]

    def predict_batch(self, frames: Iterable[Pixels], *, boxes: Iterable[Iterable[FaceLike]] | None = None) -> list[Prediction]:
        """Judge several frames with one call of the runtime for each ``MAX_BATCH`` of all their faces; see ``predict``.

        ``boxes`` has one entry per frame.
        """
        frames = _listed(frames, "frames")
        if boxes is None:
            return self._judge([self._prepare(frame, None) for frame in frames])
        boxes = listed(boxes, "boxes= to have one list of face boxes for each frame")
        if len(boxes) != len(frames):
            raise InputError(f"expected boxes for each of the {len(frames)} frames, got {len(boxes)} entries")
        return self._judge([self._prepare(*pair) for pair in zip(frames, boxes, strict=True)])

    def find_faces(self, frame: Pixels) -> list[Face]:
        """The faces of ``frame``, best first, without judging them: ``predict(frame, boxes=…)`` does that."""
        return self._finder.find(_checked_frame(frame))

    def predict_faces(self, crops: Iterable[Pixels]) -> list[FaceScore]:
        """Judge faces that are cut out already: each crop (uint8, H×W×3, BGR) is taken whole, with no margin added.

        For scores like those of ``predict``, crops need the context that training saw: square, with ``card.crop_margin`` around
        the face box.
        """
        frames = map(_checked_frame, _listed(crops, "crops"))
        prepared = [_Prepared(frame, [Face(whole_frame(frame))], margin=0.0, find_ms=0.0) for frame in frames]
        self._score(prepared)
        return [score for one in prepared for score in one.scores]

    def warm_up(self, runs: int = 3) -> None:
        """Run the model on a grey input, so that the first frame is not slowed by memory allocation."""
        size = self.card.input_size
        for _ in range(runs):
            self._runtime.run(np.full((1, size, size, 3), 128, np.uint8))

    def close(self) -> None:
        """Free the model's memory; the detector cannot be used afterwards."""
        self._runtime.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Detector holds a runtime that cannot be pickled or copied: make one in each process, from the same arguments"
        )

    def __enter__(self) -> Detector:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _prepare(self, frame: Pixels, boxes: Iterable[FaceLike] | None) -> _Prepared:
        frame = _checked_frame(frame)
        started = time.perf_counter()
        found = self._finder.find(frame) if boxes is None else as_faces(boxes, "boxes=")
        find_ms = (time.perf_counter() - started) * 1e3
        whole = self._whole and [face.box for face in found] == [whole_frame(frame)]  # has its context already
        return _Prepared(frame, found, 0.0 if whole else self.card.crop_margin, find_ms)

    def _judge(self, prepared: list[_Prepared]) -> list[Prediction]:
        infer_ms = self._score(prepared)
        return [self._prediction(one, infer_ms) for one in prepared]

    def _score(self, prepared: list[_Prepared]) -> float:
        """Fill in the scores of all faces, ``MAX_BATCH`` at a time; how many milliseconds the runtime took."""
        jobs = [(one, face) for one in prepared for face in one.found]
        infer_ms = 0.0
        for start in range(0, len(jobs), MAX_BATCH):
            part = jobs[start : start + MAX_BATCH]
            faces = [self._face(one, face) for one, face in part]
            started = time.perf_counter()
            scorable = [face.pixels for face in faces if face.status is Status.OK]
            outputs = iter(self.card.p_fake(self._runtime.run(_batch(scorable))) if scorable else ())
            for (one, _), face in zip(part, faces, strict=True):
                p_fake = next(outputs) if face.status is Status.OK else None
                found, verdict = face.found, self._verdict(p_fake)
                one.scores.append(FaceScore(found.box, face.status, p_fake, verdict, face.quality, found.score, found.landmarks))
            infer_ms += (time.perf_counter() - started) * 1e3
        return infer_ms

    def _face(self, one: _Prepared, found: Face) -> _Face:
        started = time.perf_counter()
        box = found.box
        pixels = face_pixels(one.frame, box, size=self.card.input_size, margin=one.margin)
        crop_side = min(box.size * (1.0 + one.margin), *one.frame.shape[:2])
        quality = Quality(box.size, sharpness(pixels, crop_side))
        if self.card.colour_order == "BGR":
            pixels = np.ascontiguousarray(pixels[:, :, ::-1])
        one.preprocess_ms += (time.perf_counter() - started) * 1e3
        return _Face(found, face_status(quality), quality, pixels)

    def _verdict(self, p_fake: float | None) -> Verdict | None:
        if p_fake is None:
            return None
        return Verdict.FAKE if p_fake >= self.threshold else Verdict.REAL

    def _prediction(self, prepared: _Prepared, infer_ms: float) -> Prediction:
        timings = Timings(prepared.find_ms, prepared.preprocess_ms, infer_ms)
        faces = prepared.scores
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

    found: Face
    status: Status
    quality: Quality
    pixels: Pixels


@dataclass(slots=True)
class _Prepared:
    """One frame with its faces, and how long they took."""

    frame: Pixels
    found: list[Face]
    margin: float
    find_ms: float
    preprocess_ms: float = 0.0
    scores: list[FaceScore] = field(default_factory=list)


def _listed(frames: Iterable[Pixels], what: str) -> list[Pixels]:
    """``frames`` as a list; ``InputError`` for a single one, whose rows would be taken for frames, and for what holds none."""
    if isinstance(frames, np.ndarray) and frames.ndim < 4:
        raise InputError(f"expected a list of {what}, got one array of shape {frames.shape}: give [frame] for a single one")
    return listed(frames, f"a list of {what}")


def _checked_frame(frame: Pixels) -> Pixels:
    """``frame`` itself, or a contiguous copy; ``InputError`` unless it is uint8 H×W×3 with pixels in it."""
    if isinstance(frame, str | bytes | os.PathLike):
        raise InputError(f"expected a frame (uint8, H×W×3, BGR), got {reprlib.repr(frame)}: read it with edgefake.read_image")
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


def _card_of(path: Path, card: ModelCard | None) -> ModelCard:
    if card is not None:
        check_payload(path, card)
        return card
    check_model(path)
    card = read_card(path)
    if card is None:
        needed = [f.name for f in fields(ModelCard) if f.default is MISSING and f.default_factory is MISSING]
        raise CardError(
            f"{path} carries no model card, or is cut short: give it one on a workstation (python -m convert card {path.name}), "
            f"or in Python pass card=ModelCard(…) with at least {', '.join(needed)}, and its scaling"
        )
    return card
