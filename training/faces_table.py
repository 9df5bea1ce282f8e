"""The face table: a CSV with the box of the labelled face of every picture, made once by a face finder."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from edgefake.defaults import DEFAULT_FACES
from edgefake.errors import EdgefakeError, InputError
from edgefake.faces import Box, Face, open_finder
from edgefake.faces.edge import EdgeFinder
from edgefake.faces.geometry import largest
from edgefake.files import writing
from edgefake.images import read_image
from edgefake.text import printable
from training.notes import note
from training.tables import read_table

BOX = ("x", "y", "w", "h")
EYES, MOUTH = ("right_eye", "left_eye"), ("mouth_right", "mouth_left")
UPRIGHT = ("upright_x", "upright_y")
LANDMARKS = tuple(f"{point}_{axis}" for point in EYES + MOUTH for axis in "xy")


@dataclass(frozen=True, slots=True)
class LabelledFace:
    """One row of the table."""

    box: Box
    upright: tuple[float, float] | None = None
    """From between the eyes to the middle of the mouth, in box sizes, where the table has ``right_eye_x`` to ``mouth_left_y``."""
    size_matched: bool = True


def read_faces(table: Path) -> dict[str, LabelledFace]:
    """The labelled face of every picture by the picture's name in ``table``.

    Raises ``InputError`` when columns are missing or a line holds no box.
    """
    columns, rows = read_table(table, "face table")
    missing = {"file", *BOX} - {*columns}
    if missing:
        raise InputError(
            f"the face table {printable(table)} lacks the column(s) {', '.join(sorted(missing))}: expected file,x,y,w,h"
        )
    with_landmarks = {*LANDMARKS} <= {*columns}
    faces: dict[str, LabelledFace] = {}
    for line, row in rows:
        if row.get("main", "1") == "0":
            continue
        try:
            box = Box(*(float(row[column]) for column in BOX))
            found = upright(row, box) if with_landmarks else None
        except ValueError as error:
            raise InputError(f"line {line} of {printable(table)} holds no face box: {error}") from error
        faces[row["file"]] = LabelledFace(box, found, row.get("size_matched", "1") != "0")
    return faces


@dataclass(frozen=True, slots=True)
class FoundFaces:
    """The largest face of every picture, by the picture's name."""

    faces: dict[str, Face]
    faceless: list[str]
    """Pictures in which none was found."""
    unreadable: list[str]
    """What was wrong with pictures that cannot be read, a sentence each."""
    finder: str
    """Which finder they are of: its name in ``edgefake.faces.FINDERS``, or that of its model with the SHA-256 of the network."""


def find_faces(pictures: Mapping[str, Path], faces: str = DEFAULT_FACES) -> FoundFaces:
    """The largest face of every picture (name → file), found as ``Detector(faces=…)`` does.

    In a process of its own, for finders run on the runtimes of devices. Raises ``InputError`` for what is no finder.
    """
    from training.device import on_device  # imports the samples, which come from here

    return on_device(_find, dict(pictures), faces)


def write_faces(table: Path, pictures: Mapping[str, Path]) -> None:
    """Write the largest face of every picture (name → file) as the CSV that ``read_faces`` reads, and which finder it is of.

    Unreadable pictures and those without a face are named on stderr and left out.
    """
    if not table.parent.is_dir():
        raise InputError(
            f"the folder of the face table {printable(table)} does not exist: create it or name another --faces file"
        )
    try:
        with writing(table) as partial:  # a read-only folder is told before faces are searched
            found = find_faces(pictures)
            # Names that are not UTF-8 are written in the bytes that they have.
            with partial.open("w", newline="", encoding="utf-8", errors="surrogateescape") as stream:
                writer = csv.writer(stream)
                with_points = all(face.landmarks for face in found.faces.values())
                writer.writerow(("file", *BOX, *(LANDMARKS if with_points else ()), "score", "finder"))
                for name, face in found.faces.items():
                    points = _points(face) if with_points else ()
                    numbers = (face.box.x, face.box.y, face.box.width, face.box.height, *points)
                    writer.writerow((name, *(round(n, 2) for n in numbers), round(face.score, 4), found.finder))
    except OSError as error:
        raise InputError(
            f"the face table {printable(table)} cannot be written ({error.strerror}): name a writable file with --faces"
        ) from error
    note("picture(s) cannot be read: left out", found.unreadable)


def _points(face: Face) -> tuple[float, ...]:
    """The ``LANDMARKS`` of a face: all but the tip of the nose."""
    right_eye, left_eye, _, mouth_right, mouth_left = face.landmarks or ()
    return (*right_eye, *left_eye, *mouth_right, *mouth_left)


def _find(pictures: Mapping[str, Path], faces: str) -> FoundFaces:
    finder = open_finder(faces)

    def largest_in(path: Path) -> Face | EdgefakeError | None:
        try:
            return largest(finder.find(read_image(path)))
        except EdgefakeError as error:
            return error

    found: dict[str, Face] = {}
    faceless, unreadable = [], []
    with ThreadPoolExecutor() as pool:
        answers = pool.map(largest_in, pictures.values())
        progress = tqdm(answers, "finding faces", len(pictures), unit="picture", disable=None)
        for name, answer in zip(pictures, progress, strict=True):
            if isinstance(answer, Face):
                found[name] = answer
            elif answer is None:
                faceless.append(name)
            else:
                unreadable.append(str(answer))
    card = finder.card if isinstance(finder, EdgeFinder) else None
    return FoundFaces(found, faceless, unreadable, faces if card is None else f"{card.name} {card.payload_sha256}")


def upright(row: Mapping[str, str], box: Box) -> tuple[float, float]:
    """From between the eyes to the middle of the mouth, in box sizes, by the ``LANDMARKS`` of a row."""

    def offset(axis: str) -> float:
        eyes, mouth = (sum(float(row[f"{point}_{axis}"]) for point in pair) / 2.0 for pair in (EYES, MOUTH))
        return (mouth - eyes) / box.size

    return offset("x"), offset("y")
