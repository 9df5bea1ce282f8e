"""One frame after the other: faces → tracks → one batch of crops → evidence → result."""

from __future__ import annotations

import math
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from edgefake.detector import Detector
from edgefake.faces import Box, Face
from edgefake.pixels import Pixels
from edgefake.prediction import FaceScore, Prediction, Status
from edgefake.streaming.capture import Captured
from edgefake.streaming.evidence import Evidence, FrameEvidence
from edgefake.streaming.pace import PACE, Pace
from edgefake.streaming.result import FrameResult, StreamTimings, TrackResult
from edgefake.streaming.scene import Scene
from edgefake.streaming.tracks import Track, Tracker

DESERTED_S = 2.0
"""Faces are searched so often where there is none and nothing moves: whoever stands still will be found at the next look."""


@dataclass(slots=True)
class _Face:
    """What is known about one track's face."""

    evidence: Evidence
    status: Status = Status.OK
    turn: int = 0
    """The number of its last turn."""


@dataclass(frozen=True, slots=True)
class _Search:
    """What a search for faces found, and how long it took."""

    faces: list[Face]
    ms: float


class PictureJudge:
    """What a detector says about pictures that have nothing to do with one another; each of their faces is a track of its own."""

    def __init__(self, detector: Detector, *, source: str) -> None:
        self._detector = detector
        self._source = source
        self._last_id = 0

    def judge(self, frame: Captured, *, dropped: int, reconnects: int) -> FrameResult:
        """The result for the next picture; raises ``InputError`` when it is none (uint8, H×W×3, BGR)."""
        prediction = self._detector.predict(frame.pixels)
        first = self._last_id + 1
        self._last_id += len(prediction.faces)
        timings = prediction.timings
        return FrameResult(
            index=frame.index,
            seconds=frame.seconds,
            captured=frame.captured,
            tracks=tuple(
                TrackResult(id, face.box, face.status, face.p_fake, face.p_fake, face.verdict, int(face.p_fake is not None))
                for id, face in enumerate(prediction.faces, first)
            ),
            timings=StreamTimings(frame.read_ms, timings.find_faces, 0.0, timings.preprocess, timings.infer),
            latency=(time.perf_counter() - frame.arrived) * 1e3,
            dropped=dropped,
            reconnects=reconnects,
            source=frame.name or self._source,
            model=self._detector.scorer.name,
            thresholds=self._detector.thresholds,
            whole=prediction.whole,
            verdict=prediction.verdict,
            prior=self._detector.prior,
        )

    def close(self) -> None:
        """There is nothing to wait for."""


