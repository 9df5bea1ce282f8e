"""How a picture looks, in 64 bits that scaling and compression leave alone: the perceptual hash "pHash" (Zauner 2010)."""

from __future__ import annotations

import cv2
import numpy as np

from edgefake.pixels import Pixels

_SIDE, _KEPT = 32, 8


def look_of(picture: Pixels) -> str:
    """Sixteen hexadecimal digits, of a picture (uint8, H×W×3, BGR): alike for nearly all copies of it in another size or quality.

    It tells nothing of details: a photo and one with another face in it may have the same.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    waves = cv2.dct(small)[:_KEPT, :_KEPT].ravel()
    bits = waves > float(np.sort(waves[1:])[(_KEPT * _KEPT - 1) // 2])  # the first one is the brightness
    return np.packbits(bits).tobytes().hex()
