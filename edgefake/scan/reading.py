"""What is to be judged, and its bytes: of a file, a part of one, an address that ``fsspec`` knows, or given."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes, urlsplit

from edgefake.errors import InputError
from edgefake.images.reading import HEAD_BYTES, MAX_BYTES, begins_as_video, open_regular
from edgefake.scan.extra import required
from edgefake.scan.rows import File
from edgefake.secrets import without_secrets
from edgefake.text import printable

HELD = 32 << 20
"""Larger files are read when it is their turn, not ahead."""

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Work:
    """One file to be judged, or some clips of a video."""

    path: str | None = None
    """Of a local file, a ``file:`` URI where its name is not UTF-8, or an address; None where only ``data`` is known."""
    data: bytes | None = None
    archive: str | None = None
    """Of the tar file in which it lies from ``offset`` on; ``path`` is then only its name."""
    offset: int = 0
    length: int = 0
    sha256: str | None = None
    """Where that is known already: of a video of which some ``clips`` are to be judged."""
    size: int | None = None
    clips: int | None = None
    """So many there are in all."""
    first: int = 0
    end: int = 0

    @property
    def file(self) -> File:
        return File(self.path, self.sha256, self.size)

    @property
    def name(self) -> str:
        """For messages."""
        if self.path is None:
            return "the file in memory"
        return printable(without_secrets(self.path) if self.is_address else local_path(self.path))

    @property
    def is_address(self) -> bool:
        return is_address(self.path)

    @property
    def local(self) -> Path | None:
        """Where the file lies on this machine, as it is."""
        return None if self.path is None or self.data is not None or self.archive or self.is_address else local_path(self.path)


@dataclass(frozen=True, slots=True)
class Content:
    """A file that was read."""

    file: File
    is_video: bool
    data: bytes | None
    """None of a video and of what is larger than ``HELD``."""


def is_address(path: str | None) -> bool:
    return path is not None and "://" in path and not path.startswith("file://")


def local_path(path: str) -> Path:
    """The path that a ``file:`` URI (see ``portable_path``) stands for, or that it is."""
    if path.startswith("file:///"):
        return Path(os.fsdecode(unquote_to_bytes(urlsplit(path).path)))
    return Path(path.removeprefix("file://"))  # of a relative path some make that


def read(work: Work) -> Content:
    """Hash a file, and hold it where it is a picture. Raises ``InputError``."""
    suffix = os.path.splitext(work.path or "")[1]
    with opened(work) as source:
        head = source.read(HEAD_BYTES)
        if not head:
            raise InputError(f"{work.name} is empty (0 bytes): give a picture or a video")
        is_video = begins_as_video(head, suffix)
        digest, size, held = hashlib.sha256(), 0, [] if is_video else [head]
        piece = head
        while piece:
            digest.update(piece)
            size += len(piece)
            if size > HELD:
                held = []
            if size > MAX_BYTES and not is_video:
                raise InputError(f"{work.name} is larger than {MAX_BYTES >> 30} GiB: give a picture or a video")
            piece = source.read(_PIECE)
            if held:
                held.append(piece)
    return Content(File(work.path, digest.hexdigest(), size), is_video, b"".join(held) if held else None)


def read_whole(work: Work) -> bytes:
    """All its bytes. Raises ``InputError``."""
    if work.data is not None:
        return work.data
    with opened(work) as source:
        return bytes(source.read(MAX_BYTES + 1))


@contextmanager
def on_disk(work: Work) -> Iterator[Path]:
    """The file as one on this machine: itself, or a copy as long as the ``with`` block lasts. Raises ``InputError``."""
    if work.local is not None:
        yield work.local
        return
    suffix = os.path.splitext(work.path or "")[1]
    with tempfile.NamedTemporaryFile(prefix="edgefake-", suffix=suffix if suffix.isascii() else "") as copy:
        with opened(work) as source:
            shutil.copyfileobj(source, copy, _PIECE)
        copy.flush()
        yield Path(copy.name)


@contextmanager
def opened(work: Work) -> Iterator[Any]:
    """A file object of its bytes. Raises ``InputError``."""
    if work.data is not None:
        import io

        yield io.BytesIO(work.data)
    elif work.archive is not None:
        with _opened(work.archive) as archive:
            archive.seek(work.offset)
            yield _Part(archive, work.length)
    else:
        assert work.path is not None
        with _opened(work.path) as source:
            yield source


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    if not is_address(path):
        with open_regular(local_path(path)) as file:
            yield file
        return
    name = printable(without_secrets(path))
    try:
        with required("fsspec").open(path, "rb") as source:
            yield source
    except InputError:
        raise
    except Exception as error:  # each file system has its own
        raise InputError(f"{name} cannot be read: {why(error)}") from error


def why(error: Exception) -> str:
    """What a file system of ``fsspec`` complains of."""
    if isinstance(error, ImportError):
        return f"{error}"
    text = (getattr(error, "strerror", None) or str(error)).strip()
    return printable(without_secrets(f"{type(error).__name__} {text}" if text else type(error).__name__))


class _Part:
    """The next ``length`` bytes of a file."""

    def __init__(self, source: BinaryIO, length: int) -> None:
        self._source, self._left = source, length

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data
