"""What a ``.tflite`` is: a FlatBuffer, with its card as JSON in a zip appended to it (TensorFlow Lite's metadata)."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgefake.errors import CardError, ModelFileError
from edgefake.models.card import MAX_CARD, ModelCard
from edgefake.text import printable

ENTRY = "edgefake_card.json"

MAX_TAIL = MAX_CARD + (64 << 10)
"""Bytes at the end of the file that hold the card and the list of the zip's entries."""

MAX_OTHERS = 64 << 20
"""Bytes of an entry of others, which writing a card keeps."""


def check(data: bytes, path: Path) -> None:
    """Raise ``ModelFileError`` for what is no FlatBuffer of TFLite: interpreters crash on some of those."""
    if data[4:8] != b"TFL3":
        raise ModelFileError(f"{printable(path)} is no TFLite model (no TFL3 mark): get the file again, or convert the model")


def read_card(data: bytes, path: Path) -> ModelCard | None:
    with _reading(path):
        archive = _archive(data[-MAX_TAIL:])
        if archive is None or ENTRY not in archive.namelist():
            return None
        text = _content_of(archive, ENTRY)
    return ModelCard.from_json(text, source=printable(path))


def write_card(data: bytes, card: ModelCard, path: Path) -> bytes:
    end = _end(data, path)
    entries: dict[str, bytes] = {}
    if end < len(data):
        with _reading(path), zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {name: _content_of(archive, name, MAX_OTHERS) for name in archive.namelist() if name != ENTRY}
    entries[ENTRY] = card.to_json().encode()
    file = io.BytesIO(data[:end])
    with zipfile.ZipFile(file, "a") as archive:
        for name, content in entries.items():
            # Stored, with a fixed time stamp: the same model and card give the same bytes everywhere, and so the same SHA-256.
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_STORED)
    return file.getvalue()


def payload(data: bytes, path: Path) -> Iterator[memoryview]:
    """The file up to its appended zip."""
    yield memoryview(data)[: _end(data, path)]


def _end(data: bytes, path: Path) -> int:
    """Where the network ends: at the zip, or with the file."""
    with _reading(path):
        tail = data[-MAX_TAIL:]
        archive = _archive(tail)
        if archive is None:
            return len(data)
        end = min((info.header_offset for info in archive.infolist()), default=archive.start_dir) + len(data) - len(tail)
        if end < 0:
            raise ValueError("it starts before the file")
        return end


def _archive(tail: bytes) -> zipfile.ZipFile | None:
    """The zip that a file ends with. Of just the ``tail`` of it, the list of entries cannot be longer than a card may be;
    offsets before it are negative then."""
    file = io.BytesIO(tail)
    return zipfile.ZipFile(file) if zipfile.is_zipfile(file) else None


def _content_of(archive: zipfile.ZipFile, name: str, most: int = MAX_CARD) -> bytes:
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # the others unpack without a limit
        raise ValueError(f"{printable(name)} is neither stored nor deflated")
    if info.file_size > most:
        raise ValueError(f"{printable(name)} unpacks to {info.file_size} bytes, more than {most}")
    with archive.open(info) as stream:
        return stream.read(most)  # read() unpacks all that there is, whatever was announced


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, struct.error) as error:
        raise CardError(f"the card in {printable(path)} is damaged ({printable(error)}): get the file again") from error
