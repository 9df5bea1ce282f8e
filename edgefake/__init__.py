"""edgefake: deepfake detection that runs where the camera is.

    import edgefake
    detector = edgefake.Detector("resnet18_int8")
    detector.predict(frame)
    for frame, result in edgefake.watch("rtsp://door/main", detector): ...

Importing this loads nothing more; NumPy and OpenCV are loaded with the first name that is used, and a runtime with the first
``Detector``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgefake.detector import Detector
    from edgefake.errors import (
        BackendError,
        CardError,
        EdgefakeError,
        InputError,
        ModelFileError,
        ModelNotFoundError,
        ModelStoreError,
    )
    from edgefake.faces import Box, yunet_faces
    from edgefake.images import read_image, read_images
    from edgefake.models.card import ModelCard
    from edgefake.prediction import FaceScore, Prediction, Quality, Status, Timings, Verdict
    from edgefake.streaming.pipeline import watch

__version__ = "0.1.0"

__all__ = [
    "BackendError",
    "Box",
    "CardError",
    "Detector",
    "EdgefakeError",
    "FaceScore",
    "InputError",
    "ModelCard",
    "ModelFileError",
    "ModelNotFoundError",
    "ModelStoreError",
    "Prediction",
    "Quality",
    "Status",
    "Timings",
    "Verdict",
    "read_image",
    "read_images",
    "watch",
    "yunet_faces",
]


_HOMES = ("errors", "prediction", "detector", "faces", "images", "models.card", "streaming.pipeline")
"""The modules that have those names: who judges pictures needs no streams, and a command can be interrupted at once."""


def __getattr__(name: str) -> Any:
    for home in _HOMES if name in __all__ else ():
        module = import_module(f"edgefake.{home}")
        if hasattr(module, name):
            return getattr(module, name)
    if name in _HOMES:
        return import_module(f"edgefake.{name}")
    raise AttributeError(f"module 'edgefake' has no attribute {name!r}")


def __dir__() -> list[str]:
    """For completion, before a name is used."""
    return sorted({*globals(), *__all__})
