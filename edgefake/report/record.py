"""``Report``: everything that one page tells of one file, as frozen values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from edgefake.models.card import ModelCard
from edgefake.prediction import Prediction, Quality, Status
from edgefake.report.credentials import Credentials
from edgefake.report.facts import FileFacts
from edgefake.report.rates import Rate, conditions, named_thresholds, rates
from edgefake.report.setup import Setup
from edgefake.report.wording import Finding, finding
from edgefake.schema import SCHEMA, figure, pixels, plain, seconds_or_ms
from edgefake.streaming.timeline import Line
from edgefake.streaming.video import TrackVerdict, VideoVerdict
from edgefake.thresholds import Thresholds, Verdict, both_thresholds


@dataclass(frozen=True, slots=True)
class Cutout:
    """What the model saw of a face, as a picture for people: encoded, so that it needs little memory."""

    jpeg: bytes
    evidence: bytes | None = None
    """The same under what spoke for fake and what for real, where that is known: a JPEG too."""
    evidence_from: str | None = None
    """See ``FaceScore.evidence_from``."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame of a video in which a face had a high p_fake."""

    seconds: float
    index: int
    """Of the frame, from 0."""
    p_fake: float
    cutout: Cutout


@dataclass(frozen=True, slots=True)
class Subject:
    """One face of a picture, or one that was followed through a video."""

    number: int
    """From 1; of a face in a video its track's."""
    status: Status
    p_fake: float | None
    verdict: Verdict | None
    quality: Quality | None
    """Of a track: that of the frame with the highest p_fake, if it was scored in any."""
    rates: Sequence[Rate]
    """How often the model errs on such faces: every family in its card, under each condition that fits."""
    picture: int | None = None
    """In which picture of the file, from 1."""
    cutout: Cutout | None = None
    track: TrackVerdict | None = None
    """Of a video: when it was seen, and how often it was scored."""
    moments: Sequence[Moment] = ()
    """Of a video: the frames with the highest p_fake, the highest first."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, without the pictures."""
        return {
            "number": self.number,
            "picture": self.picture,
            "status": self.status.value,
            "p_fake": plain(self.p_fake),
            "verdict": self.verdict and self.verdict.value,
            "quality": self.quality and {"size": pixels(self.quality.size), "sharpness": figure(self.quality.sharpness)},
            "rates": [rate.to_dict() for rate in self.rates],
            "moments": [
                {"seconds": seconds_or_ms(moment.seconds), "index": moment.index, "p_fake": plain(moment.p_fake)}
                for moment in self.moments
            ],
        }


@dataclass(frozen=True, slots=True)
class Sheet:
    """One picture of the file: the whole of it, reduced, as a JPEG, and what was said of it, or why nothing could be."""

    number: int
    prediction: Prediction | None = None
    error: str | None = None
    jpeg: bytes = b""
    width: int = 0
    height: int = 0
    """Of the picture itself, upright; the JPEG may be smaller."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return {"picture": self.number, "error": self.error, "prediction": self.prediction and self.prediction.to_dict()}


@dataclass(frozen=True, slots=True)
class Report:
    """One exhibit: a file, what was found in it, and what that is worth."""

    kind: str
    """``picture`` or ``video``."""
    file: FileFacts
    credentials: Credentials
    setup: Setup
    card: ModelCard | None
    """Of the model; None where the scorer has none."""
    status: str
    """As of a prediction or a video; ``error`` where nothing could be read."""
    verdict: Verdict | None
    p_fake: float | None
    whole: Thresholds
    """What the verdict on the file follows from."""
    subjects: Sequence[Subject] = ()
    sheets: Sequence[Sheet] = ()
    """Of a picture file."""
    video: VideoVerdict | None = None
    lines: Sequence[Line] = ()
    """Of a video: p_fake of each track over time."""
    error: str | None = None
    """Why the file, or a picture of it, could not be judged: one sentence."""

    @property
    def finding(self) -> Finding:
        """The verdict in words."""
        raised = self.whole.fake > self.setup.thresholds.fake
        return finding(self.kind, self.status, self.verdict, [subject.verdict for subject in self.subjects], raised=raised)

    @property
    def html(self) -> str:
        """The page: one HTML document with all its pictures in it, which asks nothing of any other place."""
        from edgefake.report.page import page

        return page(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as ``edgefake report --json`` prints them; ``docs/schema.md`` describes the keys."""
        return {
            "schema": SCHEMA,
            "kind": self.kind,
            "status": self.status,
            "verdict": self.verdict and self.verdict.value,
            "p_fake": plain(self.p_fake),
            "finding": self.finding.title,
            "file": self.file.to_dict(),
            "faces": [subject.to_dict() for subject in self.subjects],
            "pictures": [sheet.to_dict() for sheet in self.sheets],
            "video": self.video and self.video.to_dict(),
            "credentials": self.credentials.to_dict(),
            "thresholds": both_thresholds(self.setup.thresholds, self.whole),
            "setup": self.setup.to_dict(),
            "error": self.error,
        }


def rates_for(card: ModelCard | None, setup: Setup, facts: FileFacts, size: float) -> tuple[Rate, ...]:
    """How often the model errs on faces of ``size`` pixels in such a file."""
    if card is None:
        return ()
    names = named_thresholds(card, setup.thresholds, setup.prior)
    found = dict.fromkeys(conditions(card, size=size, jpeg_quality=facts.jpeg_quality))
    return tuple(rate for condition in found for rate in rates(card, condition, names))
