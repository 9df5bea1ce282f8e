"""What a scan's results follow from, and the fingerprint of that."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import edgefake
from edgefake.defaults import DEFAULT_FACES, DEFAULT_MODEL
from edgefake.detector import Detector
from edgefake.errors import InputError
from edgefake.faces.finders import Find
from edgefake.images import MAX_PIXELS
from edgefake.models.card import ModelCard
from edgefake.odds import CALIBRATED_FOR
from edgefake.scorer import CardScorer, Threshold
from edgefake.text import printable

ROWS_SCHEMA = 1
"""Of the results. Under one number a column is never renamed or given another meaning; new ones may be added."""

CLIPS = 20
"""At most so many places of a video are judged."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How files are judged: all that their results follow from, for every worker alike. Paths must lead there on each machine.

    ``model`` to ``prior`` are as for ``Detector``, with names and paths alone.
    """

    model: str = DEFAULT_MODEL
    runtime: str = "auto"
    device: str | int | None = None
    faces: str = DEFAULT_FACES
    find: Find | None = None
    threshold: Threshold | None = None
    prior: float = CALIBRATED_FOR
    max_pixels: int = MAX_PIXELS
    """Pictures that declare more are refused before they are decoded."""
    clips: int = CLIPS
    """At most so many places of a video are judged, ``films.CLIP_FRAMES`` frames each."""
    thumbnails: bool = False
    """Keep a small JPEG of every scored face."""
    near_duplicates: bool = False
    """Let pictures that look alike (``similar.look_of``) share a result. A forged copy of a photo may look like it."""

    def open(self) -> Detector:
        """A detector on one thread: a scan has a process for each core."""
        return Detector(
            self.model,
            runtime=self.runtime,
            device=self.device,
            faces=self.faces,
            find=self.find,
            threshold=self.threshold,
            prior=self.prior,
            num_threads=1,
        )


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What results follow from, resolved: rows with the same ``id`` can stand in one table."""

    model: str
    model_sha256: str | None
    """Of the network itself; None where its card does not have it."""
    calibration: str
    """What turns the network's output into p_fake; empty without a card."""
    crop: str
    """How a face is cut out; empty without a card."""
    runtime: str
    """Without its version."""
    finder: str
    """With the SHA-256 of its network, where it is one."""
    find: str | None
    fake: float
    real: float
    """The thresholds of one face."""
    prior: float
    max_pixels: int
    clips: int
    thumbnails: bool
    near_duplicates: bool
    edgefake: str
    """The version."""
    schema: int = ROWS_SCHEMA

    @staticmethod
    def of(detector: Detector, settings: Settings) -> Fingerprint:
        scorer, finder = detector.scorer, detector.finder
        card = getattr(finder, "card", None)
        kind = f"{type(finder).__name__} {getattr(finder, 'sha256', '')}".strip()
        network = f"{card.name} {card.payload_sha256}" if isinstance(card, ModelCard) else kind
        own = scorer.card if isinstance(scorer, CardScorer) else None
        return Fingerprint(
            scorer.name,
            own.payload_sha256 if own else None,
            f"temperature {own.calibration.temperature}, bias {own.calibration.bias}" if own else "",
            f"margin {own.crop_margin}, {own.crop_mode}" if own else "",
            detector.runtime.partition(" ")[0],
            network,
            detector.find,
            detector.thresholds.fake,
            detector.thresholds.real,
            detector.prior,
            settings.max_pixels,
            settings.clips,
            settings.thumbnails,
            settings.near_duplicates,
            edgefake.__version__,
        )

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Fingerprint:
        """Raises ``InputError`` for that of another version of edgefake, whose results have another schema."""
        try:
            value: dict[str, Any] = json.loads(text)
            schema = value.get("schema")
            if schema != ROWS_SCHEMA:
                raise InputError(
                    f"expected results of schema {ROWS_SCHEMA}, got {printable(schema)}: use the edgefake they are of"
                )
            return Fingerprint(**{name: value.get(name) for name in Fingerprint.__dataclass_fields__})  # type: ignore[arg-type]
        except (json.JSONDecodeError, AttributeError) as error:
            raise InputError(f"expected the settings of a scan as JSON, got {printable(text, limit=60)}") from error

    def differs(self, other: Fingerprint) -> list[str]:
        """In what: ``fake 0.5, there 0.7``."""
        ours, theirs = asdict(self), asdict(other)
        return [f"{name} {ours[name]}, there {theirs[name]}" for name in ours if ours[name] != theirs[name]]
