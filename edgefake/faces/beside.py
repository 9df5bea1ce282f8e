"""The finder of a detector: beside its model, where that can be."""

from __future__ import annotations

import os
from pathlib import Path

from edgefake.faces.finders import FINDERS, FaceFinder, Faces, named, open_finder
from edgefake.models.store import open_model, read_registry
from edgefake.runtimes import RUNTIMES, is_built, reader_of

Place = tuple[str, str | int | None]
"""A runtime and one of its devices; None: its first."""
PROCESSOR: Place = "auto", None


def open_beside(faces: Faces, model: object, *, runtime: str, device: str | int | None, num_threads: int | None) -> FaceFinder:
    """The finder that ``faces`` names, for a ``Detector`` with these other arguments, old names having been replaced.

    A finder that is a network of edgefake is executed where the model is: by its runtime, on its device. Where that runtime does
    not read the file that ``faces`` names, or would take minutes to build an engine of it, and beside a scorer of the user, it is
    executed on the processor, by the first runtime that reads it. Whoever wants another place gives
    ``open_finder(faces, runtime=…, device=…)`` as ``faces``; see there for what is raised.
    """
    name, file = named(faces)
    if name is None or (bundled := FINDERS[name].network) is None:
        return open_finder(faces)
    place = PROCESSOR
    if isinstance(model, str | os.PathLike):
        if runtime == "auto":
            runtime = reader_of(Path(model).suffix) or runtime
        place = _place(file or bundled, runtime, device)
    return open_finder(faces, runtime=place[0], device=place[1], num_threads=num_threads)


def _place(finder: str, runtime: str, device: str | int | None) -> Place:
    entry = RUNTIMES.get(runtime) if isinstance(runtime, str) else None
    if entry is None:  # auto, or an unknown one, of which opening the model tells
        return PROCESSOR
    of_name = entry.suffixes[0]
    is_read = of_name in forms if (forms := read_registry().get(finder)) else Path(finder).suffix in entry.suffixes
    if not is_read or (entry.builds and not is_built(open_model(finder, suffix=of_name), runtime, device)):
        return PROCESSOR
    return runtime, device
