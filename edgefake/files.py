"""Writing a file whole or not at all, and giving libraries in C a path that they cannot misread."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PARTIAL = ".partial-"
"""How the names of unfinished files begin: what a kill leaves is hidden, and known for what it is."""

ABANDONED_S = 3600.0
"""What was last written so long ago is being written by nobody."""

_C_PATH_MAX = 1000
"""FFmpeg keeps names in buffers of 1,024 bytes."""


@contextmanager
def writing(path: Path, *, mode: int = 0o666) -> Iterator[Path]:
    """A new, empty file beside ``path`` for the ``with`` block to fill, which then takes its place.

    A reader sees the old file or the new one, after a loss of power too (both the file and its entry in the folder are on the
    disk in the end); where the block raises, the old one stays. The new file has the suffix of ``path`` and gets ``mode``, less
    what the umask takes away. A device or a pipe is given as it is. Raises ``OSError``.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        yield path
        return
    partial = path.with_name(f"{PARTIAL}{os.urandom(8).hex()}{path.suffix[:20]}")
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
        yield partial
        _settle(partial)
        os.replace(partial, path)
    finally:
        with suppress(OSError):  # a second error would hide the first
            partial.unlink(missing_ok=True)
    with suppress(OSError):  # not every file system can do that for a folder, and what had to be written is
        _settle(path.parent)


def write_atomically(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Put ``data`` at ``path``, whole or not at all, as ``writing`` does."""
    with writing(path, mode=mode) as partial:
        partial.write_bytes(data)


def write_json(path: Path, value: object) -> None:
    """Put ``value`` at ``path`` as JSON for people and scripts, whole or not at all, as ``writing`` does."""
    write_atomically(path, (json.dumps(value, indent=2) + "\n").encode())


def remove_partials(folder: Path, *, older_than_s: float = 0.0) -> None:
    """Take away what was left in ``folder`` by processes that were killed while they wrote.

    Others may not write there now, unless ``older_than_s`` (such as ``ABANDONED_S``) spares what was written lately.
    """
    for partial in folder.glob(f"{PARTIAL}*"):
        with suppress(FileNotFoundError):  # it is finished now
            if not older_than_s or time.time() - partial.stat().st_mtime > older_than_s:
                partial.unlink()


def _settle(path: Path) -> None:
    """Have the system put a file or folder on the disk, from where a loss of power does not take it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def plain_path(path: str | os.PathLike[str]) -> Iterator[str]:
    """``path`` as OpenCV and FFmpeg can open it, for reading and writing: valid only inside the ``with`` block.

    It is absolute, because FFmpeg takes a relative name with a colon for a protocol (``tcp:…``, ``concat:a|b``, ``12:30.mp4``);
    and where the name is not UTF-8, too deep for a C program, or may be a pattern to it (``%03d``), it is a link of the same
    suffix that leads there. Raises ``OSError`` where no link can be made.
    """
    full = os.path.abspath(path)
    try:
        if len(full.encode()) < _C_PATH_MAX and "%" not in full:
            yield full
            return
    except UnicodeEncodeError:
        pass
    with tempfile.TemporaryDirectory(prefix="edgefake-") as folder:
        suffix = os.path.splitext(full)[1]
        link = os.path.join(folder, "file" + (suffix if suffix.isascii() else ""))
        os.symlink(full, link)
        yield link
