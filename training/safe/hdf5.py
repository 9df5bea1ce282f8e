"""HDF5 files, of which nothing but plain arrays is read, and which are written in one piece."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import h5py

from edgefake.errors import InputError

MOST_OBJECTS, DEEPEST = 100_000, 100
INFLATED = 100
"""How many times the size of the file its arrays may add up to: Keras compresses nothing, compressed weights hardly shrink."""


@contextmanager
def open_arrays(path: Path) -> Iterator[h5py.File]:
    """The HDF5 file at ``path``, for reading.

    Raises ``InputError``, whose message completes a sentence about the file, where it is none or damaged, leads to another file
    (external links and data, virtual arrays), or holds what is no array of numbers, or too much.
    """
    try:
        if path.suffix == ".keras" and is_zipfile(path):  # Keras would read the zip file, which nobody has checked
            raise InputError("it is an HDF5 and a zip file at once")
        file = h5py.File(path, "r")
        try:
            _check(file, path.stat().st_size)
        except BaseException:
            file.close()
            raise
    except InputError:
        raise
    except Exception as error:  # what h5py raises depends on the damage
        raise InputError(f"{type(error).__name__}: {str(error).partition(chr(10))[0][:120]}") from error
    with file:
        yield file


@contextmanager
def written_at_once(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file in memory that is written to ``path`` in the end.

    On a full disk HDF5 itself fails only when it closes the file, where it can take the whole process with it (a segmentation
    fault was seen).
    """
    with h5py.File(path.name, "w", driver="core", backing_store=False) as file:
        yield file
        file.flush()
        image = file.id.get_file_image()
    path.write_bytes(image)


def _check(file: h5py.File, size: int) -> None:
    allowed, found, seen = INFLATED * max(size, 100_000), 0, 0
    pending: list[tuple[str, Any]] = [("", file)]
    while pending:
        name, group = pending.pop()
        for key in group:
            inner = f"{name}/{key}"
            shown, seen = ascii(inner[:80]), seen + 1
            if type(group.get(key, getlink=True)) is not h5py.HardLink:
                raise InputError(f"it leads to another place at {shown}")
            if seen > MOST_OBJECTS or inner.count("/") > DEEPEST:  # or a group that holds itself
                raise InputError(f"it holds more than {MOST_OBJECTS} groups and arrays, or {DEEPEST} of them in each other")
            value = group[key]
            if isinstance(value, h5py.Group):
                pending.append((inner, value))
                continue
            if not isinstance(value, h5py.Dataset) or value.dtype.kind not in "biufSV" or value.dtype.names:
                raise InputError(f"it holds no array of numbers at {shown}")
            if value.external or value.is_virtual:
                raise InputError(f"it keeps the array {shown} in another file")
            found += value.size * value.dtype.itemsize
            if found > allowed:
                raise InputError(f"it unpacks to more than {INFLATED} times its size")
