"""The face table: a CSV with the box of the labelled face of every picture, made once by a face finder."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from edgefake.errors import EdgefakeError, InputError
from edgefake.faces import Box, FaceFinder
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


def write_faces(table: Path, pictures: Mapping[str, Path], finder: FaceFinder) -> None:
    """Write the largest face of every picture (name → file) as the CSV that ``read_faces`` reads.

    Unreadable pictures and those without a face are named on stderr and left out.
    """
    if not table.parent.is_dir():
        raise InputError(
            f"the folder of the face table {printable(table)} does not exist: create it or name another --faces file"
        )
    try:
        with writing(table) as partial:  # a read-only folder is told before faces are searched
            boxes, unreadable = _find(pictures, finder)
            # Names that are not UTF-8 are written in the bytes that they have.
            with partial.open("w", newline="", encoding="utf-8", errors="surrogateescape") as stream:
                writer = csv.writer(stream)
                writer.writerow(("file", *BOX))
                writer.writerows((name, box.x, box.y, box.width, box.height) for name, box in boxes.items())
    except OSError as error:
        raise InputError(
            f"the face table {printable(table)} cannot be written ({error.strerror}): name a writable file with --faces"
        ) from error
    note("picture(s) cannot be read: left out", unreadable)


def _find(pictures: Mapping[str, Path], finder: FaceFinder) -> tuple[dict[str, Box], list[str]]:
    """(the largest box by name, what was wrong with the pictures that cannot be read)."""

    def largest_in(path: Path) -> Box | EdgefakeError | None:
        try:
            face = largest(finder.find(read_image(path)))
        except EdgefakeError as error:
            return error
        return face and face.box

    boxes: dict[str, Box] = {}
    unreadable: list[str] = []
    with ThreadPoolExecutor() as pool:
        found = pool.map(largest_in, pictures.values())
        for name, result in zip(pictures, tqdm(found, "finding faces", len(pictures), unit="picture", disable=None), strict=True):
            if isinstance(result, Box):
                boxes[name] = result
            elif result is not None:
                unreadable.append(str(result))
    return boxes, unreadable


def upright(row: Mapping[str, str], box: Box) -> tuple[float, float]:
    """From between the eyes to the middle of the mouth, in box sizes, by the ``LANDMARKS`` of a row."""

    def offset(axis: str) -> float:
        eyes, mouth = (sum(float(row[f"{point}_{axis}"]) for point in pair) / 2.0 for pair in (EYES, MOUTH))
        return (mouth - eyes) / box.size

    return offset("x"), offset("y")
