"""The labelled faces of a data set: a folder tree or a CSV manifest, and the face box of every picture in it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError
from edgefake.faces import Box, haar_faces
from training.faces_table import read_faces, write_faces
from training.manifest import manifest_pictures
from training.notes import note
from training.pictures import Picture, folder_pictures

CLASSES = ("real", "fake")
AUTOMATIC = {"train": 0.8, "val": 0.1, "test": 0.1}
IMBALANCE = 10  # times as many faces of one class as of another that are worth a warning


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
    upright: tuple[float, float] | None = None
    """From between the eyes to the middle of the mouth, in box sizes, where the face table has them."""
    self_blend: bool = False
    """Whether the face is a fake made from the real one in ``path``: see ``training.self_blend``."""

    @property
    def fake(self) -> bool:
        """Whether it is any kind of fake."""
        return self.label > 0


def load_samples(
    root: Path, *, faces: Path | None = None, seed: int = 0, classes: Sequence[str] = CLASSES, real_only: bool = False
) -> list[Sample]:
    """Every labelled face of the data in ``root``, in a fixed order.

    Args:
        root: holds ``train|val|test`` folders (any case; ``Validation`` too) with ``real`` and ``fake`` in each, or just ``real``
            and ``fake``; or is a CSV manifest (see ``training.manifest``). Where neither says train, val or test, the pictures
            are split 80/10/10, stratified and fixed by ``seed``, copies of one together.
        faces: CSV with the columns ``file,x,y,w,h`` (relative to ``root``) and optionally ``main`` (1 marks the labelled face),
            ``size_matched`` and YuNet's landmarks. Default ``root/faces.csv``, or ``NAME.faces.csv`` beside a manifest
            ``NAME.csv``; where that is missing the faces are found with the library's own detector and written there.
        classes: names of the class folders (any case), real first; their order gives the labels.
        real_only: whether fakes may be missing, so that a folder of real pictures will do.

    Raises:
        InputError: no such folder, a missing or empty class, or an unusable CSV.
    """
    root = Path(root)
    if len({name.lower() for name in classes}) < max(2, len(classes)) or "real" in [name.lower() for name in classes[1:]]:
        raise InputError(f"expected the names of two or more classes, real first, got {', '.join(classes)}")
    if root.suffix.lower() == ".csv":
        pictures, table = manifest_pictures(root, classes), root.with_suffix(".faces.csv")
    else:
        pictures, table = folder_pictures(root, classes, real_only=real_only), root / "faces.csv"
    samples = _with_faces(pictures, Path(faces) if faces is not None else table)
    if not all(sample.split for sample in samples):
        samples = _automatic_split(samples, seed)
    _check_classes(samples, pictures, classes[:1] if real_only else classes)
    return samples


def fake_labels(samples: Sequence[Sample]) -> npt.NDArray[np.int_]:
    """1 for any kind of fake, 0 for real: (N,)."""
    return np.array([int(sample.fake) for sample in samples])


def hold_out(samples: Sequence[Sample], fraction: float, seed: int) -> tuple[list[Sample], list[Sample]]:
    """Split ``samples`` into (rest, held out), stratified by class; only size-matched samples are held out.

    Byte-identical copies of held-out pictures are in neither: training on them would flatter every held-out figure.
    """
    matched = [s for s in samples if s.size_matched]
    parts = _split(matched, {"rest": 1.0 - fraction, "held": fraction}, seed)
    held = {s.path for s in parts if s.split == "held"}
    contents = _contents(samples)
    seen = {contents[path] for path in held}
    return [s for s in samples if contents[s.path] not in seen], [s for s in samples if s.path in held]


def class_weights(samples: Sequence[Sample], classes: Sequence[str] = CLASSES) -> dict[int, float]:
    """What makes every class count alike in a mean over ``samples``: N / (classes · N of the class), by label.

    Warns on stderr when one class has more than ten times as many faces as another.
    """
    counts = Counter(sample.label for sample in samples)
    most, fewest = max(counts.values()), min(counts.values())
    if most > IMBALANCE * fewest:
        listed = ", ".join(f"{count} {classes[label]}" for label, count in sorted(counts.items()))
        print(
            f"warning: the classes are unequal by {most / fewest:.0f}:1 ({listed}): each face is weighted so that every class "
            f"counts alike, but {fewest} faces show little variety",
            file=sys.stderr,
        )
    return {label: len(samples) / (len(counts) * count) for label, count in sorted(counts.items())}


def _with_faces(pictures: Sequence[Picture], table: Path) -> list[Sample]:
    """A sample for every picture with a face, from the manifest itself or from ``table``, which is made when it is missing."""
    if all(picture.face for picture in pictures):
        found = [picture.face for picture in pictures]
    else:
        if not table.exists():
            write_faces(table, {picture.name: picture.path for picture in pictures}, haar_faces())
        rows = read_faces(table)
        found = [rows.get(picture.name) for picture in pictures]
    samples, faceless = [], []
    for picture, face in zip(pictures, found, strict=True):
        if face is None:
            faceless.append(picture.name)
            continue
        matched = picture.size_matched and face.size_matched
        samples.append(Sample(picture.path, picture.label, picture.split, face.box, matched, face.upright))
    note(f"of {len(pictures)} pictures have no face in {table}: left out", faceless)
    return samples


def _split(samples: Sequence[Sample], parts: dict[str, float], seed: int) -> list[Sample]:
    """Assign each picture to a part, class by class, at random but fixed by ``seed``; the faces of one picture stay together."""
    part_of: dict[Path, str] = {}
    for label in sorted({s.label for s in samples}):
        paths = list(dict.fromkeys(s.path for s in samples if s.label == label))
        order = np.random.default_rng((seed, label)).permutation(len(paths))
        edges = np.cumsum([0.0, *parts.values()])[1:-1] * len(paths)
        names = list(parts)
        for index, part in zip(order, np.searchsorted(edges, np.arange(len(paths)), side="right"), strict=True):
            part_of[paths[index]] = names[part]
    return sorted((replace(s, split=part_of[s.path]) for s in samples), key=lambda s: s.path)


def _automatic_split(samples: Sequence[Sample], seed: int) -> list[Sample]:
    """Assign each picture to train, val or test, copies of one to the same."""
    contents = _contents(samples)
    first: dict[tuple[int, bytes], Path] = {}
    one_each = [s for s in samples if first.setdefault(contents[s.path], s.path) == s.path]
    split_of = {contents[s.path]: s.split for s in _split(one_each, AUTOMATIC, seed)}
    return sorted((replace(s, split=split_of[contents[s.path]]) for s in samples), key=lambda s: s.path)


def _contents(samples: Sequence[Sample]) -> dict[Path, tuple[int, bytes]]:
    """What is equal for pictures with the same bytes: the size, and where several have that, SHA-256 too."""
    sizes = {path: path.stat().st_size for path in {s.path for s in samples}}
    count = Counter(sizes.values())
    return {path: (size, sha256(path.read_bytes()).digest() if count[size] > 1 else b"") for path, size in sizes.items()}


def _check_classes(samples: Sequence[Sample], pictures: Sequence[Picture], classes: Sequence[str]) -> None:
    """Every split that holds pictures needs faces of every class; ``InputError`` says which is missing, and why."""
    counts = Counter((s.split, s.label) for s in samples)
    for label, name in enumerate(classes):
        of_class = sum(picture.label == label for picture in pictures)
        if not any(sample.label == label for sample in samples):
            raise InputError(f"the class {name!r} has no face: expected pictures with one, got {of_class} without")
        for split in sorted({split for split, _ in counts} | {picture.split for picture in pictures if picture.split}):
            if not counts[split, label]:
                raise InputError(f"the class {name!r} has no face in the split {split!r}: every split needs some of every class")
