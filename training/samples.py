"""The face-crop data set: a ``train|val|test / real|fake`` folder tree and the face box of every picture in it."""

from __future__ import annotations

import csv
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from edgefake.errors import EdgefakeError, InputError
from edgefake.faces import Box, FaceFinder, haar_faces
from edgefake.images import IMAGE_SUFFIXES, read_image

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
CLASSES = ("real", "fake")


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled face."""

    path: Path
    label: int
    """Index of its class: 0 real, from 1 on the kinds of fake."""
    split: str
    """train, val or test."""
    box: Box
    size_matched: bool = True
    """False where the face-size histograms of the classes differ, so that a score could be right for the wrong reason."""

    @property
    def fake(self) -> bool:
        """Whether it is any kind of fake."""
        return self.label > 0


def load_samples(root: Path, *, faces: Path | None = None, seed: int = 0, classes: Sequence[str] = CLASSES) -> list[Sample]:
    """Every labelled face below ``root``, in a fixed order.

    Args:
        root: holds ``train|val|test`` folders (any case; ``Validation`` too) with ``real`` and ``fake`` in each, or just ``real``
            and ``fake``, which are then split 80/10/10, stratified and fixed by ``seed``.
        faces: CSV with the columns ``file,x,y,w,h`` (relative to ``root``) and optionally ``main`` (1 marks the labelled face)
            and ``size_matched``. Default ``root/faces.csv``; where that is missing the faces are found with the library's own
            detector and written there.
        classes: names of the class folders (any case), real first; their order gives the labels.

    Raises:
        InputError: no such folder, a missing or empty class, or an unusable CSV.
    """
    root = Path(root)
    pictures = _pictures(root, classes)
    table = Path(faces) if faces is not None else root / "faces.csv"
    if not table.exists():
        if faces is not None and not table.parent.is_dir():
            raise InputError(f"the folder of the face table {table} does not exist: create it or name another --faces file")
        write_faces(table, root, [path for path, _, _ in pictures], haar_faces())
    rows = _read_faces(table)
    samples, faceless = [], 0
    for path, label, split in pictures:
        row = rows.get(path.relative_to(root).as_posix())
        if row is None:
            faceless += 1
            continue
        samples.append(Sample(path, label, split or "", *row))
    if faceless:
        print(f"{faceless} of {len(pictures)} pictures have no face in {table}: left out", file=sys.stderr)
    if samples and not samples[0].split:
        samples = _split(samples, {"train": 0.8, "val": 0.1, "test": 0.1}, seed)
    _check_classes(root, samples, classes)
    return samples


def hold_out(samples: Sequence[Sample], fraction: float, seed: int) -> tuple[list[Sample], list[Sample]]:
    """Split ``samples`` into (rest, held out), stratified by class; only size-matched samples are held out."""
    matched = [s for s in samples if s.size_matched]
    parts = _split(matched, {"rest": 1.0 - fraction, "held": fraction}, seed)
    held = {s.path for s in parts if s.split == "held"}
    return [s for s in samples if s.path not in held], [s for s in samples if s.path in held]


def write_faces(table: Path, root: Path, paths: Sequence[Path], find: FaceFinder) -> None:
    """Write the largest face of every picture as the CSV that ``load_samples`` reads; unreadable ones are named and left out."""
    unreadable: list[str] = []
    partial = table.with_name(f"{table.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(("file", "x", "y", "w", "h"))
            for path in tqdm(paths, desc="finding faces", unit="picture", disable=None):
                try:
                    boxes = find(read_image(path))
                except EdgefakeError as error:
                    unreadable.append(str(error))
                    continue
                if boxes:
                    box = boxes[0]
                    writer.writerow((path.relative_to(root).as_posix(), box.x, box.y, box.width, box.height))
        os.replace(partial, table)
    except OSError as error:
        raise InputError(
            f"the face table {table} cannot be written ({error.strerror}): name a writable file with --faces"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    for message in unreadable:
        print(f"left out: {message}", file=sys.stderr)


def _pictures(root: Path, classes: Sequence[str]) -> list[tuple[Path, int, str | None]]:
    if not root.is_dir():
        raise InputError(f"expected a folder with {' and '.join(classes)} pictures, got {root}, which is none")
    labels = {name.lower(): label for label, name in enumerate(classes)}
    splits = {folder: SPLITS[folder.name.lower()] for folder in _folders(root) if folder.name.lower() in SPLITS}
    found: list[tuple[Path, int, str | None]] = []
    for parent, split in splits.items() if splits else [(root, None)]:
        for folder in _folders(parent):
            label = labels.get(folder.name.lower())
            if label is not None:
                files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
                found += [(path, label, split) for path in files]
    if not found:
        expected = ", ".join(f"{root}/train/{name}" for name in classes)
        raise InputError(f"no pictures found: expected {expected}, … or the same without train, val and test")
    return found


def _folders(parent: Path) -> list[Path]:
    return sorted(p for p in parent.iterdir() if p.is_dir())


def _read_faces(table: Path) -> dict[str, tuple[Box, bool]]:
    with table.open(newline="") as stream:
        reader = csv.DictReader(stream)
        missing = {"file", "x", "y", "w", "h"} - set(reader.fieldnames or ())
        if missing:
            raise InputError(f"the face table {table} lacks the column(s) {', '.join(sorted(missing))}: expected file,x,y,w,h")
        faces: dict[str, tuple[Box, bool]] = {}
        for row in reader:
            if row.get("main", "1") == "0":
                continue
            try:
                box = Box(float(row["x"]), float(row["y"]), float(row["w"]), float(row["h"]))
            except (ValueError, TypeError) as error:
                raise InputError(f"line {reader.line_num} of {table} holds no face box: {error}") from error
            faces[row["file"]] = (box, row.get("size_matched", "1") != "0")
    return faces


def _split(samples: Sequence[Sample], parts: dict[str, float], seed: int) -> list[Sample]:
    """Assign each sample to a part, class by class, at random but fixed by ``seed``."""
    result = []
    for label in sorted({s.label for s in samples}):
        members = [s for s in samples if s.label == label]
        order = np.random.default_rng((seed, label)).permutation(len(members))
        edges = np.cumsum([0.0, *parts.values()])[1:-1] * len(members)
        part_of = np.searchsorted(edges, np.arange(len(members)), side="right")
        names = list(parts)
        result += [replace(members[i], split=names[part]) for i, part in zip(order, part_of, strict=True)]
    return sorted(result, key=lambda s: s.path)


def _check_classes(root: Path, samples: Iterable[Sample], classes: Sequence[str]) -> None:
    counts = Counter((s.split, s.label) for s in samples)
    for split in sorted({split for split, _ in counts}) or ["train"]:
        for label, name in enumerate(classes):
            if not counts[split, label]:
                raise InputError(
                    f"the class {name!r} of split {split!r} in {root} holds no picture with a face: every class needs some"
                )
