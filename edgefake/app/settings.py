"""What the command line of ``edgefake app`` said."""

from __future__ import annotations

from dataclasses import dataclass

from edgefake.defaults import DEFAULT_FACES, DEFAULT_MODEL
from edgefake.detector import Detector
from edgefake.faces.finders import Find
from edgefake.odds import CALIBRATED_FOR
from edgefake.scorer import Threshold
from edgefake.streaming.sources import SourceLike


@dataclass(frozen=True, slots=True)
class Settings:
    """How detectors are opened, as for ``Detector``, and the server's camera."""

    model: str = DEFAULT_MODEL
    threshold: Threshold | None = None
    faces: str = DEFAULT_FACES
    find: Find | None = None
    prior: float = CALIBRATED_FOR
    runtime: str = "auto"
    device: str | int | None = None
    threads: int | None = None
    camera: SourceLike | None = None
    """What visitors may watch of the machine that serves them; None: nothing."""

    def open_detector(self, model: str) -> Detector:
        """A detector of ``model``, with its card's own threshold."""
        return Detector(
            model,
            runtime=self.runtime,
            device=self.device,
            faces=self.faces,
            find=self.find,
            prior=self.prior,
            num_threads=self.threads,
        )


_chosen = Settings()


def use(settings: Settings) -> None:
    """From now on, for the whole process: Streamlit runs ``main`` itself, and hands it no objects."""
    global _chosen
    _chosen = settings


def chosen() -> Settings:
    return _chosen
