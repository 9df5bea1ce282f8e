"""What a configuration says. The fields are the keys of its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from edgefake.calibration import profile_or_name
from edgefake.defaults import DEFAULT_FACES, DEFAULT_MODEL
from edgefake.detector import Detector
from edgefake.errors import InputError
from edgefake.odds import CALIBRATED_FOR
from edgefake.sinks import SINKS
from edgefake.sinks.base import Sink

CAMERA = "{camera}"
"""Stands in a sink's options for the name of the camera."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorConfig:
    """How faces are found and judged; see ``edgefake.Detector``."""

    model: str = DEFAULT_MODEL
    faces: str = DEFAULT_FACES
    find: Literal["fast", "full"] | None = None
    threshold: float | str | None = None
    prior: float = CALIBRATED_FOR
    runtime: str = "auto"
    device: str | int | None = None
    threads: int | None = None

    def open(self) -> Detector:
        """Raises what ``Detector`` raises."""
        threshold = profile_or_name(self.threshold) if isinstance(self.threshold, str) else self.threshold
        return Detector(
            self.model,
            faces=self.faces,
            find=self.find,
            threshold=threshold,
            prior=self.prior,
            runtime=self.runtime,
            device=self.device,
            num_threads=self.threads,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkConfig:
    """A sink that every camera which names it has one of."""

    name: str
    kind: str
    """A name of ``edgefake.sinks.SINKS``."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The arguments of its class; in texts ``{camera}`` stands for the camera's name."""

    def make(self, camera: str) -> Sink:
        """The sink for a camera of this name, not open. Raises ``InputError`` for options that it cannot use."""
        sink = SINKS[self.kind].load()(**{key: _filled(value, camera) for key, value in self.options.items()})
        sink.name = self.name
        return sink

    @property
    def is_apart(self) -> bool:
        """Whether its options tell the cameras apart."""
        return any(CAMERA in str(value) for value in self.options.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraConfig:
    """One source, how it is judged, and where that goes; see ``edgefake.watch``."""

    name: str
    source: Any
    """A text or a camera's number; from Python anything that ``edgefake.watch`` takes."""
    size: tuple[int, int] | None = None
    fps: float | None = None
    live: bool | None = None
    detect_every: int | None = None
    faces_per_frame: int = 4
    detector: DetectorConfig = DetectorConfig()
    sinks: tuple[SinkConfig, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthConfig:
    """Where health is served over HTTP."""

    address: str = "127.0.0.1"
    port: int = 9100

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise InputError(f"expected a port in 0…65535 in [health], 0 for any that is free, got {self.port}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole file."""

    cameras: tuple[CameraConfig, ...]
    health: HealthConfig | None = None
    path: Path | None = None
    """Where it was read."""


def _filled(value: Any, camera: str) -> Any:
    if isinstance(value, str):
        return value.replace(CAMERA, camera)
    if isinstance(value, Mapping):
        return {key: _filled(item, camera) for key, item in value.items()}
    return value
