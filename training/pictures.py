"""The labelled pictures of a folder tree, before anything is known about the faces in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgefake.errors import InputError
from edgefake.images import IMAGE_SUFFIXES
from edgefake.text import printable
from training.faces_table import LabelledFace
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
    face: LabelledFace | None = None
    """Where a manifest gives the box."""
    size_matched: bool = True
    pair: str = ""
    """Where a manifest says which pictures belong together, the name of their group: they go to one split."""
    family: str = ""
    """Where a manifest says what the picture comes from: a generator, a manipulation, or a source of real pictures."""


def labels_of(classes: Sequence[str], folders: Mapping[str, str]) -> dict[str, int]:
    """The label of each name, in lower case, that a folder or a manifest's label may have: those of ``folders`` and ``classes``.

    Raises ``InputError`` where ``folders`` maps a name to something that is no class.
    """
    labels = {name.lower(): label for label, name in enumerate(classes)}
    for folder, name in folders.items():
        if name.lower() not in labels:
            raise InputError(f"{printable(name)!r} is no class: expected one of {', '.join(classes)} for {printable(folder)}")
    return labels | {folder.lower(): labels[name.lower()] for folder, name in folders.items()}


def folder_pictures(
    root: Path, classes: Sequence[str], *, folders: Mapping[str, str] | None = None, may_lack: Sequence[str] = ()
) -> list[Picture]:
    """The pictures in ``root/train|val|test/CLASS`` or ``root/CLASS``, any case; hidden files and folders are none.

    Args:
        root: the data set.
        classes: names of the classes, real first.
        folders: the class of folders that are called otherwise.
        may_lack: classes whose folder may be missing. Where only real must be there and no class folder is, all pictures are.

    Raises:
        InputError: no such folder, or any other class folder that is missing or empty.
    """
    if not root.is_dir():
        raise InputError(
            f"expected a folder with {' and '.join(classes)} pictures or a CSV manifest, got {printable(root)}, which is none"
        )
    parents = {folder: SPLITS[folder.name.lower()] for folder in _folders(root) if folder.name.lower() in SPLITS} or {root: ""}
    labels = labels_of(classes, folders or {})
    found: list[Picture] = []
    for parent, split in parents.items():
        of_class = _class_folders(parent, classes, labels, may_lack)
        if not of_class and [*may_lack] == [*classes[1:]]:
            found += [Picture(path, path.relative_to(root).as_posix(), 0, split) for path in _pictures(parent, parent.iterdir())]
        for folder, label in of_class.items():
            paths = _pictures(folder, folder.rglob("*"))
            if not paths:
                raise InputError(
                    f"the class folder {printable(folder)} holds no pictures: expected {', '.join(sorted(IMAGE_SUFFIXES))}"
                )
            found += [Picture(path, path.relative_to(root).as_posix(), label, split) for path in paths]
    if not found:
        expected = ", ".join(f"{printable(root)}/train/{name}" for name in classes)
        alone = "" if may_lack else "; real pictures alone need --self-blend, other names of folders --folders"
        raise InputError(f"no pictures found: expected {expected}, … or the same without train, val and test{alone}")
    return found


def _class_folders(parent: Path, classes: Sequence[str], labels: Mapping[str, int], may_lack: Sequence[str]) -> dict[Path, int]:
    """The folders in ``parent`` that are named like a class, with its label: at least one of each, or none at all."""
    folders = {folder: labels[folder.name.lower()] for folder in _folders(parent) if folder.name.lower() in labels}
    if not folders:
        return {}
    for label, name in enumerate(classes):
        if label not in folders.values() and name not in may_lack:
            raise InputError(
                f"{printable(parent)} lacks the class folder {name!r}: expected one each for {', '.join(classes)}, or name it "
                f"with --folders {name}=…"
            )
    note("folder(s) of no class: left out", [str(folder) for folder in _folders(parent) if folder not in folders])
    return folders


def _folders(parent: Path) -> list[Path]:
    return sorted(path for path in parent.iterdir() if path.is_dir() and not hidden(path.name))


def _pictures(folder: Path, paths: Iterable[Path]) -> list[Path]:
    """The picture files among ``paths``, all below ``folder``."""
    return sorted(
        path
        for path in paths
        if path.suffix.lower() in IMAGE_SUFFIXES and not any(map(hidden, path.relative_to(folder).parts)) and path.is_file()
    )


def hidden(name: str) -> bool:
    """Whether a file or folder is no part of the data: what programs keep beside pictures, such as their thumbnails."""
    return name.startswith(".") or name == "__MACOSX"
