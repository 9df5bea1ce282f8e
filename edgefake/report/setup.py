"""With what a report was made: all that is needed to make it again."""

from __future__ import annotations

import platform
import sys
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import edgefake
from edgefake.detector import Detector
from edgefake.faces.finders import FINDERS
from edgefake.models.card import ModelCard
from edgefake.scorer import CardScorer
from edgefake.secrets import without_secrets
from edgefake.text import printable
from edgefake.thresholds import Thresholds

PACKAGES = ("numpy", "opencv-python-headless", "opencv-python", "c2pa-python", "pillow")


@dataclass(frozen=True, slots=True)
class Setup:
    """Model, settings and versions of one report."""

    made: str
    """UTC, ISO 8601."""
    command: str | None
    """The command line, without secrets; None where a program made the report."""
    model: str
    precision: str | None
    payload_sha256: str | None
    """Of the network itself, in lower-case hexadecimal; None where the card does not have it."""
    terms: str | None
    """Of the model's weights; None where its card does not tell them."""
    runtime: str
    finder: str
    """What found the faces, and on which runtime."""
    find: str | None
    """How thoroughly, where that was said."""
    thresholds: Thresholds
    """Of one face."""
    prior: float
    versions: dict[str, str]

    @staticmethod
    def of(detector: Detector, command: str | None = None) -> Setup:
        """That of ``detector``, now."""
        card = card_of(detector)
        return Setup(
            datetime.now(timezone.utc).isoformat(timespec="seconds"),
            command and printable(without_secrets(command), limit=None),
            detector.scorer.name,
            card.precision if card else None,
            card.payload_sha256 if card else None,
            card.terms if card else None,
            detector.runtime,
            _finder(detector),
            detector.find,
            detector.thresholds,
            detector.prior,
            {"edgefake": edgefake.__version__, "Python": platform.python_version(), **_versions(), "system": _system()},
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values only."""
        return asdict(self) | {"thresholds": self.thresholds.to_dict()}


def card_of(detector: Detector) -> ModelCard | None:
    """The card of its model; None where it has another scorer."""
    return detector.scorer.card if isinstance(detector.scorer, CardScorer) else None


def _finder(detector: Detector) -> str:
    finder = detector.finder
    name = next((name for name, row in FINDERS.items() if row.module == type(finder).__module__), type(finder).__name__)
    card, runtime = getattr(finder, "card", None), getattr(finder, "runtime", None)
    parts = [name, *([f"{card.name}, SHA-256 {card.payload_sha256 or 'not known'}"] if isinstance(card, ModelCard) else [])]
    return ", ".join([*parts, *([runtime.name] if runtime is not None else [])])


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _system() -> str:
    return f"{platform.system()} {platform.release()}, {platform.machine()}, {sys.implementation.name}"
