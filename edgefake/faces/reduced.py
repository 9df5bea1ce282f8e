"""The reduced copy of a frame in which OpenCV's finders search."""

from __future__ import annotations

import cv2
import numpy as np

from edgefake.faces.geometry import Box
from edgefake.pixels import Pixels

SEARCH_SIDE = 640
"""Faces are searched in a copy of the frame of at most this many pixels on its longer side: four times faster on 720p."""


def reduced(frame: Pixels) -> tuple[Pixels, float]:
    """The frame at search size, and how many frame pixels one of its pixels stands for."""
    height, width = frame.shape[:2]
    ratio = max(height, width) / SEARCH_SIDE
    if ratio <= 1.0:
        return frame, 1.0
    size = (max(1, round(width / ratio)), max(1, round(height / ratio)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR), np.uint8), ratio


def enlarged(box: Box, ratio: float) -> Box:
    """A box of the reduced copy in pixels of the frame."""
    return Box(box.x * ratio, box.y * ratio, box.width * ratio, box.height * ratio)
