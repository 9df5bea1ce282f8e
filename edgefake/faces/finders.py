"""The face finders behind one small protocol; each module is imported on first use."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from edgefake.errors import InputError
from edgefake.faces.geometry import Face, FaceLike, as_faces, one_per_face
from edgefake.pixels import Pixels


@runtime_checkable
class FaceFinder(Protocol):
    """Finds faces; ``find`` may be called from several threads.

    All finders of this project give one framing, which the models were trained on: the box that YuNet would give.
    """

    def find(self, frame: Pixels) -> list[Face]:
        """The faces of ``frame`` (uint8, H×W×3, BGR, contiguous, not to be written to): one for each person, best first."""
        ...


@dataclass(frozen=True, slots=True)
class Finder:
    """A row of ``FINDERS``."""

    module: str
    """Its ``open_finder(file)`` gives the finder; ``file`` is what stands behind the name and a colon, else None."""
    extra: str | None = None
    """What ``pip install edgefake[…]`` brings for it."""


FINDERS = {
    "haar": Finder("edgefake.faces.haar"),
    "yunet": Finder("edgefake.faces.yunet"),
    "frame": Finder("edgefake.faces.frame"),
}

Faces = str | Path | Callable[[Pixels], Iterable[FaceLike]] | FaceFinder
"""How faces are found: a name of ``FINDERS``, ``"yunet:PATH"`` or just the path of a YuNet ``.onnx``, a ``FaceFinder``, or any
function from a frame to faces or boxes."""

FACES_HELP = "haar, frame (the picture is the face), yunet:FILE.onnx or just FILE.onnx"
"""For the command line."""


def open_finder(faces: Faces) -> FaceFinder:
    """The finder that ``faces`` names: see ``Faces``. Raises ``InputError`` for anything else.

    What comes from the user may give any iterable of faces or boxes, in any order; ``find`` raises ``InputError`` for else.
    """
    if isinstance(faces, str | Path):
        name, _, file = str(faces).partition(":")
        if name not in FINDERS and str(faces).endswith(".onnx"):
            name, file = "yunet", str(faces)
        if name in FINDERS:
            module = importlib.import_module(FINDERS[name].module)
            return module.open_finder(file or None)  # type: ignore[no-any-return]
    elif isinstance(faces, FaceFinder):
        return _Checked(faces.find, f"{type(faces).__name__}.find")
    elif callable(faces):
        return _Checked(faces, "the faces= function")
    raise InputError(
        f"faces must be one of {', '.join(FINDERS)}, the path of a YuNet .onnx file, a FaceFinder or a function from a frame to "
        f"boxes, got {faces!r}"
    )


class _Checked:
    """A finder or function of the user, whose answers are looked at."""

    def __init__(self, find: Callable[[Pixels], Iterable[FaceLike]], what: str) -> None:
        self._find, self._what = find, f"what {what} returned"

    def find(self, frame: Pixels) -> list[Face]:
        return one_per_face(as_faces(self._find(frame), self._what))
