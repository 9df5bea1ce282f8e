"""What is told of one picture or video as JSON, alike by the commands and the service; ``docs/schema.md`` has the keys."""

from __future__ import annotations

from typing import Any

from edgefake.detector import Detector
from edgefake.prediction import Prediction
from edgefake.schema import SCHEMA
from edgefake.streaming.evidence import of_several
from edgefake.streaming.video import VideoVerdict, judged_faces
from edgefake.thresholds import Thresholds, both_thresholds


def picture_line(
    path: str | None, answer: Prediction | str, detector: Detector, *, picture: int | None, pictures: int | None
) -> dict[str, Any]:
    """Of picture number ``picture`` of the ``pictures`` in a file; ``answer`` is a sentence where it could not be judged."""
    which: dict[str, Any] = {"path": path, "picture": picture, "pictures": pictures}
    if isinstance(answer, Prediction):
        return which | answer.to_dict()
    at = _thresholds(detector, detector.thresholds)
    empty: dict[str, Any] = {"verdict": None, "p_fake": None, "faces": [], **at, "timings": None}
    return {**which, "schema": SCHEMA, "status": "error", **empty, "model": detector.scorer.name, "error": answer}


def video_line(path: str | None, answer: VideoVerdict | str, detector: Detector) -> dict[str, Any]:
    """Of one video; ``answer`` is a sentence where it could not be judged."""
    verdict = VideoVerdict(None, None, 0, 0, (), "error") if isinstance(answer, str) else answer
    whole = of_several(detector.thresholds, judged_faces(verdict.tracks), detector.prior)
    line = {"path": path, **verdict.to_dict(), **_thresholds(detector, whole), "model": detector.scorer.name}
    return {**line, "error": answer} if isinstance(answer, str) else line


def _thresholds(detector: Detector, whole: Thresholds) -> dict[str, Any]:
    """The keys that tell what verdicts on a face, and on the ``whole``, follow from."""
    both = both_thresholds(detector.thresholds, whole)
    return {"threshold": detector.threshold, "thresholds": both, "prior": detector.prior}
