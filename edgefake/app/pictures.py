"""Judging the pictures that were uploaded: from bytes to what a page shows, without Streamlit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from io import BytesIO

import cv2
import numpy as np

from edgefake.app.limits import MAX_PICTURE_MB, MAX_PIXELS
from edgefake.detector import Detector
from edgefake.errors import EdgefakeError, InputError
from edgefake.faces import Box
from edgefake.images import PictureFile
from edgefake.pixels import Pixels
from edgefake.report import Report, picture_report
from edgefake.report.cutouts import jpeg_of
from edgefake.report.record import Sheet
from edgefake.text import printable

LARGE, SMALL = 1280, 320
"""The longer side of a picture in the page, in pixels: by itself, and among many."""


@dataclass(frozen=True, slots=True)
class Marked:
    """One picture of a file with its faces marked, as JPEGs."""

    large: bytes
    small: bytes


@dataclass(frozen=True, slots=True)
class Judged:
    """One file: what there is to say of it, or why it could not be judged."""

    name: str
    data: bytes = field(repr=False)
    report: Report | None = None
    marked: tuple[Marked | None, ...] = ()
    """For each sheet of the report; None where that has an error."""
    error: str | None = None
    """Of the file, or the first of a picture in it."""

    @property
    def is_read(self) -> bool:
        """Whether a picture could be judged."""
        return any(self.marked)


def judge_file(detector: Detector, data: bytes, name: str, *, explain: bool = False) -> Judged:
    """All pictures of a file; ``explain`` is as for ``picture_report``.

    Of what goes wrong the sentence is in the answer; nothing is raised.
    """
    try:
        report = picture_report(open_pictures(data, name), detector, name=name, explain=explain)
    except EdgefakeError as error:
        return Judged(name, data, error=str(error))
    except MemoryError:
        return Judged(name, data, error=f"{printable(name)} needs more memory than there is: scale it down")
    return Judged(name, data, report, tuple(map(_marked, report.sheets)), report.error)


def open_pictures(data: bytes, name: str) -> PictureFile:
    """A file within the page's limits. Raises ``InputError`` for others, before anything is decoded."""
    if not data:
        raise InputError(f"{printable(name)} is empty (0 bytes): get the whole file")
    if len(data) > MAX_PICTURE_MB << 20:
        raise InputError(f"{printable(name)} has more than the {MAX_PICTURE_MB} MB allowed: scale it down")
    file = BytesIO(data)
    file.name = name
    pictures = PictureFile.open(file)
    if (pixels := sum(header.pixels for header in pictures.headers)) > MAX_PIXELS:
        told = f"declares {pixels / 1e6:.0f} megapixels, more than the {MAX_PIXELS / 1e6:g} allowed"
        raise InputError(f"{printable(name)} {told}: scale it down")
    return pictures


def _marked(sheet: Sheet) -> Marked | None:
    """Marks are drawn on the reduced picture, so that they are as large in the page whatever the picture's size."""
    if sheet.prediction is None:
        return None
    picture: Pixels = np.asarray(cv2.imdecode(np.frombuffer(sheet.jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
    scale = picture.shape[1] / sheet.width
    faces = tuple(replace(face, box=_scaled(face.box, scale)) for face in sheet.prediction.faces)
    drawn = replace(sheet.prediction, faces=faces).draw(picture)
    return Marked(jpeg_of(drawn, LARGE), jpeg_of(drawn, SMALL))


def _scaled(box: Box, scale: float) -> Box:
    return Box(*(length * scale for length in (box.x, box.y, box.width, box.height)))
