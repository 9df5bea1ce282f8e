"""The verdict on a video from a few places of it: short clips, each judged as ``edgefake video`` judges."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from edgefake.detector import Detector
from edgefake.errors import InputError
from edgefake.files import plain_path
from edgefake.pixels import Pixels
from edgefake.prediction import Status
from edgefake.quality import sharpness
from edgefake.report.cutouts import face_square
from edgefake.scan.rows import File, Row, rounded_seconds, video_row
from edgefake.schema import box_values, figure, pixels
from edgefake.streaming.capture import Captured
from edgefake.streaming.decoding import Decoder, Undecoded
from edgefake.streaming.judge import Judge
from edgefake.streaming.result import FrameResult, TrackResult
from edgefake.streaming.sources import DEFAULT_FPS, find_source
from edgefake.streaming.video import TrackVerdict, VideoTally
from edgefake.text import printable

CLIP_FRAMES = 10
"""Enough for a verdict on a face: it must be found by three searches, and scored for half a second."""

CLIP_FPS = 10.0
"""At most so many frames of a second are judged."""

EVERY_S = 10.0
"""There is a clip for so much of a video, up to the limit that was set, and at least ``FEWEST``."""

FEWEST = 4

PART = 5
"""So many clips of a video are judged by one worker before others have their turn."""

FACES = 4
"""At most so many faces are scored in one frame."""


@dataclass(frozen=True, slots=True)
class Film:
    """A video file that can be played."""

    path: Path
    fps: float
    frames: int | None
    """None where the file does not tell."""
    clips: int
    """How many places of it are judged."""

    @staticmethod
    def of(path: Path, *, most: int) -> Film:
        """Look at a file. Raises ``InputError`` where it is no video that can be played."""
        reader = find_source(path).open()
        reader.frames.close()
        fps = reader.fps or DEFAULT_FPS
        if reader.total is None:
            return Film(path, fps, None, most)
        seconds = reader.total / fps
        wanted = min(most, max(FEWEST, math.ceil(seconds / EVERY_S)))
        return Film(path, fps, reader.total, max(1, min(wanted, math.ceil(seconds * CLIP_FPS / CLIP_FRAMES))))

    @property
    def step(self) -> int:
        """Every so many frames one is judged."""
        return max(1, math.ceil(self.fps / CLIP_FPS))

    def start(self, clip: int) -> int:
        """The number of its first frame. Clips lie in the middles of equal parts."""
        if self.frames is None:
            return clip * CLIP_FRAMES * self.step
        length = CLIP_FRAMES * self.step
        return max(0, round((clip + 0.5) * self.frames / self.clips - length / 2))


def judge_film(
    film: Film,
    file: File,
    detector: Detector,
    *,
    first: int,
    end: int,
    thumbnail: Callable[[Pixels], bytes | None],
    tick: Callable[[], None],
) -> Row:
    """The row of the clips from ``first`` to ``end``. Raises ``InputError`` where none can be read.

    ``tick`` is called before each clip.
    """
    judge = Judge(detector, source=printable(film.path), live=False, detect_every=1, faces_per_frame=FACES)
    tally, seen = VideoTally(detector.thresholds, detector.prior), _Seen(detector, thumbnail)
    read, black, fault = 0, True, None
    try:
        for clip in range(first, end):
            tick()
            try:
                for frame in _frames(film, clip):
                    read += 1
                    black = black and not frame.pixels.any()
                    result = judge.judge(frame, dropped=0, reconnects=0)
                    tally.add(result)
                    seen.add(frame.pixels, result)
            except InputError as error:  # this place of it is damaged
                fault = fault or error
    finally:
        judge.close()
    if not read:
        raise fault or InputError(f"{printable(film.path)} holds no frame that can be decoded: get the whole file")
    if black:
        raise InputError(
            f"{printable(film.path)} is black where it was looked at: there is nothing to judge, check how it was made"
        )
    wanted = (end - first) * CLIP_FRAMES if film.frames is None else _wanted(film, first, end)
    verdict = tally.verdict(None if film.frames is None else min(1.0, read / wanted))
    part = None if (first, end) == (0, film.clips) else (film.clips, first, end)
    return video_row(file, verdict, [seen.face(track) for track in verdict.tracks], part=part)


def _wanted(film: Film, first: int, end: int) -> int:
    assert film.frames is not None
    return sum(max(1, min(CLIP_FRAMES, math.ceil((film.frames - film.start(clip)) / film.step))) for clip in range(first, end))


def _frames(film: Film, clip: int) -> Iterator[Captured]:
    """Those of one clip that are judged. Opened anew for each: only then ``Decoder`` knows frames that were not written."""
    start, step = film.start(clip), film.step

    def at_start() -> cv2.VideoCapture:
        with plain_path(film.path) as name:
            capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
        if start:
            capture.set(cv2.CAP_PROP_POS_FRAMES, start)
        return capture

    capture = at_start()
    try:
        frames = Decoder(capture, printable(film.path), live=False, ffmpeg=True, again=at_start).frames()
        for number, frame in zip(range(CLIP_FRAMES * step), frames, strict=False):
            if number % step or isinstance(frame, Undecoded):
                continue
            index = start + number
            yield Captured(frame, index, index / film.fps, time.time(), time.perf_counter(), 0.0)
    finally:
        capture.release()


class _Seen:
    """Of each track the frame with the highest p_fake."""

    def __init__(self, detector: Detector, thumbnail: Callable[[Pixels], bytes | None]) -> None:
        self._detector, self._thumbnail = detector, thumbnail
        self._best: dict[int, tuple[float, Row]] = {}

    def add(self, frame: Pixels, result: FrameResult) -> None:
        for track in result.tracks:
            height = -1.0 if track.frame_p_fake is None else track.frame_p_fake
            if track.id not in self._best or height > self._best[track.id][0]:
                self._best[track.id] = height, self._looked_at(frame, result, track)

    def _looked_at(self, frame: Pixels, result: FrameResult, track: TrackResult) -> Row:
        x, y, width, height = box_values(track.box)
        scored = track.frame_p_fake is not None
        square = face_square(self._detector, frame, track.box) if scored else None
        return {
            "picture": None,
            "seconds": rounded_seconds(result.seconds),
            **{"x": x, "y": y, "width": width, "height": height},
            "status": track.status.value,
            "size": pixels(track.box.size),
            "sharpness": None if square is None else figure(sharpness(self._detector.scorer.crop(square, None), square.shape[0])),
            "face_score": None,
            "thumbnail": None if square is None else self._thumbnail(square),
        }

    def face(self, track: TrackVerdict) -> Row:
        """What is kept of a track: its p_fake over all its frames, and where it was highest."""
        _, looked = self._best[track.id]
        status = Status.OK.value if track.p_fake is not None else looked["status"]
        said = {"p_fake": track.p_fake, "verdict": track.verdict and track.verdict.value, "scored": track.scored}
        return {**looked, **said, "status": status}
