"""Whether a face shows enough detail to be judged."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.prediction import Quality, Status
from edgefake.preprocessing import resize_square

MIN_SIZE = 32.0
"""Faces below this many pixels are not scored: the smallest that training drew."""

MIN_SHARPNESS = 0.06
"""Crops less sharp than this are not scored. Of 415 training photos one is below; after a Gaussian blur with a σ of 5 % of the
face size 40 % are, after one of 7 % two thirds."""

_SIDE = 64


def sharpness(pixels: npt.NDArray[np.uint8]) -> float:
    """Fine detail of a face crop (uint8, N×N×3): mean |Laplacian| over the standard deviation of its green channel at 64×64.

    Normalising by contrast makes dim and bright pictures comparable; the common size makes small and large faces comparable, so
    that only blur that is large *relative to the face* counts.
    """
    small = resize_square(np.asarray(cv2.extractChannel(pixels, 1), np.uint8), _SIDE)
    spread = float(cv2.meanStdDev(small)[1][0, 0])
    if spread < 1.0:
        return 0.0  # a flat picture has no detail, and no contrast to divide by
    return float(cv2.norm(cv2.Laplacian(small, cv2.CV_16S), cv2.NORM_L1)) / (_SIDE * _SIDE) / spread


def face_status(quality: Quality) -> Status:
    """``ok``, or why a face of this quality is not scored."""
    if quality.size < MIN_SIZE:
        return Status.FACE_TOO_SMALL
    if quality.sharpness < MIN_SHARPNESS:
        return Status.FACE_TOO_BLURRED
    return Status.OK
