"""Photos with their faces, from folders with one table each.

A table is a CSV: ``file`` (below the folder), ``x,y,w,h`` in pixels, and what is known besides: ``right_eye_x`` …
``mouth_left_y`` (five points), ``split`` (else the first folder in ``file``, else ``train``), ``score`` (of who found it),
``flags`` (``invalid``: a face that neither counts as one nor as background). A row per face; a picture without any has one row
without a box, and a table without these columns lists such pictures only.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from edgefake.errors import InputError
from edgefake.faces.decode import Floats
from edgefake.images import read_image
from edgefake.system import available_cores
from edgefake.text import printable
from training.notes import note
from training.tables import Row, read_table

BOX = ("x", "y", "w", "h")
POINTS = [f"{point}_{axis}" for point in ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left") for axis in "xy"]
SPLITS = ("train", "val", "test")
SURE = 0.7
"""Score from which a box that another finder gave is a face; below it is ignored."""
HELD_OUT = 10
"""One picture in so many is held out for validation in a folder that has no ``val``."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture file and the faces in it."""

    path: Path
    split: str
    boxes: Floats
    """(G, 4): x, y, width, height."""
    points: Floats
    """(G, 5, 2), see ``edgefake.faces.decode``; NaN where they are not known."""
    sure: np.ndarray
    """(G,) bool: False for what is neither to be found nor background."""


def read_photos(folder: Path) -> list[Photo]:
    """The photos of ``folder`` (or of the table given itself), as the module says, in the order of the table.

    Raises ``InputError`` when there is no table or several, a column or a picture is missing, or a row holds no box.
    """
    table = folder if folder.is_file() else _table(folder)
    columns, rows = read_table(table, "table of faces")
    if "file" not in columns:
        raise InputError(f"{printable(table)} lacks the column file: expected file,x,y,w,h")
    faces: dict[str, list[tuple[list[float], bool]]] = {}
    splits: dict[str, str] = {}
    for line, row in rows:
        name = row["file"]
        try:
            splits[name] = _split(row)
            face = _face(row)
        except ValueError as error:
            raise InputError(f"line {line} of {printable(table)} holds no face: {error}") from error
        faces.setdefault(name, []).extend([face] if face else [])
    missing = next((name for name in faces if not (table.parent / name).is_file()), None)
    if missing is not None:
        raise InputError(f"{printable(table)} names {printable(missing)}, which is no picture beside it")
    return [_photo(table.parent / name, splits[name], found) for name, found in faces.items()]


def _table(folder: Path) -> Path:
    tables = sorted(folder.glob("*.csv"))
    tables = [folder / "faces.csv"] if folder / "faces.csv" in tables else tables
    if len(tables) != 1:
        raise InputError(f"{printable(folder)} holds {len(tables)} tables, expected faces.csv or one other .csv of its faces")
    return tables[0]


def _split(row: Row) -> str:
    given = row.get("split") or PurePosixPath(row["file"]).parts[0]
    if row.get("split") and given not in SPLITS:
        raise ValueError(f"the split {given!r} is none of {', '.join(SPLITS)}")
    return given if given in SPLITS else "train"


def _face(row: Row) -> tuple[list[float], bool] | None:
    """(box and points, whether it is surely a face) of a row; None where it says that there is no face."""
    if not any(row.get(column) for column in BOX):
        return None
    box = [float(row.get(column) or "") for column in BOX]
    if not (np.isfinite(box).all() and min(box[2:]) > 0):
        raise ValueError(f"the box {box} is empty or not finite")
    points = [float(row.get(column) or "nan") for column in POINTS]
    return box + points, "invalid" not in row.get("flags", "").split("|") and float(row.get("score") or 1) >= SURE


def _photo(path: Path, split: str, faces: Sequence[tuple[list[float], bool]]) -> Photo:
    values = np.array([values for values, _ in faces], np.float32).reshape(-1, 14)
    points = values[:, 4:].reshape(-1, 5, 2)
    points[np.isnan(points).any((1, 2))] = np.nan
    return Photo(path, split, values[:, :4], points, np.array([sure for _, sure in faces], np.bool_))


def chosen(photos: Sequence[Photo], split: str) -> list[Photo]:
    """Those of a folder for ``train``, ``val`` or ``test``; without a ``val``, one in ``HELD_OUT`` of train stands for it."""
    if split == "test" or any(photo.split == "val" for photo in photos):
        return [photo for photo in photos if photo.split == split]
    train = [photo for photo in photos if photo.split == "train"]
    return [photo for photo in train if (zlib.crc32(photo.path.name.encode()) % HELD_OUT == 0) == (split == "val")]


def readable(photos: Sequence[Photo]) -> list[Photo]:
    """``photos`` without those whose file cannot be read, which are named on stderr."""

    def fault(photo: Photo) -> str | None:
        try:
            read_image(photo.path)
        except InputError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(available_cores()) as pool:
        faults = list(pool.map(fault, photos))
    note("picture(s) cannot be used: left out", [message for message in faults if message])
    return [photo for photo, message in zip(photos, faults, strict=True) if message is None]
