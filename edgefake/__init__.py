"""edgefake: deepfake detection that runs where the camera is.

    import edgefake
    edgefake.Detector("resnet18_int8").predict(frame)

Importing this loads NumPy and OpenCV only; a runtime is loaded with the first ``Detector``.
"""

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
    "yunet_faces",
]
