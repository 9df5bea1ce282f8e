"""A frame for measuring the whole way from a file to a verdict, where the user gives none."""

from __future__ import annotations

import cv2
import numpy as np

from edgefake.pixels import Pixels

WIDTH, HEIGHT = 1280, 720

_HAIR, _SKIN, _LID, _WHITE, _IRIS = (40, 50, 70), (150, 180, 225), (60, 70, 90), (235, 235, 235), (40, 30, 20)
_NOSE, _MOUTH = (110, 140, 190), (90, 90, 180)  # BGR


def drawn_frame() -> Pixels:
    """A face of ellipses, which finders find, on a soft ground (uint8, 720×1280×3, BGR).

    Finding it costs what it does on a photo; on a ground of noise the Haar cascade would take five times as long.
    """
    rng = np.random.default_rng(0)
    layers = [
        cv2.resize(rng.normal(0, 30, (HEIGHT * n // WIDTH, n, 3)), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
        for n in (4, 16)
    ]
    frame = np.clip(120 + np.sum(layers, axis=0) / 2, 0, 255).astype(np.uint8)
    _ellipse(frame, 0, -0.1, 0.85, 1.15, _HAIR)
    _ellipse(frame, 0, 0.05, 0.72, 1.0, _SKIN)
    for x in (-0.3, 0.3):
        _ellipse(frame, x, -0.15, 0.2, 0.1, _LID)
        _ellipse(frame, x, -0.13, 0.15, 0.06, _WHITE)
        _ellipse(frame, x, -0.13, 0.06, 0.06, _IRIS)
        _ellipse(frame, x, -0.33, 0.22, 0.05, _HAIR)
    _ellipse(frame, 0, 0.2, 0.1, 0.06, _NOSE)
    _ellipse(frame, 0, 0.5, 0.28, 0.08, _MOUTH)
    drawn: Pixels = np.clip(frame + rng.normal(0, 3, frame.shape), 0, 255).astype(np.uint8)
    return drawn


def _ellipse(frame: Pixels, x: float, y: float, width: float, height: float, colour: tuple[int, int, int]) -> None:
    """Around the middle of the frame, in quarters of its height."""
    unit = HEIGHT // 4
    centre = (round(WIDTH / 2 + x * unit), round(HEIGHT / 2 + y * unit))
    cv2.ellipse(frame, centre, (round(width * unit), round(height * unit)), 0, 0, 360, colour, cv2.FILLED, cv2.LINE_AA)
