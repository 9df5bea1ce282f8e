"""The verdict on a whole video."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edgefake.prediction import Verdict
from edgefake.streaming.evidence import log_odds, probability
from edgefake.streaming.result import FrameResult

MIN_SCORED = 15
"""A face must be scored in so many frames to count: among thousands of frames, something is taken for a face for a moment."""

MIN_COVERAGE = 0.5
"""There is no verdict on a video of which less could be read."""

NO_VERDICT = {
    "no_face": "no face that could be scored",
    "too_few_frames": f"no face was scored in {MIN_SCORED} frames",
    "incomplete": f"less than {MIN_COVERAGE:.0%} of it could be read",
}
"""Why there is no verdict, by status, for people."""


@dataclass(frozen=True, slots=True)
class TrackVerdict:
    """One face, over all frames in which it was followed; without ``MIN_SCORED`` scored frames it has no verdict."""

    id: int
    first: float
    last: float
    """Media seconds of the first and the last frame it was followed in."""
    scored: int
    p_fake: float | None
    """From the mean log-odds of its scored frames."""
    verdict: Verdict | None

    def to_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "first": round(self.first, 3),
            "last": round(self.last, 3),
            "scored": self.scored,
            "p_fake": self.p_fake,
            "verdict": self.verdict and self.verdict.value,
        }


@dataclass(frozen=True, slots=True)
class VideoVerdict:
    """A video is as fake as its worst track; ``p_fake`` and ``verdict`` are None unless ``status`` is ``ok``.

    ``status`` is else one of ``NO_VERDICT``.
    """

    p_fake: float | None
    verdict: Verdict | None
    frames: int
    """How many were judged."""
    faces: int
    """How many faces were scored, in all frames together."""
    tracks: tuple[TrackVerdict, ...]
    status: str = "ok"
    coverage: float | None = None
    """The share of the file's frames that could be read and judged; None where that is not known."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {
            "verdict": self.verdict and self.verdict.value,
            "status": self.status,
            "p_fake": self.p_fake,
            "frames": self.frames,
            "coverage": None if self.coverage is None else round(self.coverage, 3),
            "faces": self.faces,
            "tracks": [track.to_dict() for track in self.tracks],
        }


@dataclass(slots=True)
class _Track:
    first: float
    last: float
    scored: int = 0
    log_odds: float = 0.0


class VideoTally:
    """Collects the results of a video."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._frames = 0
        self._tracks: dict[int, _Track] = {}

    def add(self, result: FrameResult) -> None:
        """Take in one frame."""
        self._frames += 1
        for seen in result.tracks:
            track = self._tracks.setdefault(seen.id, _Track(result.seconds, result.seconds))
            track.last = result.seconds
            if seen.frame_p_fake is not None:
                track.scored += 1
                track.log_odds += log_odds(seen.frame_p_fake)

    def verdict(self, coverage: float | None = None) -> VideoVerdict:
        """The verdict on what was collected so far, which is ``coverage`` of the video."""
        tracks = tuple(self._judge(id, track) for id, track in self._tracks.items())
        p_fake = max([track.p_fake for track in tracks if track.p_fake is not None], default=None)
        faces = sum(track.scored for track in tracks)
        status = "ok" if p_fake is not None else "too_few_frames" if faces else "no_face"
        if coverage is not None and coverage < MIN_COVERAGE:
            status, p_fake = "incomplete", None
        return VideoVerdict(p_fake, self._verdict(p_fake), self._frames, faces, tracks, status, coverage)

    def _judge(self, id: int, track: _Track) -> TrackVerdict:
        p_fake = probability(track.log_odds / track.scored) if track.scored >= MIN_SCORED else None
        return TrackVerdict(id, track.first, track.last, track.scored, p_fake, self._verdict(p_fake))

    def _verdict(self, p_fake: float | None) -> Verdict | None:
        if p_fake is None:
            return None
        return Verdict.FAKE if p_fake >= self._threshold else Verdict.REAL
