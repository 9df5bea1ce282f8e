"""Judging a video that was uploaded, without writing it anywhere, and without Streamlit."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edgefake.app.limits import MAX_PIXELS
from edgefake.detector import Detector
from edgefake.errors import EdgefakeError, InputError
from edgefake.pixels import Pixels
from edgefake.report import Report, VideoRecord
from edgefake.report.cutouts import jpeg_of
from edgefake.streaming.overlay import draw
from edgefake.streaming.pipeline import watch
from edgefake.streaming.result import FrameResult
from edgefake.text import printable

MOMENTS = 240
"""So many pictures of a video are kept at most."""
SHORTEST_S = 0.25
APART_S = 1.0
SHOWN = 800
"""The longer side of a moment's picture, in pixels."""

Progress = Callable[[int, int | None], None]
"""Is told how many frames are judged, and of how many where the file tells."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The most suspicious frame of a piece of a video."""

    seconds: float
    p_fake: float | None
    picture: bytes
    """With its faces marked, as a JPEG."""


@dataclass(slots=True)
class Filmstrip:
    """Keeps a moment for each piece of a video, of pieces that are alike and get longer with it."""

    _piece_s: float = SHORTEST_S
    _moments: dict[int, Moment] = field(default_factory=dict)

    def add(self, frame: Pixels, result: FrameResult) -> None:
        """Take in a frame (uint8, H×W×3, BGR)."""
        piece = int(result.seconds / self._piece_s)
        kept = self._moments.get(piece)
        if kept is None or _suspicion(result.p_fake) > _suspicion(kept.p_fake):
            picture = jpeg_of(draw(frame, result), SHOWN)
            self._moments[piece] = Moment(result.seconds, result.p_fake, picture)
        while len(self._moments) > MOMENTS:
            self._piece_s *= 2
            moments = sorted(self._moments.values(), key=lambda moment: _suspicion(moment.p_fake))
            self._moments = {int(moment.seconds / self._piece_s): moment for moment in moments}

    @property
    def moments(self) -> list[Moment]:
        """In the order of time."""
        return sorted(self._moments.values(), key=lambda moment: moment.seconds)


@dataclass(frozen=True, slots=True)
class JudgedVideo:
    """What there is to say of a video, or why it could not be judged."""

    name: str
    report: Report | None = None
    moments: tuple[Moment, ...] = ()
    error: str | None = None

    def worst(self, count: int) -> list[Moment]:
        """The most suspicious moments, at most ``count``, worst first, none within ``APART_S`` of a worse one."""
        chosen: list[Moment] = []
        for moment in sorted(self.moments, key=lambda moment: -_suspicion(moment.p_fake)):
            if moment.p_fake is not None and all(abs(moment.seconds - other.seconds) >= APART_S for other in chosen):
                chosen.append(moment)
        return chosen[:count]


def judge_video(detector: Detector, data: bytes | memoryview, name: str, progress: Progress) -> JudgedVideo:
    """All frames of the video in ``data``. Of what goes wrong with it the sentence is in the answer; nothing is raised."""
    record, strip = VideoRecord(detector), Filmstrip()
    with in_memory(data) as path:
        try:
            with watch(path, detector, max_pixels=MAX_PIXELS) as running:
                for frame, result in running:
                    record.add(frame, result)
                    strip.add(frame, result)
                    progress(result.index + 1, running.total)
            report = record.report(path, name=name, coverage=running.coverage)
        except EdgefakeError as error:
            return JudgedVideo(name, error=str(error).replace(str(path), printable(name)))
    return JudgedVideo(name, report, tuple(strip.moments))


@contextmanager
def in_memory(data: bytes | memoryview) -> Iterator[Path]:
    """A path at which this process reads ``data``, which lies in no file system. Raises ``InputError`` where there is no such."""
    if not hasattr(os, "memfd_create"):
        raise InputError("videos are judged in memory, for which this system has no files: judge them with `edgefake video`")
    with open(os.memfd_create("edgefake"), "wb") as file:
        file.write(data)
        file.flush()
        yield Path(f"/proc/{os.getpid()}/fd/{file.fileno()}")


def _suspicion(p_fake: float | None) -> float:
    return -1.0 if p_fake is None else p_fake
