"""What a detector answers: frozen values, ready for JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError
from edgefake.faces.geometry import Box, Landmarks
from edgefake.odds import CALIBRATED_FOR
from edgefake.pixels import Pixels
from edgefake.schema import SCHEMA, box_values, check_keys, figure, pixels, plain, seconds_or_ms
from edgefake.text import p_text, printable
from edgefake.thresholds import RISING, Thresholds, Verdict, both_thresholds

E = TypeVar("E", bound=Enum)

_CLASS_IDS: dict[Verdict | None, int] = {Verdict.REAL: 0, Verdict.FAKE: 1, Verdict.UNSURE: 2, None: -1}


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
    face_score: float = 1.0
    """How sure the face finder is that this is a face, 0…1; 1 where it does not say, and of faces that were given."""
    landmarks: Landmarks | None = None
    """See ``edgefake.faces.Landmarks``; None where the finder gives none."""
    evidence: npt.NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    """(h, w), float32: what each place of ``square`` says, positive = speaks for fake, negative = for real, in calibrated
    log-odds before any prior: 1 multiplies the odds by 2.7, in every picture alike. ``evidence_from`` tells what they add up to.

    None where the model has no map of its own, unless ``predict`` was asked to ``explain``. It stays in Python: JSON has none.
    """
    evidence_from: Literal["map", "occlusion"] | None = field(default=None, compare=False)
    """``map``: the model's own, out of the same run as p_fake; its mean is the log-odds of p_fake where the model's score is the
    mean of its map, as that of ``lite0_local``. ``occlusion``: how far the log-odds of p_fake fall without what is there, see
    ``edgefake.explanation``; they add up to nothing."""
    square: Box | None = field(default=None, compare=False)
    """What the scorer saw of the frame, and where ``evidence`` lies; None without evidence. It may reach beyond the frame where
    the crop mode of the card is another than ``inside``."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values only; the box as ``[x, y, width, height]``."""
        return {
            "box": box_values(self.box),
            "status": self.status.value,
            "p_fake": plain(self.p_fake),
            "verdict": self.verdict and self.verdict.value,
            "quality": {"size": pixels(self.quality.size), "sharpness": figure(self.quality.sharpness)},
            "face_score": figure(self.face_score),
            "landmarks": self.landmarks and [[pixels(x), pixels(y)] for x, y in self.landmarks],
        }

    @staticmethod
    def from_dict(value: Any) -> FaceScore:
        """The face that ``to_dict`` wrote. Raises ``InputError`` for anything else."""
        value = check_keys(value, ("box", "status", "p_fake", "verdict", "quality"), "a face")
        quality = check_keys(value["quality"], ("size", "sharpness"), "the quality of a face")
        box = value["box"]
        if not isinstance(box, list) or len(box) != 4:
            raise InputError(f"expected the box of a face as [x, y, width, height], got {printable(repr(box), limit=60)}")
        return FaceScore(
            Box(*(_number(side, "box") for side in box)),
            _one_of(Status, value["status"]),
            _p_fake(value["p_fake"]),
            _verdict(value["verdict"]),
            Quality(_number(quality["size"], "size"), _number(quality["sharpness"], "sharpness")),
            _share(value.get("face_score", 1.0), "face_score"),
            _landmarks(value.get("landmarks")),
        )


