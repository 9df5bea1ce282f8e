"""The labelled faces of a data set: a folder tree or a CSV manifest, and the face box of every picture in it."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgefake.errors import InputError
from edgefake.faces import Box
from edgefake.text import printable
from training.digests import Key, digests, parts_of
from training.faces_table import read_faces, write_faces
from training.kept import FOLDER, face_table
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
    made: tuple[str, ...] = ()
    """What makes a fake of the real one in ``path``, each time one of these: see ``training.pseudo``."""
    twin: tuple[Path, Box] | None = None
    """The fake twin of that real one, where it has a part in it."""
    pair: str = ""
    """The group of pictures that stay together, where a manifest names one."""
    family: str = ""
    """What the picture comes from, where a manifest says it: a generator, a manipulation, or a source of real pictures."""

    @property
    def fake(self) -> bool:
        """Whether it is any kind of fake."""
        return self.label > 0


def load_samples(
    root: Path,
    *,
    faces: Path | None = None,
    seed: int = 0,
    classes: Sequence[str] = CLASSES,
    folders: Mapping[str, str] | None = None,
    real_only: bool = False,
    one_sided: bool = False,
) -> list[Sample]:
    """Every labelled face of the data in ``root``, in a fixed order.

    Args:
        root: holds ``train|val|test`` folders (any case; ``Validation`` too) with ``real`` and ``fake`` in each, or just ``real``
            and ``fake``; or is a CSV manifest (see ``training.manifest``). Where neither says train, val or test, about 80, 10
            and 10 % of the pictures go there, each by a hash of its content (or of its pair) and ``seed``: a picture stays in
            its split whatever is added or removed, and copies are together. Classes of a few pictures have one in each split.
        faces: CSV with the columns ``file,x,y,w,h`` (relative to ``root``) and optionally ``main`` (1 marks the labelled face),
            ``size_matched`` and YuNet's landmarks. Default ``root/faces.csv``, or ``NAME.faces.csv`` beside a manifest
            ``NAME.csv``, or below ``runs/faces`` where the data is read-only; where that is missing the faces are found with the
            library's own detector and written there.
        classes: names of the class folders (any case), real first; their order gives the labels.
        folders: the class of folders, or of a manifest's labels, that are called otherwise.
        real_only: whether fakes may be missing, so that a folder of real pictures will do.
        one_sided: whether any class may be missing, which is enough to measure a rate.

    Raises:
        InputError: no such folder, a missing or empty class, or an unusable CSV.
    """
    root = Path(root)
    if len({name.lower() for name in classes}) < max(2, len(classes)) or "real" in [name.lower() for name in classes[1:]]:
        raise InputError(f"expected the names of two or more classes, real first, got {printable(', '.join(classes))}")
    may_lack = classes if one_sided else classes[1:] if real_only else ()
    pictures = listed(root, classes, folders, may_lack)
    samples = _with_faces(pictures, Path(faces) if faces is not None else face_table(root))
    automatic = not all(sample.split for sample in samples)
    if automatic:
        samples = _automatic_split(samples, seed)
    _check_classes(samples, pictures, [name for name in classes if name not in may_lack], classes, automatic=automatic)
    return samples


def listed(
    root: Path, classes: Sequence[str], folders: Mapping[str, str] | None = None, may_lack: Sequence[str] = ()
) -> list[Picture]:
    """The pictures of the data in ``root``, before anything is known about faces; see ``load_samples``."""
    if root.suffix.lower() == ".csv":
        return manifest_pictures(root, classes, folders)
    return folder_pictures(root, classes, folders=folders, may_lack=may_lack)


def fake_labels(samples: Sequence[Sample]) -> npt.NDArray[np.int_]:
    """1 for any kind of fake, 0 for real: (N,)."""
    return np.array([int(sample.fake) for sample in samples])


def hold_out(samples: Sequence[Sample], fraction: float, seed: int) -> tuple[list[Sample], list[Sample]]:
    """Split ``samples`` into (rest, held out) by a hash of each picture, as ``load_samples`` does; only size-matched samples are
    held out, of every class some.

    Copies of held-out pictures, and others of their pairs, are in neither: training on them would flatter every held-out figure.
    """
    groups = _groups(samples)
    matched = [(s, group) for s, group in zip(samples, groups, strict=True) if s.size_matched]
    part_of = parts_of(_keys(matched), {"rest": 1.0 - fraction, "held": fraction}, seed)
    rest = [s for s, group in zip(samples, groups, strict=True) if part_of.get(group) != "held"]
    return rest, [s for s, group in matched if part_of[group] == "held"]


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
            if table.is_relative_to(FOLDER):
                table.parent.mkdir(parents=True, exist_ok=True)
            write_faces(table, {picture.name: picture.path for picture in pictures})
        rows = read_faces(table)
        found = [rows.get(picture.name) for picture in pictures]
    samples, faceless = [], []
    for picture, face in zip(pictures, found, strict=True):
        if face is None:
            faceless.append(picture.name)
            continue
        matched = picture.size_matched and face.size_matched
        samples.append(
            Sample(
                picture.path,
                picture.label,
                picture.split,
                face.box,
                matched,
                face.upright,
                pair=picture.pair,
                family=picture.family,
            )
        )
    note(f"of {len(pictures)} pictures have no face in {printable(table)}: left out", faceless)
    return samples


def _automatic_split(samples: Sequence[Sample], seed: int) -> list[Sample]:
    grouped = list(zip(samples, _groups(samples), strict=True))
    part_of = parts_of(_keys(grouped), AUTOMATIC, seed)
    return sorted((replace(s, split=part_of[group]) for s, group in grouped), key=lambda s: s.path)


def _groups(samples: Sequence[Sample]) -> list[str]:
    """What each sample stays together with, by name: those of its pair and their copies, of whatever pair these are; else copies.

    The name is the first of the pairs, or the digest of the picture.
    """
    content = digests(s.path for s in samples)
    leaders: dict[str, str] = {}

    def leader(name: str) -> str:
        while name in leaders:
            name = leaders[name]
        return name

    contents = set(content.values())
    for pair, digest in sorted({(s.pair, content[s.path]) for s in samples if s.pair}):
        first, second = sorted((leader(pair), leader(digest)), key=lambda name: (name in contents, name))
        if first != second:
            leaders[second] = first
    return [leader(content[s.path]) for s in samples]


def _keys(grouped: Sequence[tuple[Sample, str]]) -> list[Key]:
    labels: dict[str, set[int]] = defaultdict(set)
    for sample, group in grouped:
        labels[group].add(sample.label)
    return [(name, frozenset(found)) for name, found in labels.items()]


def _check_classes(
    samples: Sequence[Sample], pictures: Sequence[Picture], needed: Sequence[str], classes: Sequence[str], *, automatic: bool
) -> None:
    """Every split that holds pictures needs faces of every class; ``InputError`` says which is missing, and why."""
    counts = Counter((s.split, s.label) for s in samples)
    if not samples:
        raise InputError(f"expected pictures with a face, got {len(pictures)} without")
    for label, name in enumerate(classes):
        if name not in needed:
            continue
        of_class = sum(picture.label == label for picture in pictures)
        if not any(sample.label == label for sample in samples):
            raise InputError(f"the class {name!r} has no face: expected pictures with one, got {of_class} without")
        for split in sorted({split for split, _ in counts} | {picture.split for picture in pictures if picture.split}):
            if not counts[split, label]:
                why = "to split a class takes 3 different pictures" if automatic else "every split needs some of every class"
                raise InputError(f"the class {name!r} has no face in the split {split!r}: {why}")
