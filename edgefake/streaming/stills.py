"""Folders of pictures that are no film: each picture is a source of its own."""

from __future__ import annotations

import logging
import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edgefake.errors import InputError
from edgefake.images import PictureFile, count_files, find_images
from edgefake.pixels import Pixels
from edgefake.text import portable_path, printable

_log = logging.getLogger(__name__)

LOOK_S = 1.0
"""A folder is looked through so often for new pictures. One is taken when it has not changed from one look to the next."""


@dataclass(frozen=True, slots=True)
class Still:
    """A picture (uint8, H×W×3, BGR) and the file it is from."""

    pixels: Pixels
    name: str


class Idle:
    """There is no picture for now."""


def by_number(picture: Path) -> list[tuple[int, str]]:
    """For sorting: 9.png comes before 10.png."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", str(picture))]


def pictures_in(folder: str) -> list[Path]:
    """As ``find_images``, in the order of their numbers; what is passed over is told."""
    skipped: Counter[str] = Counter()
    pictures = sorted(find_images(folder, skipped=skipped), key=by_number)
    _tell_passed_over(folder, skipped)
    return pictures


def _tell_passed_over(folder: str, suffixes: Counter[str]) -> None:
    if suffixes:
        _log.warning("%s: passed over %s not ending like pictures", printable(folder), count_files(suffixes))


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
    told: set[str] = set()
    while True:
        skipped: Counter[str] = Counter()
        there = _look(folder, skipped)
        _tell_passed_over(folder, Counter({suffix: count for suffix, count in skipped.items() if suffix not in told}))
        told |= skipped.keys()
        new = [file for file, stamp in there.items() if before.get(file) == stamp != judged.get(file)]
        yield from stills(sorted(new, key=by_number))
        judged = {file: stamp for file, stamp in (judged | {file: there[file] for file in new}).items() if file in there}
        before = there
        yield Idle()
        time.sleep(LOOK_S)


def _look(folder: str, skipped: Counter[str]) -> dict[Path, tuple[int, int]]:
    """The pictures in ``folder``, each with what changes while it is written; ``skipped`` as in ``find_images``."""
    found = {}
    try:
        files = find_images(folder, skipped=skipped)
    except InputError:  # there is none, or it is gone for now
        return {}
    for file in files:
        try:
            about = os.stat(file)
        except OSError:  # moved away meanwhile
            continue
        found[file] = (about.st_size, about.st_mtime_ns)
    return found
