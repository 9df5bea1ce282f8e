"""One manifest of several data sets, with the family of every picture."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edgefake.errors import InputError
from edgefake.files import write_atomically
from edgefake.text import printable
from training.families import at_most
from training.kept import face_table
from training.notes import note
from training.samples import CLASSES, Sample, load_samples

COLUMNS = ("file", "label", "split", "family", "group", "size_matched", "x", "y", "w", "h", "upright_x", "upright_y")


def combine(roots: Sequence[Path], out: Path, *, seed: int = 0, per_family: int | None = None) -> list[Sample]:
    """Write the manifest ``out`` of all faces in ``roots``, folder trees or manifests; the faces.

    A picture whose data name no family is of the family that is called like its data. Files are named relative to ``out``. Pairs
    keep their names, so that twins in several families, or several of ``roots``, stay together when the manifest is split.
    Of each family at most ``per_family`` real and as many fake faces are taken in each split, by lot.
    Raises ``InputError`` when two of ``roots`` are called alike and name no families, when ``out`` is one of them or the face
    table of one, or cannot be written.
    """
    if out.resolve() in {path.resolve() for root in roots for path in (root, face_table(root))}:
        raise InputError(f"expected a manifest of its own, got {printable(out)}, which is read: name another --out")
    loaded = [(name_of(root), load_samples(root, seed=seed, one_sided=True)) for root in roots]
    check_unnamed(loaded)
    found = [replace(sample, family=sample.family or name) for name, samples in loaded for sample in samples]
    if per_family is not None:
        parts = [[sample for sample in found if sample.split == split] for split in ("train", "val", "test")]
        found = [sample for part in parts for sample in at_most(part, per_family, seed)]
    splits: dict[str, set[str]] = {}
    for sample in found:
        splits.setdefault(sample.pair, set()).add(sample.split)
    note("pair(s) are in several splits, as their data say", [p for p, parts in sorted(splits.items()) if p and len(parts) > 1])
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_row(sample, out) for sample in found)
    try:
        write_atomically(out, text.getvalue().encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise InputError(f"the manifest {printable(out)} cannot be written ({error.strerror}): name another --out") from error
    return found


def name_of(root: Path) -> str:
    """What a folder tree or manifest is called, and the family of its pictures where it names none."""
    return root.resolve().stem if root.suffix.lower() == ".csv" else root.resolve().name


def check_unnamed(data_sets: Sequence[tuple[str, Sequence[Sample]]]) -> None:
    """Raise ``InputError`` where two of ``data_sets``, names and faces, are called alike and name no families."""
    unnamed = [name for name, samples in data_sets if not all(sample.family for sample in samples)]
    for name in unnamed:
        if unnamed.count(name) > 1:
            raise InputError(f"two data sets are called {printable(name)} and name no families: rename one of them")


def _row(sample: Sample, out: Path) -> tuple[object, ...]:
    box = sample.box
    return (
        os.path.relpath(sample.path.absolute(), out.absolute().parent),
        CLASSES[sample.label],
        sample.split,
        sample.family,
        sample.pair,
        int(sample.size_matched),
        *(box.x, box.y, box.width, box.height),
        *(sample.upright or ("", "")),
    )
