"""What a report tells of a video, collected frame by frame while it is watched."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from edgefake.detector import Detector
from edgefake.explanation import evidence_of
from edgefake.pixels import Pixels
from edgefake.prediction import Quality, Status
from edgefake.quality import sharpness
from edgefake.report.credentials import read_credentials
from edgefake.report.cutouts import FACE_SIDE, cutout_of, face_square, reduced_to
from edgefake.report.facts import FileFacts, video_facts
from edgefake.report.record import Cutout, Moment, Report, Subject, rates_for
from edgefake.report.setup import Setup, card_of
from edgefake.scorer import scored
from edgefake.streaming.evidence import of_several
from edgefake.streaming.result import FrameResult, TrackResult
from edgefake.streaming.timeline import Timeline
from edgefake.streaming.video import TrackVerdict, VideoTally, judged_faces

MOMENTS = 3
"""So many frames of a track are shown: those with the highest p_fake."""

APART_S = 1.0
"""At least so far from each other: neighbouring frames show nearly the same."""

TRACKS = 32
"""Of so many tracks pictures are kept, those with the highest p_fake of a frame: memory has an end, a film has none."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame of a track that may be shown."""

    seconds: float
    index: int
    p_fake: float
    quality: Quality
    square: Pixels
    """What the model saw of the face, for people,"""
    crop: Pixels
    """and as the model took it."""


class VideoRecord:
    """Collects the results of a video, and makes the report of it.

    ``for frame, result in edgefake.watch(path, detector): record.add(frame, result)``. With ``explain`` the frames that are
    shown are explained in the end, see ``Detector.predict`` for what that costs.
    """

    def __init__(self, detector: Detector, *, explain: bool = True) -> None:
        self._detector, self._explain = detector, explain
        self.tally = VideoTally(detector.thresholds, detector.prior)
        self.timeline = Timeline()
        self._statuses: dict[int, Status] = {}
        self._seen: dict[int, list[_Seen]] = {}

    def add(self, frame: Pixels, result: FrameResult) -> None:
        """Take in one frame (uint8, H×W×3, BGR) and its result."""
        self.tally.add(result)
        self.timeline.add(result)
        for track in result.tracks:
            self._statuses[track.id] = track.status
            if track.frame_p_fake is not None:
                self._consider(frame, result, track, track.frame_p_fake)

    def report(
        self,
        path: str | os.PathLike[str],
        *,
        name: str | None = None,
        command: str | None = None,
        coverage: float | None = None,
    ) -> Report:
        """That of what was collected so far, of the file at ``path``, of which ``coverage`` could be read."""
        path = Path(path)
        facts, setup, video = (
            video_facts(path, name or path.name),
            Setup.of(self._detector, command),
            self.tally.verdict(coverage),
        )
        whole = of_several(setup.thresholds, judged_faces(video.tracks), setup.prior)
        worst_first = sorted(video.tracks, key=lambda track: (track.p_fake is None, -(track.p_fake or 0.0)))
        return Report(
            "video",
            facts,
            read_credentials(path),
            setup,
            card_of(self._detector),
            video.status,
            video.verdict,
            video.p_fake,
            whole,
            [self._subject(track, facts, setup) for track in worst_first],
            video=video,
            lines=self.timeline.lines,
        )

    def _subject(self, track: TrackVerdict, facts: FileFacts, setup: Setup) -> Subject:
        seen = sorted(self._seen.get(track.id, []), key=lambda one: -one.p_fake)
        quality = seen[0].quality if seen else None
        rates = rates_for(card_of(self._detector), setup, facts, quality.size) if quality else ()
        status = Status.OK if track.p_fake is not None else self._statuses[track.id]
        moments = [Moment(one.seconds, one.index, one.p_fake, self._cutout(one)) for one in seen]
        return Subject(track.id, status, track.p_fake, track.verdict, quality, rates, moments=moments, track=track)

    def _cutout(self, seen: _Seen) -> Cutout:
        if not self._explain:
            return cutout_of(seen.square)
        (score,) = scored(self._detector.scorer, [seen.crop])
        return cutout_of(seen.square, *evidence_of(self._detector.scorer, seen.crop, score))

    def _consider(self, frame: Pixels, result: FrameResult, track: TrackResult, p_fake: float) -> None:
        """Keep the frame if it is among the ``MOMENTS`` with the highest p_fake of its track."""
        kept = self._seen.setdefault(track.id, [])
        rivals = [one for one in kept if abs(one.seconds - result.seconds) < APART_S]
        if not rivals and len(kept) == MOMENTS:
            rivals = [min(kept, key=_p_fake)]
        if any(one.p_fake >= p_fake for one in rivals):
            return
        for lower in rivals:
            kept.remove(lower)
        square = face_square(self._detector, frame, track.box)
        crop = self._detector.scorer.crop(square, None)
        quality = Quality(track.box.size, sharpness(crop, square.shape[0]))
        small = reduced_to(square, FACE_SIDE).copy()  # not to keep the whole frame
        kept.append(_Seen(result.seconds, result.index, p_fake, quality, small, crop))
        if len(self._seen) > TRACKS:
            del self._seen[min(self._seen, key=lambda id: max(map(_p_fake, self._seen[id])))]


def _p_fake(seen: _Seen) -> float:
    return seen.p_fake
