"""What a stream answers: one frozen ``FrameResult`` per frame, ready for JSON lines.

The keys of a line (see ``edgefake.schema``)::

    schema      1
    source      what is watched, without credentials: "0", "rtsp://door/main", "clip.mp4"; in a folder of pictures that are judged
                each by itself, the picture: "folder/a.jpg"
    index       number of the frame in its source, from 0; numbers are missing where frames were dropped
    seconds     media time in files, time since the start in live sources
    captured    Unix time at which the frame was read
    verdict     "fake", "unsure" or "real" of the tracks that have a verdict together, by thresholds.whole; null when none has one
    p_fake      maximum over the tracks, null when none has one
    tracks      [{id, box [x, y, width, height] in pixels, status, frame_p_fake, p_fake, verdict, scored}, …]
    threshold   the p_fake around which a face's verdict changes to fake
    thresholds  {face, whole}, each {fake, real}: those of one face, and those of the frame, by how many faces have a verdict
    prior       the share of fakes that p_fake and thresholds are for
    timings     milliseconds of this frame: {capture, detect, track, preprocess, infer}
    latency     milliseconds from the frame's arrival to this result, waiting included
    dropped     frames dropped so far, because they came faster than they could be judged or were pictures that cannot be read
    reconnects  how often a live source was lost and found again so far
    model       the model's name
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from edgefake.faces import Box
from edgefake.odds import CALIBRATED_FOR
from edgefake.pixels import Pixels
from edgefake.prediction import Status
from edgefake.schema import SCHEMA, box_values, plain, seconds_or_ms
from edgefake.thresholds import Thresholds, Verdict, both_thresholds


@dataclass(frozen=True, slots=True)
class TrackResult:
    """One face that is followed from frame to frame."""

    id: int
    """Lasts as long as the face is followed, short occlusions included; never used again within a stream."""
    box: Box
    """Where the face is in this frame: found, or predicted between two searches."""
    status: Status
    """Of the face when it was last looked at: in this frame, unless others had their turn."""
    frame_p_fake: float | None
    """The calibrated score of this frame alone; None when the face was not scored in it."""
    p_fake: float | None
    """The scores of the track combined over time; None before the first."""
    verdict: Verdict | None
    """Changes with hysteresis around the thresholds; None until there is enough evidence (``edgefake.streaming.evidence``)."""
    scored: int
    """How many scored frames ``p_fake`` stands on."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values only; the box as ``[x, y, width, height]``."""
        return {
            "id": plain(self.id),
            "box": box_values(self.box),
            "status": self.status.value,
            "frame_p_fake": plain(self.frame_p_fake),
            "p_fake": plain(self.p_fake),
            "verdict": self.verdict and self.verdict.value,
            "scored": plain(self.scored),
        }


@dataclass(frozen=True, slots=True)
class StreamTimings:
    """Milliseconds that each stage took for one frame; 0 for a stage that was not needed."""

    capture: float
    """Waiting for the frame and decoding it, in the capture thread."""
    detect: float
    """Of the search for faces whose outcome was taken in with this frame; in a live source it ran beside the frames before."""
    track: float
    preprocess: float
    infer: float

    def to_dict(self) -> dict[str, float]:
        return {name: seconds_or_ms(getattr(self, name)) for name in ("capture", "detect", "track", "preprocess", "infer")}


@dataclass(frozen=True, slots=True)
class FrameResult:
    """The answer for one frame of a stream; the fields are those of the JSON line, see this module."""

    index: int
    seconds: float
    captured: float
    tracks: tuple[TrackResult, ...]
    timings: StreamTimings
    latency: float
    dropped: int
    reconnects: int
    source: str
    model: str
    thresholds: Thresholds
    """Of one face."""
    whole: Thresholds
    """Of the frame, by how many of its tracks have a verdict."""
    verdict: Verdict | None
    """Of the tracks that have one, together, as ``whole`` say; None when none has."""
    prior: float = CALIBRATED_FOR

    @property
    def threshold(self) -> float:
        """The p_fake around which a face's verdict changes to fake."""
        return self.thresholds.fake

    @property
    def p_fake(self) -> float | None:
        """The maximum over the tracks; None when no track was scored yet."""
        return max([track.p_fake for track in self.tracks if track.p_fake is not None], default=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values only: one line of ``edgefake watch --json``."""
        return {
            "schema": SCHEMA,
            "source": self.source,
            "index": plain(self.index),
            "seconds": seconds_or_ms(self.seconds),
            "captured": seconds_or_ms(self.captured),
            "verdict": self.verdict and self.verdict.value,
            "p_fake": plain(self.p_fake),
            "tracks": [track.to_dict() for track in self.tracks],
            "threshold": self.threshold,
            "thresholds": both_thresholds(self.thresholds, self.whole),
            "prior": self.prior,
            "timings": self.timings.to_dict(),
            "latency": seconds_or_ms(self.latency),
            "dropped": plain(self.dropped),
            "reconnects": plain(self.reconnects),
            "model": self.model,
        }


class Watched(NamedTuple):
    """A frame and what was found in it: ``for frame, result in edgefake.watch(…)``."""

    frame: Pixels
    """uint8, H×W×3, BGR. The sinks may still be reading it: draw on a copy."""
    result: FrameResult
