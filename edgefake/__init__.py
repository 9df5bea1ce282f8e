"""edgefake: deepfake detection that runs where the camera is.

    import edgefake
    detector = edgefake.Detector("resnet18_int8")
    detector.predict(frame)
    for frame, result in edgefake.watch("rtsp://door/main", detector): ...

Importing this loads NumPy and OpenCV only; a runtime is loaded with the first ``Detector``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
from edgefake.images import read_image
from edgefake.model_card import ModelCard
from edgefake.prediction import FaceScore, Prediction, Quality, Status, Timings, Verdict

if TYPE_CHECKING:
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
    "watch",
    "yunet_faces",
]


def __getattr__(name: str) -> Any:
    if name == "watch":  # loaded on first use: who judges pictures needs no streams
        from edgefake.streaming.pipeline import watch

        return watch
    raise AttributeError(f"module 'edgefake' has no attribute {name!r}")
