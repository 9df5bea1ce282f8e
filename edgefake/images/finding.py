"""Which files on a command line are pictures, and which files in a folder are of some kind."""

from __future__ import annotations

import glob
import os
from collections import Counter
from pathlib import Path

from edgefake.errors import InputError
from edgefake.secrets import without_secrets
from edgefake.text import printable

IMAGE_SUFFIXES = frozenset(
    {
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".mpo",
        ".png",
        ".apng",
        ".webp",
        ".tif",
        ".tiff",
        ".bmp",
        ".dib",
        ".gif",
        ".avif",
        ".heic",
    }
    | {".heif", ".hif", ".jp2", ".j2k", ".pnm", ".ppm", ".pgm", ".pbm"}
)
"""What counts as a picture in a folder. What a file really is, its content says."""

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".m2v", ".ts", ".mts", ".m2ts", ".vob", ".wmv", ".asf"}
    | {".flv", ".f4v", ".3gp", ".3g2", ".ogv", ".mxf", ".dv", ".divx", ".mjpeg", ".mjpg", ".h264", ".h265", ".hevc"}
)
"""What counts as a video in a folder."""


def find_images(source: str, *, skipped: Counter[str] | None = None) -> list[Path]:
    """The pictures that ``source`` stands for, sorted: a file, a folder with all its subfolders, or a glob pattern.

    A file is taken as it is; in a folder, what ends in one of ``IMAGE_SUFFIXES`` counts, and what is hidden does not. The
    suffixes of the other files there are counted in ``skipped``. A path without a file stands for itself, for ``read_image`` to
    report. Raises ``InputError`` for a folder without pictures, a pattern without matches, and an address.
    """
    skipped = Counter() if skipped is None else skipped
    if "\0" in source:
        return [Path(source)]
    if os.path.isdir(source):
        return find_in_folder(source, IMAGE_SUFFIXES, "pictures", skipped)
    if os.path.lexists(source):
        return [Path(source)]
    if "://" in source:
        raise InputError(
            f"{printable(without_secrets(source))} is an address: download the picture first (`edgefake watch` plays streams)"
        )
    if not glob.has_magic(source):
        return [Path(source)]
    matches = sorted(glob.glob(source, recursive=True))
    if not matches:
        raise InputError(f"no file matches {printable(source)}: check the pattern")
    return [
        image
        for match in matches
        for image in (find_in_folder(match, IMAGE_SUFFIXES, "pictures", skipped) if os.path.isdir(match) else [Path(match)])
    ]


def count_files(suffixes: Counter[str]) -> str:
    """For a sentence: ``4 files (3 .txt, 1 without suffix)``."""
    kinds = [f"{count} {printable(suffix, limit=20) or 'without suffix'}" for suffix, count in suffixes.most_common(10)]
    more = ", …" if len(suffixes) > 10 else ""
    return f"{suffixes.total()} file{'s' * (suffixes.total() > 1)} ({', '.join(kinds)}{more})"


def find_in_folder(folder: str | Path, suffixes: frozenset[str], kind: str, skipped: Counter[str]) -> list[Path]:
    """What ends in one of ``suffixes`` in ``folder`` and its subfolders and is not hidden, sorted; the others are counted.

    Raises ``InputError`` when there is no such file, or the folder cannot be read.
    """

    def stop(error: OSError) -> None:
        raise InputError(f"the folder {printable(error.filename)} cannot be read: {error.strerror}") from error

    found = []
    others: Counter[str] = Counter()
    for parent, folders, names in os.walk(folder, onerror=stop):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for file in (Path(parent) / name for name in names if not name.startswith(".")):
            if file.suffix.lower() in suffixes:
                found.append(file)
            else:
                others[file.suffix.lower()] += 1
    skipped.update(others)
    if not found:
        there = f", but {count_files(others)}" if others else ""
        known = ", ".join(sorted(suffixes))
        raise InputError(f"the folder {printable(folder)} holds no {kind}{there}: give one with files ending in {known}")
    return sorted(found)
