"""Judging what was uploaded: from bytes to what a page shows, without Streamlit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import cv2
import numpy as np

from edgefake.app.limits import MAX_PICTURE_MB, MAX_PIXELS
from edgefake.detector import Detector
from edgefake.errors import EdgefakeError, InputError
from edgefake.faces import Box
from edgefake.images import PictureFile
from edgefake.pixels import Pixels
from edgefake.prediction import Prediction
from edgefake.text import printable

SHOWN = 1280
"""The longer side of a picture in the page, in pixels."""
FACE = 256
"""The side of a face's crop in the page."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One picture of a file: what the detector says and what the page shows, or why it could not be judged."""

    name: str
    prediction: Prediction | None = None
    marked: bytes = b""
    """The picture with its faces marked, as a JPEG."""
    faces: tuple[bytes, ...] = ()
    """Each face of the prediction with its surroundings, as a JPEG."""
    error: str | None = None


def judge_file(detector: Detector, data: bytes, name: str) -> Iterator[Judged]:
    """Every picture of a file, or the sentence that says why there is none. Nothing is raised."""
    try:
        if len(data) > MAX_PICTURE_MB << 20:
            raise InputError(f"{printable(name)} has more than the {MAX_PICTURE_MB} MB allowed: scale it down")
        file = BytesIO(data)
        file.name = name
        pictures = PictureFile.open(file, max_pixels=MAX_PIXELS)
    except EdgefakeError as error:
        yield Judged(name, error=str(error))
        return
    for number, frame in enumerate(pictures, 1):
        which = name if len(pictures) == 1 else f"{name} ({number} of {len(pictures)})"
        yield judge_frame(detector, frame, which) if not isinstance(frame, InputError) else Judged(which, error=str(frame))


def judge_frame(detector: Detector, frame: Pixels, name: str) -> Judged:
    """One picture (uint8, H×W×3, BGR)."""
    try:
        prediction = detector.predict(frame)
        faces = tuple(jpeg(face_crop(frame, face.box), FACE) for face in prediction.faces)
        return Judged(name, prediction, jpeg(prediction.draw(frame), SHOWN), faces)
    except EdgefakeError as error:
        return Judged(name, error=str(error))
    except MemoryError:
        return Judged(name, error=f"{printable(name)} needs more memory than there is: scale it down")


def face_crop(frame: Pixels, box: Box, margin: float = 0.3) -> Pixels:
    """The part of ``frame`` around ``box``, at least a pixel."""
    half = box.size * (1 + margin) / 2
    x, y = box.x + box.width / 2, box.y + box.height / 2
    height, width = frame.shape[:2]
    left, top = (min(max(round(start), 0), end - 1) for start, end in ((x - half, width), (y - half, height)))
    return frame[top : max(round(y + half), top + 1), left : max(round(x + half), left + 1)]


def jpeg(picture: Pixels, longest: int) -> bytes:
    """``picture`` (uint8, H×W×3, BGR), scaled down until its longer side is ``longest`` at most."""
    scale = longest / max(picture.shape[:2])
    if scale < 1:
        height, width = (max(round(side * scale), 1) for side in picture.shape[:2])
        picture = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()