@dataclass(frozen=True, slots=True)
class Timings:
    """Wall-clock milliseconds per stage. In a batch, every prediction carries the ``infer`` of the whole batch."""

    find_faces: float
    preprocess: float
    infer: float

    def to_dict(self) -> dict[str, float]:
        return {name: seconds_or_ms(getattr(self, name)) for name in ("find_faces", "preprocess", "infer")}


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one frame.

    ``p_fake`` is the maximum over the frame's scored faces and ``verdict`` is what ``whole`` make of it, the thresholds for so
    many faces; both are None when no face could be scored, and ``status`` then says why (for several faces: that of the largest).
    """

    status: Status
    p_fake: float | None
    verdict: Verdict | None
    faces: tuple[FaceScore, ...]
    thresholds: Thresholds
    """Of one face."""
    timings: Timings
    model: str
    whole: Thresholds
    """Of the frame: ``thresholds.for_faces`` of its scored ones."""
    prior: float = CALIBRATED_FOR
    """The share of fakes that p_fake and the thresholds are for."""

    @property
    def threshold(self) -> float:
        """The p_fake from which a face is called fake."""
        return self.thresholds.fake

    def __str__(self) -> str:
        """For people: ``fake, p_fake 0.973, 2 faces``."""
        answer = (self.verdict or self.status).value.replace("_", " ")
        p_fake = "" if self.p_fake is None else f", p_fake {p_text(self.p_fake)}"
        return f"{answer}{p_fake}, {len(self.faces)} face{'' if len(self.faces) == 1 else 's'}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as ``edgefake predict --json`` prints them; ``docs/schema.md`` describes the keys."""
        return {
            "schema": SCHEMA,
            "status": self.status.value,
            "verdict": self.verdict and self.verdict.value,
            "p_fake": plain(self.p_fake),
            "faces": [face.to_dict() for face in self.faces],
            "threshold": self.threshold,
            "thresholds": both_thresholds(self.thresholds, self.whole),
            "prior": self.prior,
            "timings": self.timings.to_dict(),
            "model": self.model,
        }

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_dict())

    @staticmethod
    def from_dict(value: Any) -> Prediction:
        """The prediction that ``to_dict`` wrote, rounded as it was; keys beside its own (``path`` …) are passed over.

        Raises ``InputError`` for anything else, the line of a picture that could not be read included.
        """
        keys = ("status", "verdict", "p_fake", "faces", "threshold", "timings", "model")
        value = check_keys(value, keys, "a prediction")
        if value["status"] == "error":
            raise InputError(f"expected a prediction, got the error {printable(repr(value.get('error')), limit=200)}")
        timings = check_keys(value["timings"], ("find_faces", "preprocess", "infer"), "timings")
        for key, kind, what in (("faces", list, "a list"), ("model", str, "a name")):
            if not isinstance(value[key], kind):
                raise InputError(f"expected {what} as the {key} of a prediction, got {printable(repr(value[key]), limit=60)}")
        thresholds, whole = _thresholds(value)
        return Prediction(
            _one_of(Status, value["status"]),
            _p_fake(value["p_fake"]),
            _verdict(value["verdict"]),
            tuple(map(FaceScore.from_dict, value["faces"])),
            thresholds,
            Timings(*(_number(timings[name], name) for name in ("find_faces", "preprocess", "infer"))),
            value["model"],
            whole,
            _share(value.get("prior", CALIBRATED_FOR), "prior"),
        )

    def to_supervision(self) -> Any:
        """The faces as ``supervision.Detections`` of N: ``xyxy``; ``confidence`` is p_fake, NaN without one; ``class_id`` 0 is
        real, 1 fake, 2 unsure, -1 without a verdict; ``data`` has ``class_name`` and ``status``.

        Raises ``InputError`` where the package ``supervision`` is not installed.
        """
        try:
            from supervision import Detections
        except ImportError as error:
            raise InputError("supervision is not installed: pip install supervision") from error
        verdicts = [face.verdict for face in self.faces]
        return Detections(
            xyxy=np.array([face.box.xyxy for face in self.faces], np.float32).reshape(-1, 4),
            confidence=np.array([np.nan if face.p_fake is None else face.p_fake for face in self.faces], np.float32),
            class_id=np.array([_CLASS_IDS[verdict] for verdict in verdicts], int),
            data={
                "class_name": np.array([(face.verdict or face.status).value for face in self.faces], str),
                "status": np.array([face.status.value for face in self.faces], str),
            },
        )

    def draw(self, frame: Pixels, *, footer: bool = False) -> Pixels:
        """A copy of ``frame`` (uint8, H×W×3, BGR) with every face boxed and labelled with its verdict and p_fake.

        With ``footer`` the model, its thresholds and today's date stand at the foot.
        """
        from edgefake.drawing import draw_prediction

        return draw_prediction(frame, self, footer=footer)

    def draw_evidence(self, frame: Pixels) -> Pixels:
        """The faces of ``frame`` that ``predict(frame, explain=True)`` explained, each beside its map: uint8, H×W×3, BGR.

        Red speaks for fake, blue for real, on the one scale that all such pictures have.

        Raises ``InputError`` where no face has evidence.
        """
        from edgefake.heatmap import draw_evidence

        return draw_evidence(frame, self)


def worst_of(predictions: Sequence[Prediction], thresholds: Thresholds) -> tuple[str, Verdict | None, float | None, Thresholds]:
    """Status, verdict, p_fake and thresholds of a file with these pictures: those of the worst; ``thresholds`` without any."""
    judged = [one for one in predictions if one.verdict is not None and one.p_fake is not None]
    if judged:
        worst = max(judged, key=lambda one: (RISING.index(one.verdict), one.p_fake))
        return worst.status.value, worst.verdict, worst.p_fake, worst.whole
    statuses = [one.status.value for one in predictions]
    return max(statuses, key=lambda status: status != Status.NO_FACE.value, default="error"), None, None, thresholds


def _one_of(kind: type[E], value: Any) -> E:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(str(member.value) for member in kind)
        raise InputError(f"expected a {kind.__name__.lower()} of {known}, got {printable(repr(value), limit=60)}") from None


def _verdict(value: Any) -> Verdict | None:
    return None if value is None else _one_of(Verdict, value)


def _thresholds(value: dict[str, Any]) -> tuple[Thresholds, Thresholds]:
    """(those of a face, those of the whole); of older JSON, which has one number, two-way and alike."""
    single = Thresholds.two_way(_share(value["threshold"], "threshold"))
    if "thresholds" not in value:
        return single, single
    both = check_keys(value["thresholds"], ("face", "whole"), "thresholds")
    parts = [check_keys(both[name], ("fake", "real"), f"the thresholds of the {name}") for name in ("face", "whole")]
    face, whole = (Thresholds(_share(part["fake"], "fake"), _share(part["real"], "real")) for part in parts)
    return face, whole


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise InputError(f"expected a finite number for {what}, got {printable(repr(value), limit=60)}")
    return float(value)


def _share(value: Any, what: str) -> float:
    number = _number(value, what)
    if not 0.0 <= number <= 1.0:
        raise InputError(f"expected a {what} in 0…1, got {number:g}")
    return number


def _landmarks(value: Any) -> Landmarks | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(point, list) and len(point) == 2 for point in value):
        raise InputError(f"expected the landmarks of a face as [[x, y], …], got {printable(repr(value), limit=60)}")
    return tuple((_number(x, "landmarks"), _number(y, "landmarks")) for x, y in value)


def _p_fake(value: Any) -> float | None:
    return None if value is None else _share(value, "p_fake")
