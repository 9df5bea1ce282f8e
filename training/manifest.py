"""The labelled pictures that a CSV manifest lists."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from edgefake.errors import InputError
from edgefake.faces import Box
from training.faces_table import BOX, Face
from training.pictures import SPLITS, Picture

COLUMNS = ("file", "label", "split", *BOX, "size_matched")


def manifest_pictures(manifest: Path, classes: Sequence[str]) -> list[Picture]:
    """The pictures of a CSV with the columns ``file,label`` and optionally ``split``, ``x,y,w,h`` and ``size_matched``.

    ``file`` is relative to the manifest's folder, ``label`` the name of a class, ``split`` train, val or test; a picture may be
    listed once for each face box.
    Raises ``InputError`` with the number of the first line that is wrong.
    """
    try:
        with manifest.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            _check_columns(manifest, reader.fieldnames or ())
            found: dict[tuple[str, Face | None], Picture] = {}
            for row in reader:
                try:
                    picture = _picture(manifest.parent, row, classes)
                    if (picture.name, picture.face) in found:
                        raise InputError(f"{picture.name} is listed a second time")
                except InputError as error:
                    raise InputError(f"line {reader.line_num} of {manifest}: {error}") from error
                found[picture.name, picture.face] = picture
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"the manifest {manifest} cannot be read: {error}") from error
    if not found:
        raise InputError(f"the manifest {manifest} lists no pictures: expected a line file,label for each")
    return list(found.values())


def _check_columns(manifest: Path, columns: Sequence[str]) -> None:
    missing = [column for column in ("file", "label", *(BOX if {*BOX} & {*columns} else ())) if column not in columns]
    if missing:
        raise InputError(f"the manifest {manifest} lacks the column(s) {', '.join(missing)}: its first line must name them")
    unknown = [column for column in columns if column not in COLUMNS]
    if unknown:
        raise InputError(f"the manifest {manifest} has the unknown column(s) {', '.join(unknown)}: expected {','.join(COLUMNS)}")


def _picture(folder: Path, row: dict[str, str | None], classes: Sequence[str]) -> Picture:
    if None in row or None in row.values():
        raise InputError("expected a value for each column, got more or fewer")
    cells = {column: (cell or "").strip() for column, cell in row.items()}
    names = [name.lower() for name in classes]
    if cells["label"].lower() not in names:
        raise InputError(f"the label {cells['label']!r} is no class: expected one of {', '.join(classes)}")
    if "split" in cells and cells["split"].lower() not in SPLITS:
        raise InputError(f"the split {cells['split']!r} is none: expected train, val or test, or no such column")
    if cells.get("size_matched", "1") not in ("0", "1"):
        raise InputError(f"size_matched must be 0 or 1, got {cells['size_matched']!r}")
    path = folder / cells["file"]
    if not path.is_file():
        raise InputError(f"there is no file {path}: expected names relative to the manifest's folder")
    return Picture(
        path=path,
        name=cells["file"],
        label=names.index(cells["label"].lower()),
        split=SPLITS[cells["split"].lower()] if "split" in cells else "",
        face=_face(cells) if "x" in cells else None,
        size_matched=cells.get("size_matched", "1") == "1",
    )


def _face(cells: dict[str, str]) -> Face:
    try:
        return Face(Box(*(float(cells[column]) for column in BOX)))
    except ValueError as error:  # InputError is one too
        raise InputError(f"x,y,w,h are no face box: {error}") from error
