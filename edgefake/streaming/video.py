"""The verdict on a whole video."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from edgefake import odds
from edgefake.odds import CALIBRATED_FOR
from edgefake.schema import SCHEMA, figure, seconds_or_ms
from edgefake.streaming.evidence import capped_log_odds, of_several
from edgefake.streaming.result import FrameResult
from edgefake.text import p_text
from edgefake.thresholds import Thresholds, Verdict, worst_verdict

LISTED = 8
"""So many faces are named in an explanation."""

MIN_COVERAGE = 0.5
"""There is no verdict on a video of which less could be read."""


@dataclass(frozen=True, slots=True)
class TrackVerdict:
    """One face, over all frames in which it was followed.

    It has a verdict when it got one in the stream: among thousands of frames, something is taken for a face for a moment.
    """

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
            "first": seconds_or_ms(self.first),
            "last": seconds_or_ms(self.last),
            "scored": self.scored,
            "p_fake": self.p_fake,
            "verdict": self.verdict and self.verdict.value,
        }


@dataclass(frozen=True, slots=True)
class VideoVerdict:
    """A video is as fake as its worst track, by the thresholds for so many (``Thresholds.for_faces``); ``p_fake`` and ``verdict``
    are None unless ``status`` is ``ok``.

    ``status`` is else ``no_face`` (none that could be scored), ``too_short`` (none that was scored for long enough to count) or
    ``incomplete`` (less than ``MIN_COVERAGE`` of it could be read).
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

    def __str__(self) -> str:
        """As `edgefake watch` sums it up."""
        figure = f"{self.verdict.value}, p_fake {p_text(self.p_fake)}" if self.verdict else "no verdict"
        why = self.explanation()
        return f"in all: {figure} ({why})" if why else f"in all: {figure}"

    def explanation(self) -> str:
        """How the figure, or that there is none, follows from the tracks, for people; empty where a single track is all."""
        judged = sorted((track for track in self.tracks if track.verdict), key=lambda track: -(track.p_fake or 0.0))
        short = [track for track in self.tracks if not track.verdict and track.scored]
        unscored = [track for track in self.tracks if not track.verdict and not track.scored]
        parts = []
        if self.status == "incomplete":
            parts.append(f"less than {MIN_COVERAGE:.0%} of it could be read")
        elif not self.tracks:
            parts.append("no face was found")
        elif len(judged) > 1:
            parts.append("the highest of " + _listed([f"face {track.id}: {p_text(track.p_fake)}" for track in judged]))
        elif len(self.tracks) > 1 and judged:
            parts.append(f"that of face {judged[0].id}")
        worst = worst_verdict(track.verdict for track in judged)
        if worst and self.verdict not in (worst, None):
            parts.append(f"too low to be {worst.value} among {len(judged)} faces")
        if short:
            parts.append(f"seen too shortly to count: {_listed([f'face {track.id}' for track in short])}")
        if unscored:
            parts.append(f"too small or blurred to be scored: {_listed([f'face {track.id}' for track in unscored])}")
        return "; ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain values only; ``docs/schema.md`` describes the keys."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict and self.verdict.value,
            "status": self.status,
            "p_fake": self.p_fake,
            "frames": self.frames,
            "coverage": None if self.coverage is None else figure(self.coverage),
            "faces": self.faces,
            "tracks": [track.to_dict() for track in self.tracks],
        }


def of_tracks(
    tracks: Iterable[TrackVerdict], frames: int, thresholds: Thresholds, prior: float, coverage: float | None = None
) -> VideoVerdict:
    """The verdict on a video of whose ``frames`` these are all tracks, see ``VideoVerdict``."""
    tracks = tuple(tracks)
    p_fake = max([track.p_fake for track in tracks if track.p_fake is not None], default=None)
    faces = sum(track.scored for track in tracks)
    status = "ok" if p_fake is not None else "too_short" if faces else "no_face"
    if coverage is not None and coverage < MIN_COVERAGE:
        status, p_fake = "incomplete", None
    verdict = None if p_fake is None else of_several(thresholds, judged_faces(tracks), prior).verdict(p_fake)
    return VideoVerdict(p_fake, verdict, frames, faces, tracks, status, coverage)


def judged_faces(tracks: Iterable[TrackVerdict]) -> int:
    """How many of ``tracks`` have a verdict."""
    return sum(track.verdict is not None for track in tracks)


def _listed(faces: list[str]) -> str:
    more = len(faces) - LISTED
    return ", ".join(faces[:LISTED]) + (f" and {more} more" if more > 0 else "")


@dataclass(slots=True)
class _Track:
    first: float
    last: float
    scored: int = 0
    log_odds: float = 0.0
    counts: bool = False


class VideoTally:
    """Collects the results of a video."""

    def __init__(self, thresholds: Thresholds, prior: float = CALIBRATED_FOR) -> None:
        self._thresholds, self._prior = thresholds, prior
        self._frames = 0
        self._tracks: dict[int, _Track] = {}

    def add(self, result: FrameResult) -> None:
        """Take in one frame."""
        self._frames += 1
        for seen in result.tracks:
            track = self._tracks.setdefault(seen.id, _Track(result.seconds, result.seconds))
            track.last = result.seconds
            track.counts |= seen.verdict is not None
            if seen.frame_p_fake is not None:
                track.scored += 1
                track.log_odds += capped_log_odds(seen.frame_p_fake, self._thresholds, self._prior)

    def verdict(self, coverage: float | None = None) -> VideoVerdict:
        """The verdict on what was collected so far, which is ``coverage`` of the video."""
        tracks = [self._judge(id, track) for id, track in self._tracks.items()]
        return of_tracks(tracks, self._frames, self._thresholds, self._prior, coverage)

    def _judge(self, id: int, track: _Track) -> TrackVerdict:
        p_fake = odds.p_fake(track.log_odds / track.scored) if track.counts else None
        verdict = None if p_fake is None else self._thresholds.verdict(p_fake)
        return TrackVerdict(id, track.first, track.last, track.scored, p_fake, verdict)
