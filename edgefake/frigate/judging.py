"""One person of Frigate's: from snapshots, or the clip, to a verdict."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgefake import odds
from edgefake.detector import Detector
from edgefake.errors import InputError
from edgefake.faces import Box
from edgefake.frigate.objects import FrigateObject
from edgefake.images import read_image
from edgefake.pixels import Pixels
from edgefake.prediction import FaceScore, Status
from edgefake.streaming.evidence import capped_log_odds
from edgefake.streaming.pictures import Picture, picture_of
from edgefake.streaming.pipeline import watch
from edgefake.streaming.video import VideoTally
from edgefake.thresholds import Verdict

MAX_PIXELS = 50_000_000
AROUND = 0.05
"""A face may lie so much of its person's box outside it: the two were found by different networks."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a person. ``p_fake`` and ``verdict`` are None unless ``status`` is ``ok``."""

    status: str
    """``ok``, or why there is no verdict: as in a picture or a video, ``unreadable``, or ``no_snapshot``."""
    verdict: Verdict | None = None
    p_fake: float | None = None
    scored: int = 0
    """How many snapshots, or frames of the clip, p_fake stands on."""
    picture: Picture | None = None
    """The face that was scored last."""


class Person:
    """The evidence on one person: the mean log-odds of the face in each snapshot, capped as in a stream."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._log_odds = 0.0
        self.answer = Answer("no_snapshot")

    def add_snapshot(self, data: bytes, seen: FrigateObject) -> Answer:
        """Take in one snapshot of the person: what is known now. One without a face that can be scored changes no verdict."""
        try:
            frame = read_image(data, max_pixels=MAX_PIXELS)
        except InputError:
            return self._without("unreadable")
        face = _face_of(self._detector.predict(frame).faces, _place(seen, frame))
        if face is None or face.p_fake is None:
            return self._without((face.status if face else Status.NO_FACE).value)
        detector, scored = self._detector, self.answer.scored + 1
        self._log_odds += capped_log_odds(face.p_fake, detector.thresholds, detector.prior)
        p_fake = odds.p_fake(self._log_odds / scored)
        picture = picture_of(frame, face.box, "crop")
        self.answer = Answer(Status.OK.value, detector.thresholds.verdict(p_fake), p_fake, scored, picture)
        return self.answer

    def add_clip(self, data: bytes, *, beat: Callable[[], None]) -> Answer:
        """Judge the clip as `edgefake video` does, everybody in it; ``beat`` is called with each frame."""
        tally = VideoTally(self._detector.thresholds, self._detector.prior)
        worst: tuple[float, Picture] | None = None
        with tempfile.TemporaryDirectory(prefix="edgefake-") as folder:
            path = Path(folder) / "clip.mp4"
            path.write_bytes(data)
            try:
                with watch(str(path), self._detector, live=False) as frames:
                    for frame, result in frames:
                        beat()
                        tally.add(result)
                        for track in result.tracks:
                            if track.frame_p_fake is not None and (worst is None or track.frame_p_fake > worst[0]):
                                worst = track.frame_p_fake, picture_of(frame, track.box, "crop")
                    verdict = tally.verdict(frames.coverage)
            except InputError:
                return self._without("unreadable")
        self.answer = Answer(verdict.status, verdict.verdict, verdict.p_fake, verdict.faces, worst[1] if worst else None)
        return self.answer

    def _without(self, status: str) -> Answer:
        if self.answer.verdict is None:
            self.answer = Answer(status)
        return self.answer


def _place(seen: FrigateObject, frame: Pixels) -> Box | None:
    """Where the person is, in pixels of ``frame``."""
    if seen.box is None or not seen.is_relative:
        return seen.box
    height, width = frame.shape[:2]
    return Box(*(np.array([seen.box.x, seen.box.y, seen.box.width, seen.box.height]) * [width, height, width, height]).tolist())


def _face_of(faces: tuple[FaceScore, ...], place: Box | None) -> FaceScore | None:
    """The largest face whose middle lies in ``place``, before others one that was scored."""
    inside = [face for face in faces if place is None or _holds(place, face.box)]
    return max(inside, key=lambda face: (face.p_fake is not None, face.box.width * face.box.height), default=None)


def _holds(place: Box, face: Box) -> bool:
    margin_x, margin_y = AROUND * place.width, AROUND * place.height
    x, y = face.x + face.width / 2, face.y + face.height / 2
    return (
        place.x - margin_x <= x <= place.x + place.width + margin_x
        and place.y - margin_y <= y <= place.y + place.height + margin_y
    )
