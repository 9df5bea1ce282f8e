"""The Haar cascade that ships inside OpenCV 4: frontal faces, without a model file."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np

from edgefake.errors import InputError
from edgefake.faces.geometry import Box, Face, one_per_face
from edgefake.faces.reduced import enlarged, reduced
from edgefake.pixels import Pixels

STEP, NEIGHBOURS = 1.25, 2
"""How much larger each searched size is than the last, and how many overlapping hits make a face.

Against OpenCV's usual 1.1 and 3 to 5: half the time. With 5, 85.3 % of 1,200 training photos and 34 % of 215 faces in video were
found; with these 83.9 % and 39 %, and no more false ones.
"""

SYSTEM_CASCADES = Path("/usr/share/opencv4/haarcascades")
"""Where distributions keep the Haar cascades."""

SCALE = 1.11
"""Longer side of a YuNet box over the side of a Haar box on the same face, median over 1,007 training photos (5–95 %: 0.98–1.29).

The centres agree within 0.4 %, so enlarging Haar's square gives every finder the framing that the models were trained on.
"""


class HaarFinder:
    """Frontal faces by OpenCV's Haar cascade (Viola & Jones 2001). See ``edgefake.faces.FaceFinder``.

    Raises ``InputError`` where this OpenCV has no Haar cascades (5.0 dropped them) or their file is missing.
    """

    def __init__(self, *, min_size: int = 30) -> None:
        """``min_size`` is in pixels of the searched copy, see ``edgefake.faces.reduced``."""
        self._min_size = min_size
        self._path, cascade = _cascade()
        self._local = threading.local()  # a cascade keeps buffers of the picture it works on
        self._local.cascade = cascade

    def find(self, frame: Pixels) -> list[Face]:
        """The faces, largest first; a cascade gives no scores."""
        if not hasattr(self._local, "cascade"):
            self._local.cascade = cv2.CascadeClassifier(str(self._path))
        small, ratio = reduced(frame)
        if min(small.shape[:2]) < self._min_size:
            return []
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        found = self._local.cascade.detectMultiScale(grey, STEP, NEIGHBOURS, minSize=(self._min_size, self._min_size))
        grow = (SCALE - 1.0) / 2.0
        squares: list[list[float]] = np.reshape(found, (-1, 4)).tolist()
        boxes = (Box(x - grow * w, y - grow * h, SCALE * w, SCALE * h) for x, y, w, h in squares)
        return one_per_face(Face(enlarged(box, ratio)) for box in boxes)


def open_finder(file: str | None) -> HaarFinder:
    """The finder. Raises ``InputError`` when a ``file`` is named: the cascade is OpenCV's own."""
    if file is not None:
        raise InputError(f"expected haar, got haar:{file}: the cascade is OpenCV's own file")
    return HaarFinder()


def _cascade() -> tuple[Path, cv2.CascadeClassifier]:
    """The cascade's file, read: inside OpenCV from PyPI, beside that of a distribution (Debian, JetPack: ``opencv-data``)."""
    others = 'choose faces="edge", the path of a YuNet .onnx file, "frame" for pictures that are face crops, or a function'
    if not hasattr(cv2, "CascadeClassifier"):
        raise InputError(f"OpenCV {cv2.__version__} has no Haar cascades, which 5.0 dropped: {others}")
    try:
        from cv2 import data
    except ImportError:
        folder = SYSTEM_CASCADES
    else:
        folder = Path(data.haarcascades)
    path = folder / "haarcascade_frontalface_default.xml"
    if not path.is_file():
        raise InputError(f"OpenCV's face cascade {path} is missing: put it there (Debian: apt install opencv-data), or {others}")
    cascade = None
    with suppress(cv2.error, SystemError):  # what a damaged file gives depends on where it is damaged
        cascade = cv2.CascadeClassifier(str(path))
    if cascade is None or cascade.empty():
        raise InputError(f"OpenCV cannot read its face cascade {path}, the file is damaged: install OpenCV again, or {others}")
    return path, cascade
