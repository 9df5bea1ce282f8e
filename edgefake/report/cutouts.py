"""Faces and whole pictures as small files for a page."""

from __future__ import annotations

import base64

import cv2

from edgefake.detector import Detector
from edgefake.faces.frame import WholeFrame, whole_frame
from edgefake.faces.geometry import Box, crop_square
from edgefake.heatmap import Map, tinted
from edgefake.pixels import Pixels
from edgefake.report.record import Cutout
from edgefake.scorer import crop_mode_of

FACE_SIDE = 320
"""The longest side of a face on a page: what it is printed at, 300 dots to the inch, in a column of 27 mm."""
SHEET_SIDE = 1280
_QUALITY = 90


def face_square(detector: Detector, frame: Pixels, box: Box) -> Pixels:
    """The part of ``frame`` that the model saw of the face in ``box``, in its own size."""
    if isinstance(detector.finder, WholeFrame) and box == whole_frame(frame):
        return crop_square(frame, None, 0.0)
    return crop_square(frame, box, detector.scorer.crop_margin, crop_mode_of(detector.scorer))


def cutout_of(square: Pixels, evidence: Map | None = None, source: str | None = None) -> Cutout:
    """``square``, what the model saw of a face, for a page; with its ``evidence`` from ``source``, where that is known."""
    if evidence is None:
        return Cutout(jpeg_of(square, FACE_SIDE))
    return Cutout(jpeg_of(square, FACE_SIDE), jpeg_of(tinted(square, evidence, side=FACE_SIDE), FACE_SIDE), source)


def jpeg_of(picture: Pixels, longest: int) -> bytes:
    """``picture`` (uint8, H×W×3, BGR), reduced to ``longest`` at its longer side, as a JPEG."""
    return cv2.imencode(".jpg", reduced_to(picture, longest), (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))[1].tobytes()


def reduced_to(picture: Pixels, longest: int) -> Pixels:
    height, width = picture.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def data_uri(jpeg: bytes) -> str:
    """A JPEG for a page, in place of an address."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
