"""The face finders behind one small protocol; each module is imported on first use."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from edgefake.arguments import whole_number
from edgefake.defaults import FINDER_MODEL
from edgefake.errors import InputError
from edgefake.faces.geometry import Box, Face, FaceLike, as_faces, one_per_face
from edgefake.pixels import Pixels

Find = Literal["fast", "full"]
"""How thoroughly faces are searched."""


@runtime_checkable
class FaceFinder(Protocol):
    """Finds faces; ``find`` may be called from several threads.

    All finders of this project give one framing, which the models were trained on: the box that YuNet would give.

    A finder may have ``find_fast`` beside ``find``, which streams call: quicker, for large faces alone; ``find_near``, which is
    also given the boxes where a stream expects faces; ``every``, in how many frames of a stream it should be called once (without
    it 5); and ``close``.
    """

    def find(self, frame: Pixels) -> list[Face]:
        """The faces of ``frame`` (uint8, H×W×3, BGR, contiguous, not to be written to): one for each person, best first."""
        ...


@dataclass(frozen=True, slots=True)
class Finder:
    """A row of ``FINDERS``."""

    module: str
    """Its ``open_finder(file)`` gives the finder; ``file`` is what stands behind the name and a colon, else None."""
    suffixes: tuple[str, ...] = ()
    """A path that ends so stands for this finder with that file."""
    network: str | None = None
    """The model that the name alone stands for, of finders that a runtime executes: their ``open_finder`` is also given
    ``runtime``, ``device`` and ``num_threads``."""
    extra: str | None = None
    """What ``pip install edgefake[…]`` brings for it."""


FINDERS = {
    "edge": Finder("edgefake.faces.edge", (".tflite",), network=FINDER_MODEL),
    "haar": Finder("edgefake.faces.haar"),
    "yunet": Finder("edgefake.faces.yunet", (".onnx",)),
    "frame": Finder("edgefake.faces.frame"),
}

EVERY = 5
"""In how many frames of a stream a finder is called once, unless it says otherwise."""

_Finds = Callable[[Pixels], Iterable[FaceLike]]
_FindsNear = Callable[[Pixels, Sequence[Box]], Iterable[FaceLike]]
Faces = str | Path | _Finds | FaceFinder
"""How faces are found: a name of ``FINDERS``, with ``:FILE`` where it reads one, or just the file; a ``FaceFinder``; or any
function from a frame to faces or boxes."""

FACES_HELP = "edge, edge:FILE, haar, yunet:FILE.onnx, frame (the picture is the face)"
"""For the command line."""


def open_finder(
    faces: Faces, *, runtime: str = "auto", device: str | int | None = None, num_threads: int | None = None
) -> FaceFinder:
    """The finder that ``faces`` names: see ``Faces``.

    ``runtime`` and ``device`` are as for ``Detector``, for finders that are networks of edgefake. What comes from the user may
    give any iterable of faces or boxes, in any order; ``find`` raises ``InputError`` for else.

    Raises ``InputError`` for what is no finder, and what ``Detector`` raises for its model.
    """
    if isinstance(faces, type):
        raise InputError(f"expected a face finder, got the class {faces.__name__}: give an object of it, {faces.__name__}(…)")
    name, file = named(faces)
    if name and FINDERS[name].network:
        module = importlib.import_module(FINDERS[name].module)
        return module.open_finder(file, runtime=runtime, device=device, num_threads=num_threads)  # type: ignore[no-any-return]
    if runtime != "auto" or device is not None:
        raise InputError(f"expected a network of edgefake with runtime= and device=, got {faces!r}: leave them out")
    if name:
        return importlib.import_module(FINDERS[name].module).open_finder(file)  # type: ignore[no-any-return]
    if not isinstance(faces, str | Path | bytes | bytearray):  # bytes have a method find too
        if isinstance(faces, FaceFinder):
            ours = type(faces).__module__ in [row.module for row in FINDERS.values()]
            return faces if ours else _Checked(faces.find, f"{type(faces).__name__}.find", faces)
        if callable(faces):
            return _Checked(faces, "the faces= function", faces)
    raise InputError(
        f"expected faces to be one of {', '.join(FINDERS)}, a file ending in {' or '.join(_BY_SUFFIX)}, a FaceFinder or a "
        f"function from a frame to boxes, got {faces!r}"
    )


def checked_find(find: Find | None) -> Find | None:
    """``find`` itself. Raises ``InputError`` unless it is one of ``Find`` or None."""
    if find not in ("fast", "full", None):
        raise InputError(f'expected find="fast" or find="full", got {find!r}')
    return find


def named(faces: Faces) -> tuple[str | None, str | None]:
    """(the name in ``FINDERS`` that is meant, the file behind it), None for what there is not.

    A colon with nothing behind it, as an empty variable leaves, names the file "", which no finder takes.
    """
    if not isinstance(faces, str | Path):
        return None, None
    name, colon, file = str(faces).partition(":")
    if name in FINDERS:
        return name, file if colon else None
    found = _BY_SUFFIX.get(Path(faces).suffix)
    return found, str(faces) if found else None


_BY_SUFFIX = {suffix: name for name, row in FINDERS.items() for suffix in row.suffixes}


class _Checked:
    """A finder or function of the user, whose answers are looked at."""

    def __init__(self, find: _Finds, what: str, given: object) -> None:
        self._find, self._what = find, f"what {what} returned"
        self._find_fast: _Finds = getattr(given, "find_fast", find)
        self._find_near: _FindsNear | None = getattr(given, "find_near", None)
        self.every = whole_number(f"every of {type(given).__name__}", getattr(given, "every", EVERY))

    def find(self, frame: Pixels) -> list[Face]:
        return one_per_face(as_faces(self._find(frame), self._what))

    def find_fast(self, frame: Pixels) -> list[Face]:
        return one_per_face(as_faces(self._find_fast(frame), self._what))

    def find_near(self, frame: Pixels, near: Sequence[Box]) -> list[Face]:
        if self._find_near is None:
            return self.find_fast(frame)
        return one_per_face(as_faces(self._find_near(frame, near), self._what))
