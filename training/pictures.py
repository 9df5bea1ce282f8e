"""The labelled pictures of a folder tree, before anything is known about the faces in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgefake.errors import InputError
from edgefake.images import IMAGE_SUFFIXES
from training.faces_table import Face
from training.notes import note

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """One labelled picture."""

    path: Path
    name: str
    """What the face table calls it."""
    label: int
    split: str
    """train, val, test, or empty where the data leaves it open."""
    face: Face | None = None
    """Where a manifest gives the box."""
    size_matched: bool = True


def folder_pictures(root: Path, classes: Sequence[str], *, real_only: bool) -> list[Picture]:
    """The pictures in ``root/train|val|test/CLASS`` or ``root/CLASS``, any case.

    With ``real_only`` the class folders of fakes may be missing, or all of them: the pictures that lie there are then real.
    Raises ``InputError`` for any other missing class folder and for an empty one.
    """
    if not root.is_dir():
        raise InputError(f"expected a folder with {' and '.join(classes)} pictures or a CSV manifest, got {root}, which is none")
    parents = {folder: SPLITS[folder.name.lower()] for folder in _folders(root) if folder.name.lower() in SPLITS} or {root: ""}
    found: list[Picture] = []
    for parent, split in parents.items():
        folders = _class_folders(parent, classes, real_only=real_only)
        if not folders and real_only:
            found += [Picture(path, path.relative_to(root).as_posix(), 0, split) for path in _pictures(parent.iterdir())]
        for folder, label in folders.items():
            paths = _pictures(folder.rglob("*"))
            if not paths:
                raise InputError(f"the class folder {folder} holds no pictures: expected {', '.join(sorted(IMAGE_SUFFIXES))}")
            found += [Picture(path, path.relative_to(root).as_posix(), label, split) for path in paths]
    if not found:
        expected = ", ".join(f"{root}/train/{name}" for name in classes)
        alone = "" if real_only else "; real pictures alone need --self-blend"
        raise InputError(f"no pictures found: expected {expected}, … or the same without train, val and test{alone}")
    return found


def _class_folders(parent: Path, classes: Sequence[str], *, real_only: bool) -> dict[Path, int]:
    """The folders in ``parent`` that are named like a class, with its label: one of each, or none at all."""
    labels = {name.lower(): label for label, name in enumerate(classes)}
    folders = {folder: labels[folder.name.lower()] for folder in _folders(parent) if folder.name.lower() in labels}
    if not folders:
        return {}
    for label, name in enumerate(classes):
        if label not in folders.values() and not (real_only and label):
            raise InputError(f"{parent} lacks the class folder {name!r}: expected one each for {', '.join(classes)}")
    note("folder(s) of no class: left out", [str(folder) for folder in _folders(parent) if folder not in folders])
    return folders


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if path.is_dir() and not path.name.startswith("."))


def _pictures(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES)
