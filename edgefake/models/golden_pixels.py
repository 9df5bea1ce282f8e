"""Golden pixels: a drawn frame with what becomes of its faces, to check that this OpenCV resizes and swaps as training's did.

Golden vectors test a network on pixels that are ready for it; these test the way before it.
"""

from __future__ import annotations

import base64
import functools

import cv2
import numpy as np

from edgefake.errors import BackendError
from edgefake.faces.geometry import Box
from edgefake.pixels import Pixels
from edgefake.preprocessing import face_pixels

SIZE, MARGIN = 8, 0.3
TOLERANCE = 2
"""Levels of 255. Builds of OpenCV may round otherwise in the last bit, once in each of two resizes."""

GOLDEN = {
    (50.0, 30.0, 15.0, 17.0): (
        "z1WfYlmyDV7Fk2PY2mjsFW2cQ3IS0Hclz1ynYWK6DWjNk23h2nLbFXghRH0a0IIucWSvbWvCa3DWdXbpfHync4IP"
        "eIgjg442B223e3PL1XreVIDlEoZI3YwYtJMrLZk+B3TAe3zT1YLmVIm2EpAZ3ZcgtJ4zLaRGz3zIYoTbDYvuk5KA"
        "2poVFaEoQ6k70K9Pz4XQYYzjDZTck5wj2qQdFawwRLRE0LtXfo3YbJXsXp2SeaUSia4lZrY5cb9Mjsdf"
    ),
    (-8.0, 70.0, 30.0, 27.0): (
        "uwfRRBnKfiw6ZT8whFFPemNveHWOsoiuVQfbchuWbC8ed0M9dlZdfWp8g36cfZG7NgjcgB1CZzIrfEdLclxqfnGK"
        "hoapbJvJpwmtTR4ZejU5aEtYgWF4eniXeo63p6TWWwlNcCAnbTdGdk9md2eFfX+lgpbEgK7kKwkehSI0ZTtUflRz"
        "cG2TfoWyh57SZrfSpwkiTSRCej5haFiBgXKgeozAeqbfp8B9bAowaCZPcEFvc1yOeXiufJPNgK7hicoh"
    ),
    (100.4, 20.6, 4.0, 3.0): (
        "FH34FH37FX7vFn9UFn8IF4AMF4ERGIIUbID5bIDLbIGIbYEyboIJboMOb4QScIUV3IP73ISO3YQD3oUH3oYL34cQ"
        "34gU4IgX3If93IeQ3YgE3okJ3ooN34sS34wW4I0Z3Iuv3Itl3YwG3o0L3o4P348T35AY4JEb3I8R3I8N3ZAI3pEN"
        "3pIR35MV35Qa4JQd3JMD3JMG3ZQK3ZUO3pYT35cX4Jgc4Jkf3JYE3JYH3ZcL3pgQ3pkU35oY35sd4Jwg"
    ),
}
"""Faces (inside the frame and reduced, at its border, and enlarged), each with its model input as base64."""


@functools.cache
def check_pixels() -> None:
    """Raise ``BackendError`` where this OpenCV makes other pixels of a face. Done once per process, in 1 ms."""
    worst = max(pixel_errors())
    if worst > TOLERANCE:
        raise BackendError(
            f"this OpenCV ({cv2.__version__}, {cv2.__file__}) makes other pixels of a face than models were trained on: {worst} "
            f"levels off, {TOLERANCE} are allowed: install another release of opencv-python-headless"
        )


def pixel_errors() -> list[int]:
    """How many levels each golden face is off at most."""
    frame, errors = drawn_frame(), []
    for box, golden in GOLDEN.items():
        expected = np.frombuffer(base64.b64decode(golden), np.uint8).reshape(SIZE, SIZE, 3)
        pixels = face_pixels(frame, Box(*box), size=SIZE, margin=MARGIN)
        errors.append(int(np.abs(pixels.astype(int) - expected).max()))
    return errors


def drawn_frame() -> Pixels:
    """A frame of 160×120 with slopes, waves and edges, unlike in each colour; made by whole numbers alone."""
    y, x = np.mgrid[:120, :160]
    return np.stack([(7 * x + 3 * y) % 256, x * y // 16 % 256, (x // 5 + y // 7) % 2 * 200 + x % 40], axis=2).astype(np.uint8)
