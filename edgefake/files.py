"""Writing a file whole or not at all, and giving libraries in C a path that they cannot misread."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_C_PATH_MAX = 1000
"""FFmpeg keeps names in buffers of 1,024 bytes."""


def write_atomically(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Put ``data`` at ``path``, replacing what is there; a reader sees the old file or the new one. Raises ``OSError``.

    A new file gets ``mode``, less what the umask takes away.
    """
    partial = path.with_name(f".{os.urandom(8).hex()}.partial")
    try:
        with open(partial, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(data)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


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
