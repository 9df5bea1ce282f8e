"""Folders of pictures that are no film: each picture is a source of its own."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError
from edgefake.images import PictureFile, find_images
from edgefake.text import portable_path

LOOK_S = 1.0
"""A folder is looked through so often for new pictures. One is taken when it has not changed from one look to the next."""


@dataclass(frozen=True, slots=True)
class Still:
    """A picture (uint8, H×W×3, BGR) and the file it is from."""

    pixels: npt.NDArray[np.uint8]
    name: str


class Idle:
    """There is no picture for now."""


def by_number(picture: Path) -> list[tuple[int, str]]:
    """For sorting: 9.png comes before 10.png."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", str(picture))]


def stills(files: Iterable[Path]) -> Iterator[Still | InputError]:
    """The pictures of ``files``; in the place of one that cannot be read is the error that says why."""
    for file in files:
        try:
            pictures = PictureFile.open(file)
        except InputError as error:
            yield error
            continue
        for picture in pictures:
            yield picture if isinstance(picture, InputError) else Still(picture, portable_path(file))


def arriving_stills(folder: str) -> Iterator[Still | InputError | Idle]:
    """The pictures in ``folder`` and those that come or change later, without end."""
    judged: dict[Path, tuple[int, int]] = {}
    before: dict[Path, tuple[int, int]] = {}
    while True:
        there = _look(folder)
        new = [file for file, stamp in there.items() if before.get(file) == stamp != judged.get(file)]
        yield from stills(sorted(new, key=by_number))
        judged = {file: stamp for file, stamp in (judged | {file: there[file] for file in new}).items() if file in there}
        before = there
        yield Idle()
        time.sleep(LOOK_S)


def _look(folder: str) -> dict[Path, tuple[int, int]]:
    """The pictures in ``folder``, each with what changes while it is written."""
    found = {}
    try:
        files = find_images(folder)
    except InputError:  # there is none, or it is gone for now
        return {}
    for file in files:
        try:
            about = os.stat(file)
        except OSError:  # moved away meanwhile
            continue
        found[file] = (about.st_size, about.st_mtime_ns)
    return found
