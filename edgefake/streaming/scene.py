"""Whether anything moves before a camera: where nothing does and nobody is, faces need not be searched in every frame."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.pixels import Pixels

BLOCKS = (64, 36)
"""Across and down; of 1280×720, each has 20 pixels: less than the smallest face that is scored."""
SAMPLES = 5
"""Of the pixels of a block, so many times so many are looked at."""
MOVED = 10.0
"""Grey levels by which the mean of a block changes where something moved; the noise of a sensor in good light stays below."""


class Scene:
    """What the last frame that was searched showed."""

    def __init__(self) -> None:
        self._seen: npt.NDArray[np.float32] | None = None

    def remember(self, frame: Pixels) -> None:
        """``frame`` (uint8, H×W×3) is being searched."""
        self._seen = _blocks(frame)

    def has_moved(self, frame: Pixels) -> bool:
        """Whether ``frame``, of the same size, shows anything else than the one remembered."""
        return self._seen is None or bool(np.abs(_blocks(frame) - self._seen).max() > MOVED)


def _blocks(frame: Pixels) -> npt.NDArray[np.float32]:
    """Mean colours of the blocks, a twentieth of what means over all pixels cost."""
    width, height = BLOCKS
    samples = cv2.resize(frame, (width * SAMPLES, height * SAMPLES), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.resize(samples, BLOCKS, interpolation=cv2.INTER_AREA), np.float32)
