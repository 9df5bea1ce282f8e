"""The frame itself as the one face, for pictures that are face crops already."""

from __future__ import annotations

from edgefake.errors import InputError
from edgefake.faces.geometry import Box, Face
from edgefake.pixels import Pixels


def whole_frame(frame: Pixels) -> Box:
    """All of it; of an oblong frame the middle is judged."""
    height, width = frame.shape[:2]
    return Box(0.0, 0.0, float(width), float(height))


class WholeFrame:
    """Takes the whole frame as one face, with its context: no margin is added. See ``edgefake.faces.FaceFinder``."""

    def find(self, frame: Pixels) -> list[Face]:
        return [Face(whole_frame(frame))]


def open_finder(file: str | None) -> WholeFrame:
    """The finder. Raises ``InputError`` when a ``file`` is named: it reads none."""
    if file is not None:
        raise InputError(f"expected frame, got frame:{file}: the whole frame is the face, which needs no file")
    return WholeFrame()
