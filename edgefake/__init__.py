"""edgefake: deepfake detection that runs where the camera is.

    import edgefake
    detector = edgefake.Detector("lite0_local_int8")
    detector.predict(frame)
    for frame, result in edgefake.watch("rtsp://door/main", detector): ...

What a program may rely on is here, in ``edgefake.faces`` (face finders), in ``edgefake.sinks`` (where results go), in
``edgefake.report`` (pages about files), in ``edgefake.scan`` (archives) and in ``edgefake.testing`` (suites for who writes a
finder, a sink, a runtime or a scorer); all other modules are internal and change without notice.

Importing this loads nothing more; NumPy and OpenCV are loaded with the first name that is used, and a runtime with the first
``Detector``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgefake import faces as faces
    from edgefake import report as report
    from edgefake import sinks as sinks
    from edgefake import testing as testing
    from edgefake.detector import Detector
    from edgefake.errors import (
        BackendError,
        CardError,
        EdgefakeError,
        InputError,
        ModelFileError,
        ModelNotFoundError,
        ModelStoreError,
        SinkError,
    )
    from edgefake.faces import Box, Face, FaceFinder
    from edgefake.images import read_image, read_images
    from edgefake.models.card import ModelCard
    from edgefake.models.file import write_card
    from edgefake.prediction import FaceScore, Prediction, Quality, Status, Timings
    from edgefake.runtimes import Runtime
    from edgefake.runtimes.spec import InputSpec, Scaling
    from edgefake.scorer import CardScorer, Score, Scorer, open_scorer
    from edgefake.streaming.events import Event, EventKind
    from edgefake.streaming.pipeline import Watch, watch
    from edgefake.streaming.result import FrameResult, TrackResult
    from edgefake.thresholds import Thresholds, Verdict

__version__ = "0.1.0"

__all__ = [
    "BackendError",
    "Box",
    "CardError",
    "CardScorer",
    "Detector",
    "EdgefakeError",
    "Event",
    "EventKind",
    "Face",
    "FaceFinder",
    "FaceScore",
    "FrameResult",
    "InputError",
    "InputSpec",
    "ModelCard",
    "ModelFileError",
    "ModelNotFoundError",
    "ModelStoreError",
    "Prediction",
    "Quality",
    "Runtime",
    "Scaling",
    "Score",
    "Scorer",
    "SinkError",
    "Status",
    "Thresholds",
    "Timings",
    "TrackResult",
    "Verdict",
    "Watch",
    "faces",
    "open_scorer",
    "read_image",
    "read_images",
    "report",
    "sinks",
    "testing",
    "watch",
    "write_card",
]

_HOMES = {
    "errors": (
        "BackendError",
        "CardError",
        "EdgefakeError",
        "InputError",
        "ModelFileError",
        "ModelNotFoundError",
        "ModelStoreError",
        "SinkError",
    ),
    "prediction": ("FaceScore", "Prediction", "Quality", "Status", "Timings"),
    "detector": ("Detector",),
    "faces": ("Box", "Face", "FaceFinder"),
    "images": ("read_image", "read_images"),
    "models.card": ("ModelCard",),
    "models.file": ("write_card",),
    "runtimes": ("Runtime",),
    "runtimes.spec": ("InputSpec", "Scaling"),
    "scorer": ("CardScorer", "Score", "Scorer", "open_scorer"),
    "streaming.events": ("Event", "EventKind"),
    "streaming.pipeline": ("Watch", "watch"),
    "streaming.result": ("FrameResult", "TrackResult"),
    "thresholds": ("Thresholds", "Verdict"),
}
"""The module of each name, loaded when it is used: who judges pictures needs no streams, and a command can be stopped at once."""

_MODULES = ("faces", "report", "sinks", "testing")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"edgefake.{name}")
    if name == "yunet_faces":
        import_module("edgefake.deprecation").warn(name)
        return import_module("edgefake.faces.yunet").YuNetFinder
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"edgefake.{home}"), name)
    raise AttributeError(f"module 'edgefake' has no attribute {name!r}")


def __dir__() -> list[str]:
    """For completion, before a name is used."""
    return sorted({*globals(), *__all__})
