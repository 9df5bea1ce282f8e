"""Whether a face shows enough detail to be judged."""

from __future__ import annotations

import cv2

from edgefake.pixels import Pixels
from edgefake.prediction import Quality, Status

MIN_SIZE = 32.0
"""Faces below this many pixels are not scored: the smallest that training drew."""

MIN_SHARPNESS = 0.275
"""Crops less sharp than this are not scored. Of 7,241 photos none is below; after a Gaussian blur with a σ of 2, 3, 4 and 5 % of
the face size 18, 60, 91 and 99 % are at an input of 160 pixels, 3, 36, 71 and 90 % at 128. In faces of 33 to 45 pixels it takes
twice the blur: see ``sharpness``."""


def sharpness(pixels: Pixels, crop_side: float) -> float:
    """Fine detail of a face crop (uint8, N×N×3, N ≥ 8): how much it changes over 1/80 of its side, relative to 1/20 of it.

    About 0.4 in a sharp photo, 1 in noise, 0.25 where there is nothing but slopes. As a ratio it does not depend on brightness
    and contrast; as its distances are parts of the crop, only blur that is large *relative to the face* counts. ``crop_side`` is
    the crop's side before it was resized: of fewer than 80 pixels, the distances are one and four of those, because what lies
    between them is interpolated and smooth in the sharpest picture.
    """
    side = pixels.shape[0]
    fine = min(max(2, round(side / min(crop_side, 80.0))), (side - 1) // 4)
    coarse = _mean_change(pixels, 4 * fine, side)
    if coarse < 0.5:
        return 0.0  # a flat picture has no detail
    return _mean_change(pixels, fine, side) / coarse


def _mean_change(pixels: Pixels, step: int, side: int) -> float:
    """Mean absolute difference of pixels that lie ``step`` apart on the diagonal, in grey levels."""
    return cv2.norm(pixels[step:, step:], pixels[:-step, :-step], cv2.NORM_L1) / (3 * (side - step) ** 2)


def face_status(quality: Quality) -> Status:
    """``ok``, or why a face of this quality is not scored."""
    if quality.size < MIN_SIZE:
        return Status.FACE_TOO_SMALL
    if quality.sharpness < MIN_SHARPNESS:
        return Status.FACE_TOO_BLURRED
    return Status.OK