class Judge:
    """What a detector says about the faces of one stream, remembering the frames before.

    Faces are searched in a thread of its own. A live stream goes on meanwhile, which takes the search out of its latency; other
    streams wait for it, so that their results are always the same.
    """

    def __init__(
        self, detector: Detector, *, source: str, live: bool, detect_every: int, faces_per_frame: int, pace: Pace = PACE
    ) -> None:
        """``pace`` says how often a live stream is looked at; of others every frame is."""
        self._detector = detector
        self._pace = pace
        self._searched_at = self._scored_at = -math.inf
        self._scene = Scene()
        self._source = source
        self._live = live
        self._budget = faces_per_frame
        self._tracker = Tracker(detect_every=detect_every)
        self._faces: dict[int, _Face] = {}
        self._frame = FrameEvidence(detector.thresholds, detector.prior)
        self._turns = 0
        self._searcher = ThreadPoolExecutor(1, "faces")
        self._pending: Future[_Search] | None = None
        self._shape: tuple[int, ...] | None = (-1,)  # unlike any frame's

    def judge(self, frame: Captured, *, dropped: int, reconnects: int) -> FrameResult:
        """The result for the next frame; raises ``InputError`` when it is no frame (uint8, H×W×3, BGR)."""
        started = time.perf_counter()
        rest_s = self._pace.interval_s if self._live else 0.0
        search, waited_s = self._look(frame, rest_s)
        shown = self._tracker.shown
        chosen = self._choose(shown, frame) if frame.seconds - self._scored_at >= rest_s else []
        self._scored_at = frame.seconds if chosen else self._scored_at
        track_ms = (time.perf_counter() - started - waited_s) * 1e3
        prediction = self._detector.predict(frame.pixels, boxes=[track.box for track in chosen]) if chosen else None
        scores = self._remember(chosen, prediction, frame) if prediction else {}
        tracks = tuple(self._result(track, scores.get(track.id)) for track in shown)
        judged = [(track.p_fake, track.verdict) for track in tracks if track.verdict and track.p_fake is not None]
        preprocess_ms, infer_ms = (prediction.timings.preprocess, prediction.timings.infer) if prediction else (0.0, 0.0)
        return FrameResult(
            index=frame.index,
            seconds=frame.seconds,
            captured=frame.captured,
            tracks=tracks,
            timings=StreamTimings(frame.read_ms, search.ms if search else 0.0, track_ms, preprocess_ms, infer_ms),
            latency=(time.perf_counter() - frame.arrived) * 1e3,
            dropped=dropped,
            reconnects=reconnects,
            source=self._source,
            model=self._detector.scorer.name,
            thresholds=self._detector.thresholds,
            whole=self._frame.whole(len(judged)),
            verdict=self._frame.verdict(judged),
            prior=self._detector.prior,
        )

    def close(self) -> None:
        """Wait for a search in progress."""
        self._searcher.shutdown()

    def _look(self, frame: Captured, rest_s: float) -> tuple[_Search | None, float]:
        """Go on to this frame, searching its faces when that is due, and ``rest_s`` after the last search; what a search
        found, and how long it was waited for."""
        shape = getattr(frame.pixels, "shape", None)
        if shape != self._shape:  # boxes of another resolution mean nothing here
            self._detector.predict(frame.pixels, boxes=[])  # refuses what is no frame now, not when the search comes to it
            self._tracker.forget()
            self._scene = Scene()
            self._pending = None
            self._shape = shape
        self._tracker.move(frame.seconds)
        search = None
        if self._pending is not None and self._pending.done():  # before the next begins, that no frame be left out
            search = self._follow(self._pending)
        due = self._tracker.search_due and frame.seconds - self._searched_at >= rest_s
        if self._pending is None and due and not self._is_deserted(frame):
            self._searched_at = frame.seconds
            self._scene.remember(frame.pixels)
            self._tracker.begin_search()
            self._pending = self._searcher.submit(self._search, frame.pixels, self._tracker.expected)
        if self._pending is None or self._live:
            return search, 0.0
        started = time.perf_counter()
        wait([self._pending])
        waited_s = time.perf_counter() - started
        return self._follow(self._pending), waited_s

    def _is_deserted(self, frame: Captured) -> bool:
        """Whether a live stream shows nobody, and nothing that it did not show when faces were searched a moment ago."""
        if not (self._live and self._tracker.is_empty and frame.seconds - self._searched_at < DESERTED_S):
            return False
        return not self._scene.has_moved(frame.pixels)

    def _search(self, pixels: Pixels, near: list[Box]) -> _Search:
        started = time.perf_counter()
        faces = self._detector.find_faces(pixels, find=self._detector.find or "fast", near=near)
        return _Search(faces, (time.perf_counter() - started) * 1e3)

    def _follow(self, done: Future[_Search]) -> _Search:
        """Take in what a search found."""
        search, self._pending = done.result(), None
        self._tracker.update([face.box for face in search.faces])
        known = self._tracker.ids
        self._faces = {id: self._faces.get(id) or self._new_face() for id in known}
        return search

    def _new_face(self) -> _Face:
        return _Face(Evidence(self._detector.thresholds, self._detector.prior))

    def _choose(self, shown: list[Track], frame: Captured) -> list[Track]:
        """Whose turn it is: of the faces that the last search found, those whose last turn is longest ago."""
        height, width = frame.pixels.shape[:2]
        candidates = [track for track in shown if not track.missed and track.is_inside(width, height)]
        return sorted(candidates, key=lambda track: self._faces[track.id].turn)[: self._budget]

    def _remember(self, chosen: list[Track], prediction: Prediction, frame: Captured) -> dict[int, FaceScore]:
        """Take in the scores of the chosen tracks; the scores by id."""
        scores = {}
        for track, score in zip(chosen, prediction.faces, strict=True):
            face = self._faces[track.id]
            self._turns += 1
            face.turn, face.status = self._turns, score.status
            if score.p_fake is not None:
                face.evidence.add(score.p_fake, frame.seconds, searches=track.found)
            scores[track.id] = score
        return scores

    def _result(self, track: Track, score: FaceScore | None) -> TrackResult:
        face = self._faces[track.id]
        return TrackResult(
            id=track.id,
            box=track.box,
            status=face.status,
            frame_p_fake=score.p_fake if score else None,
            p_fake=face.evidence.p_fake,
            verdict=face.evidence.verdict,
            scored=face.evidence.scored,
        )
