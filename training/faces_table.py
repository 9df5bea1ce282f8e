"""The face table: a CSV with the box of the labelled face of every picture, made once by a face finder."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from edgefake.errors import EdgefakeError, InputError
from edgefake.faces import Box, FaceFinder
from edgefake.images import read_image
from training.notes import note

BOX = ("x", "y", "w", "h")
EYES, MOUTH = ("right_eye", "left_eye"), ("mouth_right", "mouth_left")


@dataclass(frozen=True, slots=True)
class Face:
    """One row of the table."""

    box: Box
    upright: tuple[float, float] | None = None
    """From between the eyes to the middle of the mouth, in box sizes, where the table has ``right_eye_x`` to ``mouth_left_y``."""
    size_matched: bool = True


def read_faces(table: Path) -> dict[str, Face]:
    """The labelled face of every picture by the picture's name in ``table``.

    Raises ``InputError`` when columns are missing or a line holds no box.
    """
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = set(reader.fieldnames or ())
            missing = {"file", *BOX} - columns
            if missing:
                raise InputError(
                    f"the face table {table} lacks the column(s) {', '.join(sorted(missing))}: expected file,x,y,w,h"
                )
            with_landmarks = {f"{point}_{axis}" for point in EYES + MOUTH for axis in "xy"} <= columns
            faces: dict[str, Face] = {}
            for row in reader:
                if row.get("main", "1") == "0":
                    continue
                try:
                    box = Box(*(float(row[column]) for column in BOX))
                    upright = _upright(row, box) if with_landmarks else None
                except (ValueError, TypeError) as error:
                    raise InputError(f"line {reader.line_num} of {table} holds no face box: {error}") from error
                faces[row["file"]] = Face(box, upright, row.get("size_matched", "1") != "0")
            return faces
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"the face table {table} cannot be read: {error}") from error


def write_faces(table: Path, pictures: Mapping[str, Path], find: FaceFinder) -> None:
    """Write the largest face of every picture (name → file) as the CSV that ``read_faces`` reads.

    Unreadable pictures and those without a face are named on stderr and left out.
    """
    if not table.parent.is_dir():
        raise InputError(f"the folder of the face table {table} does not exist: create it or name another --faces file")
    partial = table.with_name(f"{table.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", newline="", encoding="utf-8") as stream:  # first, so that a read-only folder is told at once
            writer = csv.writer(stream)
            writer.writerow(("file", *BOX))
            boxes, unreadable = _find(pictures, find)
            writer.writerows((name, box.x, box.y, box.width, box.height) for name, box in boxes.items())
        os.replace(partial, table)
    except OSError as error:
        raise InputError(
            f"the face table {table} cannot be written ({error.strerror}): name a writable file with --faces"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    note("picture(s) cannot be read: left out", unreadable)


def _find(pictures: Mapping[str, Path], find: FaceFinder) -> tuple[dict[str, Box], list[str]]:
    """(the largest box by name, what was wrong with the pictures that cannot be read)."""

    def largest(path: Path) -> Box | EdgefakeError | None:
        try:
            return next(iter(find(read_image(path))), None)
        except EdgefakeError as error:
            return error

    boxes: dict[str, Box] = {}
    unreadable: list[str] = []
    with ThreadPoolExecutor() as pool:
        found = pool.map(largest, pictures.values())
        for name, result in zip(pictures, tqdm(found, "finding faces", len(pictures), unit="picture", disable=None), strict=True):
            if isinstance(result, Box):
                boxes[name] = result
            elif result is not None:
                unreadable.append(str(result))
    return boxes, unreadable


def _upright(row: Mapping[str, str], box: Box) -> tuple[float, float]:
    def offset(axis: str) -> float:
        eyes, mouth = (sum(float(row[f"{point}_{axis}"]) for point in pair) / 2.0 for pair in (EYES, MOUTH))
        return (mouth - eyes) / box.size

    return offset("x"), offset("y")
