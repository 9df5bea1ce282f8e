"""Detector: frame → faces → crops → scorer → Prediction."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import NoReturn

import numpy as np

from edgefake import deprecation, odds
from edgefake.arguments import checked_frame, checked_prior, listed, whole_number
from edgefake.defaults import DEFAULT_FACES, DEFAULT_MODEL
from edgefake.errors import BackendError, InputError
from edgefake.explanation import Explain, checked_explain, evidence_of
from edgefake.faces.beside import open_beside
from edgefake.faces.finders import EVERY, FaceFinder, Faces, Find, checked_find
from edgefake.faces.frame import WholeFrame, whole_frame
from edgefake.faces.geometry import Box, Face, FaceLike, as_faces, middle_square, square_around
from edgefake.models.card import ModelCard
from edgefake.odds import CALIBRATED_FOR
from edgefake.pixels import Pixels
from edgefake.prediction import FaceScore, Prediction, Quality, Status, Timings
from edgefake.quality import face_status, sharpness
from edgefake.runtimes import todays_name
from edgefake.scorer import (
    CardScorer,
    Score,
    Scorer,
    Threshold,
    checked_scorer,
    crop_mode_of,
    open_scorer,
    scored,
    scorers_thresholds,
)
from edgefake.text import p_text
from edgefake.thresholds import Thresholds

MAX_BATCH = 32
"""Faces that go to the scorer at once: of more, the memory would grow with their number and the speed would not."""


class Detector:
    """A deepfake detector: something that finds faces, and something that scores them.

    Args:
        model: a name (``edgefake models`` lists them), the path of a model file, or a ``Scorer``, which is closed with the
            detector.
        runtime: ``auto`` (``tflite`` for a name or a ``.tflite`` file, ``onnx`` for an ``.onnx`` file), ``tflite``, ``onnx``,
            ``openvino`` or ``tensorrt``. An explicit runtime never falls back to another.
        device: where the runtime runs the model, as it calls it: ``"cuda"``, ``"cuda:1"``, ``"tensorrt"`` (onnx), ``"GPU"``,
            ``"NPU"`` (openvino), 1 (tensorrt). Default: the processor; for tensorrt the first GPU.
        faces: how faces are found: ``"edge"`` (edgefake's own network), ``"edge:FILE"`` or the path of a
            ``.tflite`` (another of that kind), ``"haar"`` (OpenCV's own cascade), ``"yunet:FILE"`` or the path of a YuNet
            ``.onnx``, ``"frame"`` (the frame is a face crop with its context already), a ``FaceFinder``, or a function from a
            frame to faces or boxes. A finder opened by name is closed with the detector. ``edge`` runs where the model does, or
            on the processor where that runtime does not read its file or has no engine of it yet (``edgefake build-engine``).
        find: how thoroughly faces are searched, where the finder can choose: ``"full"`` finds small faces in large pictures too,
            ``"fast"`` is for streams. Default: ``"full"``, in streams ``"fast"``.
        threshold: the p_fake from which a verdict is fake, else real: a number in 0…1, or the name of a threshold in the
            model's card; or ``Thresholds``, between which it is unsure, or the profile that ``edgefake calibrate`` wrote, as a
            ``Path`` or a text that ends in ``.json``. Default: the scorer's own; for a model those that its card names ``fake``
            and ``real``, else ``fpr_5%`` (at most 5 % of the real validation faces were called fake).
        prior: the share of fakes, 1e-6 to 1 - 1e-6, among the faces that are judged: p_fake and the thresholds in the answers
            are turned to it by Bayes' rule, and verdicts stay. Default: half of them, as in calibration.
        num_threads: threads of the runtime, at most one per core of the machine; default: one per available core, at most 4.
        card: what the file is, for a file that carries no card.
        backend: deprecated, the name of ``runtime`` until 0.2.

    ``runtime``, ``device``, ``num_threads`` and ``card`` say how a model is opened; a ``Scorer`` is open already.
    One detector may be used from several threads. Use it as a context manager, or ``close`` it, to free the model early.

    Raises:
        ModelNotFoundError, ModelStoreError: no such model, or it could not be fetched.
        ModelFileError, CardError: the file is damaged, no model, or without a usable card.
        BackendError: the runtime or device is unknown or missing, or fails the model's golden vectors, or OpenCV the golden
            pixels; also by every method, after ``close``.
        InputError: an argument is out of range.
    """

    scorer: Scorer
    thresholds: Thresholds
    """Of one face, as p_fake is: for ``prior``."""
    prior: float
    finder: FaceFinder
    """Finds the faces; that of ``edge`` tells by ``finder.runtime.name`` what executes it."""
    find: Find | None
    """How thoroughly faces are searched, where that was said."""
    find_every: int
    """In how many frames of a stream faces should be searched once, as the finder says."""

    def __init__(
        self,
        model: str | os.PathLike[str] | Scorer = DEFAULT_MODEL,
        *,
        runtime: str = "auto",
        device: str | int | None = None,
        faces: Faces = DEFAULT_FACES,
        find: Find | None = None,
        threshold: Threshold | None = None,
        prior: float = CALIBRATED_FOR,
        num_threads: int | None = None,
        card: ModelCard | None = None,
        backend: str | None = None,
    ) -> None:
        if backend is not None:
            runtime = _by_old_keyword(backend, runtime)
        self.find, self.prior = checked_find(find), checked_prior(prior)
        runtime, device = todays_name(runtime, device)
        self.finder = open_beside(faces, model, runtime=runtime, device=device, num_threads=num_threads)
        self.find_every = getattr(self.finder, "every", EVERY)
        self._owns_finder = isinstance(faces, str | Path)
        self._search = {"full": self.finder.find, "fast": getattr(self.finder, "find_fast", self.finder.find)}
        self._whole = isinstance(self.finder, WholeFrame)
        self._closed = False
        try:
            self.scorer = _scorer(model, threshold, runtime=runtime, device=device, num_threads=num_threads, card=card)
            chosen = threshold if self.scorer is model else None  # else the scorer has it: a pipe is read once
            self.thresholds = scorers_thresholds(self.scorer, chosen).for_prior(self.prior)
        except BaseException:
            self._close_finder()
            raise

    @property
    def threshold(self) -> float:
        """The p_fake from which a face is called fake; set to another, which makes verdicts two-way."""
        return self.thresholds.fake

    @threshold.setter
    def threshold(self, p_fake: float) -> None:
        self.thresholds = Thresholds.two_way(p_fake, self.thresholds.decay)

    @property
    def card(self) -> ModelCard:
        """Of the model. Raises ``InputError`` where the scorer is something else than one model with its card."""
        if not isinstance(self.scorer, CardScorer):
            raise InputError(f"the scorer {self.scorer.name} has no model card: ask it itself (detector.scorer)")
        return self.scorer.card

    @property
    def runtime(self) -> str:
        """Which runtime was chosen, with its version; a scorer that is something else than one model tells its name."""
        return self.scorer.runtime.name if isinstance(self.scorer, CardScorer) else self.scorer.name

    def __repr__(self) -> str:
        fake, real = self.thresholds.fake, self.thresholds.real
        below = f", real below {p_text(real)}" if real < fake else ""
        return f"<Detector {self.scorer.name} on {self.runtime}, fake from p_fake {p_text(fake)}{below}>"

    def predict(self, frame: Pixels, *, boxes: Iterable[FaceLike] | None = None, explain: Explain = False) -> Prediction:
        """Judge one frame.

        Args:
            frame: uint8, H×W×3, **BGR** as OpenCV gives it; any strides, read-only is fine. Grey and BGRA frames are refused.
            boxes: the faces, where they are known: any iterable of ``Face``, ``Box`` or (x, y, width, height) in pixels;
                None finds them.
            explain: give every scored face its ``FaceScore.evidence``. A model with a map of its own gives it at no cost, and
                always; for others the face is scored ``explanation.GRID``² = 49 times more, with a part blurred away each time:
                with ``"occlusion"`` for all models.

        Raises ``InputError`` for anything else than such a frame, naming what came.
        """
        return self._judge([self._prepare(frame, boxes)], explain)[0]

    def predict_batch(
        self, frames: Iterable[Pixels], *, boxes: Iterable[Iterable[FaceLike]] | None = None, explain: Explain = False
    ) -> list[Prediction]:
        """Judge several frames with one call of the scorer for each ``MAX_BATCH`` of all their faces; see ``predict``.

        ``boxes`` has one entry per frame.
        """
        frames = _listed(frames, "frames")
        if boxes is None:
            return self._judge([self._prepare(frame, None) for frame in frames], explain)
        boxes = listed(boxes, "boxes= to have one list of face boxes for each frame")
        if len(boxes) != len(frames):
            raise InputError(f"expected boxes for each of the {len(frames)} frames, got {len(boxes)} entries")
        return self._judge([self._prepare(*pair) for pair in zip(frames, boxes, strict=True)], explain)

    def find_faces(self, frame: Pixels, *, find: Find | None = None, near: Iterable[FaceLike] = ()) -> list[Face]:
        """The faces of ``frame``, best first, without judging them: ``predict(frame, boxes=…)`` does that.

        ``find`` is as for ``Detector``; None: as the detector was made. ``near`` are boxes where faces were a moment ago: in a
        fast search, ``faces="edge"`` needs less evidence for a face there.

        Raises ``InputError`` for what is no frame, and for other boxes than ``predict`` takes.
        """
        self._check_open()
        chosen = checked_find(find) or self.find or "full"
        expected = [face.box for face in as_faces(near, "near=")]
        if expected and chosen == "fast" and (find_near := getattr(self.finder, "find_near", None)):
            return find_near(checked_frame(frame), expected)  # type: ignore[no-any-return]
        return self._search[chosen](checked_frame(frame))

    def predict_faces(self, crops: Iterable[Pixels], *, explain: Explain = False) -> list[FaceScore]:
        """Judge faces that are cut out already: each crop (uint8, H×W×3, BGR) is taken whole, with no margin added.

        For scores like those of ``predict``, crops need the context that training saw: square, with ``scorer.crop_margin``
        around the face box.
        """
        frames = map(checked_frame, _listed(crops, "crops"))
        prepared = [_Prepared(frame, [Face(whole_frame(frame))], whole=True, find_ms=0.0) for frame in frames]
        self._score(prepared, explain)
        return [score for one in prepared for score in one.scores]

    def warm_up(self, runs: int = 3) -> None:
        """Run the model on a grey input, so that the first frame is not slowed by memory allocation."""
        self._check_open()
        crop = self.scorer.crop(np.full((256, 256, 3), 128, np.uint8), None)
        for _ in range(whole_number("runs", runs)):
            self.scorer.score([crop])

    def close(self) -> None:
        """Free the model's memory; the detector cannot be used afterwards. Twice is fine."""
        self._closed = True
        try:
            self.scorer.close()
        finally:
            self._close_finder()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Detector holds a runtime that cannot be pickled or copied: make one in each process, from the same arguments"
        )

    def __enter__(self) -> Detector:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _close_finder(self) -> None:
        if self._owns_finder and (close := getattr(self.finder, "close", None)):
            close()

    def _check_open(self) -> None:
        if self._closed:
            raise BackendError(f"expected an open detector, got that of {self.scorer.name} after close(): make a new one")

    def _prepare(self, frame: Pixels, boxes: Iterable[FaceLike] | None) -> _Prepared:
        self._check_open()
        frame = checked_frame(frame)
        started = time.perf_counter()
        found = self._search[self.find or "full"](frame) if boxes is None else as_faces(boxes, "boxes=")
        find_ms = (time.perf_counter() - started) * 1e3
        whole = self._whole and [face.box for face in found] == [whole_frame(frame)]  # has its context already
        return _Prepared(frame, found, whole, find_ms)

    def _judge(self, prepared: list[_Prepared], explain: Explain) -> list[Prediction]:
        infer_ms = self._score(prepared, explain)
        return [self._prediction(one, infer_ms) for one in prepared]

    def _score(self, prepared: list[_Prepared], explain: Explain) -> float:
        """Fill in the scores of all faces, ``MAX_BATCH`` at a time; how many milliseconds the scorer took."""
        self._check_open()
        checked_explain(explain)
        jobs = [(one, found) for one in prepared for found in one.found]
        infer_ms = 0.0
        for start in range(0, len(jobs), MAX_BATCH):
            part = jobs[start : start + MAX_BATCH]
            faces = [self._face(one, found.box) for one, found in part]
            started = time.perf_counter()
            crops = [crop for _, status, crop in faces if status is Status.OK]
            answers = iter(scored(self.scorer, crops))
            for (one, found), (quality, status, crop) in zip(part, faces, strict=True):
                score = next(answers) if status is Status.OK else None
                p_fake = None if score is None else odds.for_prior(score.p_fake, self.prior)
                verdict = None if p_fake is None else self.thresholds.verdict(p_fake)
                face = FaceScore(found.box, status, p_fake, verdict, quality, found.score, found.landmarks)
                if score and (explain or score.evidence is not None):
                    face = self._explained(face, one, crop, score, explain)
                one.scores.append(face)
            infer_ms += (time.perf_counter() - started) * 1e3
        return infer_ms

    def _explained(self, face: FaceScore, one: _Prepared, crop: Pixels, score: Score, explain: Explain) -> FaceScore:
        height, width, _ = one.frame.shape
        if one.whole:
            left, top, side = middle_square(width, height)
        else:
            margin, mode = self.scorer.crop_margin, crop_mode_of(self.scorer)
            left, top, side = square_around(face.box, margin, width=width, height=height, mode=mode)
        square = Box(left, top, side, side)
        evidence, source = evidence_of(self.scorer, crop, score, explain)
        return replace(face, evidence=evidence, evidence_from=source, square=square)

    def _face(self, one: _Prepared, box: Box) -> tuple[Quality, Status, Pixels]:
        """How good the face in ``box`` is, whether it can be scored, and what the scorer takes of it."""
        started = time.perf_counter()
        frame, scorer, size = one.frame, self.scorer, box.size
        height, width, _ = frame.shape
        if one.whole:
            crop, side = scorer.crop(frame, None), size
        else:
            crop, side = scorer.crop(frame, box), size * (1.0 + scorer.crop_margin)
        quality = Quality(size, sharpness(crop, min(side, height, width)))
        status = face_status(quality)
        one.preprocess_ms += (time.perf_counter() - started) * 1e3
        return quality, status, crop

    def _prediction(self, prepared: _Prepared, infer_ms: float) -> Prediction:
        timings = Timings(prepared.find_ms, prepared.preprocess_ms, infer_ms)
        faces = prepared.scores
        p_fakes = [face.p_fake for face in faces if face.p_fake is not None]
        p_fake, whole = max(p_fakes, default=None), self.thresholds.for_faces(len(p_fakes))
        verdict = None if p_fake is None else whole.verdict(p_fake)
        if p_fake is not None:
            status = Status.OK
        elif faces:
            status = max(faces, key=lambda face: face.quality.size).status
        else:
            status = Status.NO_FACE
        return Prediction(status, p_fake, verdict, tuple(faces), self.thresholds, timings, self.scorer.name, whole, self.prior)


@dataclass(slots=True)
class _Prepared:
    """One frame with its faces, and how long they took."""

    frame: Pixels
    found: list[Face]
    whole: bool
    """Whether the frame is one face with its context already."""
    find_ms: float
    preprocess_ms: float = 0.0
    scores: list[FaceScore] = field(default_factory=list)


def _scorer(
    model: str | os.PathLike[str] | Scorer,
    threshold: Threshold | None,
    *,
    runtime: str,
    device: str | int | None,
    num_threads: int | None,
    card: ModelCard | None,
) -> Scorer:
    """The scorer that ``model`` names or is, see ``Detector``."""
    if isinstance(model, (str, os.PathLike)):
        return open_scorer(model, runtime=runtime, device=device, threshold=threshold, num_threads=num_threads, card=card)
    options = {"device": device, "num_threads": num_threads, "card": card, "runtime": None if runtime == "auto" else runtime}
    if given := [name for name, value in options.items() if value is not None]:
        raise InputError(f"expected a model to open with {' and '.join(given)}, got a Scorer, which is open: leave them out")
    return checked_scorer(model)


def _by_old_keyword(backend: str, runtime: str) -> str:
    if runtime != "auto":
        raise InputError(f"expected runtime= alone, got backend={backend!r} too, its deprecated name: leave that out")
    deprecation.warn("backend")
    return backend


def _listed(frames: Iterable[Pixels], what: str) -> list[Pixels]:
    """``frames`` as a list; ``InputError`` for a single one, whose rows would be taken for frames, and for what holds none."""
    if isinstance(frames, np.ndarray) and frames.ndim < 4:
        raise InputError(f"expected a list of {what}, got one array of shape {frames.shape}: give [frame] for a single one")
    return listed(frames, f"a list of {what}")
