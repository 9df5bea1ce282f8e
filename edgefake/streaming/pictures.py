"""Pictures of what happened, small enough to be sent along: JPEG of a face or of the whole frame."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any, Literal

import cv2
import numpy as np

from edgefake.faces import Box
from edgefake.faces.geometry import square_around
from edgefake.pixels import Pixels

PictureKind = Literal["crop", "snapshot"]
"""``crop``: the face with what is around it; ``snapshot``: the whole frame. Both without marks."""

CROP_SIDE, SNAPSHOT_SIDE = 320, 640
"""At most so many pixels on the longer side."""
AROUND = 0.6
"""What a crop shows around the face, as part of the face box's longer side."""
QUALITY = 85


@dataclass(frozen=True, slots=True)
class Picture:
    """What a camera saw, as JPEG."""

    kind: PictureKind
    width: int
    height: int
    jpeg: bytes = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The bytes in base64."""
        return {"kind": self.kind, "width": self.width, "height": self.height, "jpeg": b64encode(self.jpeg).decode()}


def picture_of(frame: Pixels, box: Box, kind: PictureKind) -> Picture:
    """The ``kind`` of picture of ``frame`` (uint8, H×W×3, BGR) and the face at ``box`` in it."""
    height, width = frame.shape[:2]
    if kind == "crop":
        left, top, side = square_around(box, AROUND, width=width, height=height)
        return _encoded(frame[top : top + side, left : left + side], kind, CROP_SIDE)
    return _encoded(frame, kind, SNAPSHOT_SIDE)


def _encoded(pixels: Pixels, kind: PictureKind, side: int) -> Picture:
    scale = side / max(pixels.shape[:2])
    if scale < 1:
        height, width = (max(1, round(length * scale)) for length in pixels.shape[:2])
        pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return Picture(kind, pixels.shape[1], pixels.shape[0], data.tobytes())
