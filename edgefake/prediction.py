"""What a detector answers: frozen values, ready for JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any

from edgefake.faces import Box
from edgefake.pixels import Pixels


class Verdict(str, Enum):
    """p_fake at or above the threshold is ``fake``."""

    REAL = "real"
    FAKE = "fake"


class Status(str, Enum):
    """Whether there is a score, and if not, why."""

    OK = "ok"
    NO_FACE = "no_face"
    FACE_TOO_SMALL = "face_too_small"
    FACE_TOO_BLURRED = "face_too_blurred"


@dataclass(frozen=True, slots=True)
class Quality:
    """What the verdict on a face stands on."""

    size: float
    """Longer side of the face box, pixels of the frame."""
    sharpness: float
    """Fine detail of the crop relative to coarse, ≥ 0; see ``edgefake.quality``."""


@dataclass(frozen=True, slots=True)
class FaceScore:
    """One face. ``p_fake`` and ``verdict`` are None unless ``status`` is ``ok``."""

    box: Box
    status: Status
    p_fake: float | None
    verdict: Verdict | None
    quality: Quality

    def to_dict(self) -> dict[str, Any]:
        """Plain values only; the box as ``[x, y, width, height]``."""
        return {
            "box": [round(v, 1) for v in (self.box.x, self.box.y, self.box.width, self.box.height)],
            "status": self.status.value,
            "p_fake": self.p_fake,
            "verdict": self.verdict and self.verdict.value,
            "quality": {"size": round(self.quality.size, 1), "sharpness": round(self.quality.sharpness, 4)},
        }


@dataclass(frozen=True, slots=True)
class Timings:
    """Wall-clock milliseconds per stage. In a batch, every prediction carries the ``infer`` of the whole batch."""

    find_faces: float
    preprocess: float
    infer: float

    def to_dict(self) -> dict[str, float]:
        return {name: round(getattr(self, name), 3) for name in ("find_faces", "preprocess", "infer")}


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one frame.

    ``p_fake`` is the maximum over the frame's scored faces and ``verdict`` follows from it; both are None when no face could be
    scored, and ``status`` then says why (for several faces: that of the largest).
    """

    status: Status
    p_fake: float | None
    verdict: Verdict | None
    faces: tuple[FaceScore, ...]
    threshold: float
    timings: Timings
    model: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as ``edgefake predict --json`` prints them."""
        return {
            "status": self.status.value,
            "verdict": self.verdict and self.verdict.value,
            "p_fake": self.p_fake,
            "faces": [face.to_dict() for face in self.faces],
            "threshold": self.threshold,
            "timings": self.timings.to_dict(),
            "model": self.model,
        }

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict())

    def draw(self, frame: Pixels) -> Pixels:
        """A copy of ``frame`` (uint8, H×W×3, BGR) with every face boxed and labelled with its verdict and p_fake."""
        from edgefake.drawing import draw_prediction

        return draw_prediction(frame, self)
