"""Whether a face shows enough detail to be judged."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.prediction import Quality, Status

MIN_SIZE = 32.0
"""Faces below this many pixels are not scored: the smallest that training drew."""

MIN_SHARPNESS = 0.09
"""Crops less sharp than this are not scored. Of 415 training photos none is below; after a Gaussian blur with a σ of 5 % of the
face size 5 % are, after one of 10 % three quarters."""

_SIDE = 40


def sharpness(pixels: npt.NDArray[np.uint8]) -> float:
    """Fine detail of a face crop (uint8, N×N×3): mean |Laplacian| over the standard deviation of its green channel at 40×40.

    Normalising by contrast makes dim and bright pictures comparable; the common size makes small and large faces comparable, so
    that only blur that is large *relative to the face* counts.
    """
    # Bilinear, although it skips pixels: aliased detail is still detail, and a mean over all pixels takes four times as long.
    small = cv2.extractChannel(cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_LINEAR), 1)
    spread = float(cv2.meanStdDev(small)[1][0, 0])
    if spread < 1.0:
        return 0.0  # a flat picture has no detail, and no contrast to divide by
    return cv2.norm(cv2.Laplacian(small, cv2.CV_16S), cv2.NORM_L1) / small.size / spread


def face_status(quality: Quality) -> Status:
    """``ok``, or why a face of this quality is not scored."""
    if quality.size < MIN_SIZE:
        return Status.FACE_TOO_SMALL
    if quality.sharpness < MIN_SHARPNESS:
        return Status.FACE_TOO_BLURRED
    return Status.OK
