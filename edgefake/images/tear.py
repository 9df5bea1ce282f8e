"""Damage in a JPEG that its decoder cannot notice: a changed bit that makes another good code.

Each block says how much brighter it is than the one before. A wrong difference makes all that follow darker or brighter by the
same amount: a step along the upper edge of the rest of this row of blocks, and of the beginning of the next.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.pixels import Pixels

_LEAST_STEP = 8
"""Levels of green."""


def is_torn(picture: Pixels, block: tuple[int, int]) -> bool:
    """Whether such a step goes through ``picture`` (uint8, BGR, as stored).

    ``block`` is the width and height of what is coded together.
    """
    width, height = block
    across, down = picture.shape[1] // width, (picture.shape[0] - 1) // height
    if across < 8 or down < 2:
        return False
    below = picture[height::height, : across * width, 1][:down].astype(np.int16)
    below -= picture[height - 1 :: height, : across * width, 1][:down]
    steps = np.asarray(cv2.resize(below, (across, down), interpolation=cv2.INTER_AREA), np.int16).ravel()  # as blocks are ordered
    strong = np.cumsum((steps >= _LEAST_STEP).view(np.int8) - (steps <= -_LEAST_STEP).view(np.int8), dtype=np.int32)
    once_around = np.flatnonzero(np.abs(strong[across:] - strong[:-across]) >= 0.8 * across) + 1
    return any(_is_tear(steps, int(first), across) for first in once_around if 2 <= first % across <= across - 2)


def _is_tear(steps: npt.NDArray[np.int16], first: int, across: int) -> bool:
    """Whether there is one step all around from the block ``first`` on, and none in the rest of those two rows."""
    column = first % across
    step = np.median(steps[first : first + across])
    after = steps[first - column : first + 2 * across - column]  # both rows
    inside = np.abs(after[column : column + across] - step) < 0.4 * np.abs(step)
    calm = np.abs(np.concatenate([after[:column], after[column + across :]])) < 0.25 * np.abs(step)
    parts = (inside[: across - column], inside[across - column :], calm[:column], calm[column:])
    return all(part.mean() > 0.7 for part in parts if len(part))
