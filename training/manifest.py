"""The labelled pictures that a CSV manifest lists."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgefake.errors import InputError
from edgefake.faces import Box
from edgefake.text import printable
from training.faces_table import BOX, LANDMARKS, UPRIGHT, LabelledFace, upright
from training.notes import note, say
from training.pictures import SPLITS, Picture, labels_of
from training.tables import Row, read_table

FILE = ("file", "filename", "file_name", "filepath", "file_path", "path", "image", "image_path", "img", "img_path")
"""What the column of file names may be called."""

LABEL = ("label", "label_str", "class", "target", "category", "is_fake", "is_real")
"""... and that of labels."""

PAIR = ("group", "pair")
"""... and that of pictures that belong together."""

NUMBERS = {"0": 0, "0.0": 0, "1": 1, "1.0": 1, "false": 0, "true": 1}


def manifest_pictures(manifest: Path, classes: Sequence[str], folders: Mapping[str, str] | None = None) -> list[Picture]:
    """The pictures of a CSV with a column of ``FILE``, one of ``LABEL``, and optionally ``split``, ``x,y,w,h`` (with them YuNet's
    landmarks, or ``upright_x,upright_y``), ``size_matched``, ``family`` and one of ``PAIR``; other columns are ignored.

    Files are relative to the manifest's folder. A label is the name of a class, or what ``folders`` says is one; between two
    classes also 0 or 1: real or fake, unless the column is ``is_real``. ``split`` is train, val or test. A picture may be listed
    once for each face box. Pictures with the same value of ``PAIR`` go to one split.
    Raises ``InputError`` with the number of the first line that is wrong.
    """
    columns, rows = read_table(manifest, "manifest")
    reader = _Reader(manifest, columns, classes, labels_of(classes, folders or {}))
    found: dict[tuple[str, LabelledFace | None], Picture] = {}
    again = []
    twins: dict[str, int] = {}
    for line, row in rows:
        try:
            cells = {column: cell.strip() for column, cell in row.items()}
            picture = reader.picture(cells)
            # One file may be listed by several names: relative and absolute, or through a link.
            key = os.path.realpath(picture.path), picture.face
            if found.get(key, picture).label != picture.label:
                raise InputError(f"{printable(picture.name)} is listed a second time, with another label")
        except InputError as error:
            raise InputError(f"line {line} of {printable(manifest)}: {error}") from error
        if found.setdefault(key, picture) is not picture:
            again.append(picture.name)
        elif cells.get("pair"):
            twins[cells["pair"]] = twins.get(cells["pair"], 0) + 1
    if not found:
        raise InputError(f"the manifest {printable(manifest)} lists no pictures: expected a line file,label for each")
    nameless = [picture.name for picture in found.values() if "family" in columns and not picture.family]
    note(f"line(s) of {printable(manifest)} name no family", nameless)
    note(f"line(s) of {printable(manifest)} name a file that is listed already: counted once", again)
    note(f"pair(s) of {printable(manifest)} have one picture only", [pair for pair, count in twins.items() if count == 1])
    return list(found.values())


class _Reader:
    """Makes pictures of lines."""

    def __init__(self, manifest: Path, columns: Sequence[str], classes: Sequence[str], labels: Mapping[str, int]) -> None:
        self._folder, self._classes, self._labels = manifest.parent, classes, labels
        file, label, self._pair = (_first(names, columns) for names in (FILE, LABEL, PAIR))
        missing = [name for name, column in (("file", file), ("label", label)) if column is None]
        missing += [column for column in BOX if column not in columns and {*BOX} & {*columns}]
        if file is None or label is None or missing:
            raise InputError(
                f"the manifest {printable(manifest)} lacks the column(s) {', '.join(missing)}: its first line must name them, it "
                f"is {printable(','.join(columns)) or 'empty'}"
            )
        self._file, self._label = file, label
        self._boxes, self._splits = "x" in columns, "split" in columns
        self._upright = next((names for names in (UPRIGHT, LANDMARKS) if self._boxes and {*names} <= {*columns}), ())
        used = {file, label, self._pair, "split", "size_matched", "family", "pair", *BOX, *self._upright}
        note(f"column(s) of {printable(manifest)} are not used", [name for name in columns if name and name not in used])
        self._told = (
            f"note: {printable(manifest)}: 0 in the column {label} is read as real, 1 as fake; where it is the other way "
        )
        self._told += "round, give --folders real=1,fake=0"

    def picture(self, cells: Row) -> Picture:
        split = cells.get("split", "")
        if self._splits and split.lower() not in SPLITS:
            raise InputError(f"the split {printable(split)!r} is none: expected train, val or test, or no such column")
        if cells.get("size_matched", "1") not in ("0", "1"):
            raise InputError(f"size_matched must be 0 or 1, got {printable(cells['size_matched'])!r}")
        name = cells[self._file]
        return Picture(
            path=self._path(name),
            name=name,
            label=self._label_of(cells[self._label]),
            split=SPLITS[split.lower()] if self._splits else "",
            face=_face(cells, self._upright) if self._boxes else None,
            size_matched=cells.get("size_matched", "1") == "1",
            pair=cells[self._pair] if self._pair else "",
            family=cells.get("family", ""),
        )

    def _path(self, name: str) -> Path:
        for spelled in (name, name.replace("\\", "/")):  # as Windows writes them
            path = self._folder / spelled
            if os.path.isfile(path):  # unlike Path.is_file it is False for names that no file can have
                return path
        hint = ", in UTF-8 or in the bytes that the file's name has" if any("\udc80" <= c <= "\udcff" for c in name) else ""
        raise InputError(
            f"there is no file {printable(self._folder / name)}: expected names relative to the manifest's folder{hint}"
        )

    def _label_of(self, text: str) -> int:
        label = self._labels.get(text.lower())
        if label is not None:
            return label
        number = NUMBERS.get(text.lower())
        if number is None or len(self._classes) != 2:
            numbers = ", 0 or 1" if len(self._classes) == 2 else ""
            raise InputError(
                f"the label {printable(text)!r} is no class: expected one of {', '.join(self._classes)}{numbers}, or name it "
                "with --folders"
            )
        if self._label == "is_real":
            return 1 - number
        if self._label != "is_fake":
            say(self._told)
        return number


def _first(names: Sequence[str], columns: Sequence[str]) -> str | None:
    return next((name for name in names if name in columns), None)


def _face(cells: Row, columns: Sequence[str]) -> LabelledFace:
    """The face of a line, whose ``columns`` say what is upright: ``UPRIGHT``, ``LANDMARKS`` or nothing."""
    try:
        box = Box(*(float(cells[column]) for column in BOX))
        if not columns or not all(cells[column] for column in columns):
            return LabelledFace(box)
        if columns == UPRIGHT:
            return LabelledFace(box, (float(cells["upright_x"]), float(cells["upright_y"])))
        return LabelledFace(box, upright(cells, box))
    except ValueError as error:  # InputError is one too
        raise InputError(f"x,y,w,h are no face box, or the landmarks no numbers: {error}") from error
