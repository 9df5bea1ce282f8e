"""The card inside a model file: where each format keeps it, and reading and writing it there.

In a ``.tflite`` the card is JSON in a zip appended to the FlatBuffer (the TensorFlow Lite metadata convention), in an ``.onnx``
it is an entry of ``metadata_props``; interpreters ignore both. A TensorRT ``.engine`` has it in its sidecar.
"""

from __future__ import annotations

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from edgefake.errors import CardError, ModelFileError
from edgefake.files import write_atomically
from edgefake.models.card import ModelCard
from edgefake.text import printable

Bytes = TypeVar("Bytes", bytes, memoryview)

ENTRY = "edgefake_card.json"
ONNX_KEY = b"edgefake_card"
ONNX_GRAPH, ONNX_METADATA = 7, 14
"""Numbers of two fields of ``ModelProto`` in onnx.proto."""

# Where tensors are in a ``ModelProto``: which fields of a message hold which others.
_HOLDS = {
    "model": {ONNX_GRAPH: "graph", 25: "function"},
    "function": {7: "node"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA = 13
"""The field of a ``TensorProto`` that names another file."""

MAX_CARD = 2 << 20
"""Bytes. A card with its golden vectors has 50 kB; a card that unpacks to more is made to exhaust memory."""

MAX_TAIL = MAX_CARD + (64 << 10)
"""Bytes at the end of a ``.tflite`` that hold the card and the list of the zip's entries."""

MAX_OTHERS = 64 << 20
"""Bytes of an entry of others, which writing a card keeps."""

MAX_FILE = 2 << 30
"""Bytes: what FlatBuffers and protocol buffers can address."""


def check_model(path: Path) -> None:
    """Raise ``ModelFileError`` when the file is no model of its kind: interpreters answer some of those with a crash."""
    if path.suffix == ".engine":
        return  # its sidecar has its SHA-256
    if path.suffix == ".onnx":
        data = _bytes(path)
        if not any(number == ONNX_GRAPH for number, _ in _onnx_fields(data, path)):
            raise ModelFileError(f"{printable(path)} is no ONNX model (no graph in it): get the file again, or convert the model")
        _check_whole(data, path)
        return
    if _bytes(path, 8)[4:] != b"TFL3":
        raise ModelFileError(f"{printable(path)} is no TFLite model (no TFL3 mark): get the file again, or convert the model")


def read_card(path: str | Path) -> ModelCard | None:
    """The card inside a ``.tflite`` or ``.onnx`` file or beside an ``.engine``, or None when it has none.

    Raises ``CardError`` when there is one that can't be used, ``ModelFileError`` when the file is damaged before it, or its
    network is not the one that the card was written for.
    """
    path = Path(path)
    if path.suffix == ".engine":
        from edgefake.runtimes.tensorrt.cache import read_sidecar

        return read_sidecar(path).card
    data = _bytes(path)
    text = _onnx_card(data, path) if path.suffix == ".onnx" else _tflite_card(data, path)
    if text is None:
        return None
    card = ModelCard.from_json(text, source=printable(path))
    _check(card, data, path)
    return card


def check_payload(path: Path, card: ModelCard) -> None:
    """Raise ``ModelFileError`` unless the network at ``path`` is the one that ``card`` was written for, as far as it says.

    An ``.engine`` is checked by its sidecar.
    """
    if card.payload_sha256 is not None and path.suffix != ".engine":
        _check(card, _bytes(path), path)


def payload_sha256(path: Path) -> str:
    """SHA-256 of the network at ``path``: a ``.tflite`` up to its appended zip, an ``.onnx`` without its ``metadata_props``."""
    return _payload_sha256(_bytes(path), path)


def write_card(path: str | Path, card: ModelCard) -> ModelCard:
    """Put ``card`` into the model file at ``path``, replacing one that is there; the model itself is untouched.

    The file is replaced atomically. Other metadata (a stranger's) is kept. Returns the card as it is in the file, which has
    the SHA-256 of the network.
    """
    path = Path(path)
    data = _bytes(path)
    card = replace(card, payload_sha256=_payload_sha256(data, path))
    write_atomically(path, _onnx_with(data, card, path) if path.suffix == ".onnx" else _tflite_with(data, card, path))
    return card


def _check_whole(model: bytes, path: Path) -> None:
    """Raise ``ModelFileError`` where weights of an ``.onnx`` are in another file: no digest in this one could vouch for them."""
    messages = [("model", memoryview(model))]
    while messages:
        kind, message = messages.pop()
        for number, field in _onnx_fields(message, path):
            if kind == "tensor" and number == _EXTERNAL_DATA:
                raise ModelFileError(
                    f"{printable(path)} has weights in another file, for which the SHA-256 in its card could not vouch: "
                    "save it as one file (onnx.save(onnx.load(NAME), NAME))"
                )
            if number in _HOLDS[kind]:
                messages.append((_HOLDS[kind][number], _content(field)))


def _bytes(path: Path, count: int = -1) -> bytes:
    """The first ``count`` bytes of the file, by default all."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise ModelFileError(f"{printable(path)} is larger than any TFLite or ONNX model: give a model file")
        with path.open("rb") as stream:
            return stream.read(count)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelFileError(f"{printable(path)} cannot be read ({reason}): give a model file that can") from error


def _check(card: ModelCard, data: bytes, path: Path) -> None:
    if card.payload_sha256 is not None and (found := _payload_sha256(data, path)) != card.payload_sha256:
        raise ModelFileError(
            f"{printable(path)} is not the network that its card was written for (SHA-256 {found[:12]}… instead of "
            f"{card.payload_sha256[:12]}…): get the file again"
        )


def _payload_sha256(data: bytes, path: Path) -> str:
    digest = hashlib.sha256()
    if path.suffix == ".onnx":
        for number, field in _onnx_fields(data, path):
            if number != ONNX_METADATA:
                digest.update(field)
    else:
        digest.update(memoryview(data)[: _tflite_payload(data, path)])
    return digest.hexdigest()


def _tflite_payload(data: bytes, path: Path) -> int:
    """Where the network of a ``.tflite`` ends: at the zip, or with the file."""
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


def _tflite_card(data: bytes, path: Path) -> bytes | None:
    with _reading(path):
        archive = _archive(data[-MAX_TAIL:])
        return None if archive is None or ENTRY not in archive.namelist() else _content_of(archive, ENTRY)


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


def _tflite_with(data: bytes, card: ModelCard, path: Path) -> bytes:
    end = _tflite_payload(data, path)
    entries: dict[str, bytes] = {}
    if end < len(data):
        with _reading(path), zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {name: _content_of(archive, name, MAX_OTHERS) for name in archive.namelist() if name != ENTRY}
    entries[ENTRY] = _text(card)
    file = io.BytesIO(data[:end])
    with zipfile.ZipFile(file, "a") as archive:
        for name, content in entries.items():
            # Stored, with a fixed time stamp: the same model and card give the same bytes everywhere, and so the same SHA-256.
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, zipfile.ZIP_STORED)
    return file.getvalue()


def _text(card: ModelCard) -> bytes:
    text = card.to_json().encode()
    if len(text) > MAX_CARD:
        raise CardError(
            f"the card of {printable(card.name)} has {len(text)} bytes, more than the {MAX_CARD} that are read: shorten it"
        )
    return text


def _onnx_with(model: bytes, card: ModelCard, path: Path) -> bytes:
    kept = [field for number, field in _onnx_fields(model, path) if number != ONNX_METADATA or _entry(field, path)[0] != ONNX_KEY]
    entry = _message(1, ONNX_KEY) + _message(2, _text(card))
    return b"".join(kept) + _message(ONNX_METADATA, entry)


def _onnx_card(model: bytes, path: Path) -> bytes | None:
    entries = dict(_entry(field, path) for number, field in _onnx_fields(model, path) if number == ONNX_METADATA)
    text = entries.get(ONNX_KEY)
    if text is not None and len(text) > MAX_CARD:
        raise CardError(f"the card in {printable(path)} has {len(text)} bytes, more than {MAX_CARD}: convert the model again")
    return text


def _entry(field: bytes, path: Path) -> tuple[bytes, bytes]:
    """Key and value of a whole ``metadata_props`` field (``StringStringEntryProto``)."""
    parts = {number: _content(part) for number, part in _onnx_fields(_content(field), path)}
    return parts.get(1, b""), parts.get(2, b"")


def _content(field: Bytes) -> Bytes:
    """What is in a length-delimited field; nothing is in another kind."""
    tag, start = _varint(field, 0)
    if tag & 7 != 2:
        return field[:0]
    length, start = _varint(field, start)
    return field[start : start + length]


def _onnx_fields(message: Bytes, path: Path) -> Iterator[tuple[int, Bytes]]:
    """(number, whole field with its tag) of a protocol-buffers message; the onnx package is too much for a device to need.

    https://protobuf.dev/programming-guides/encoding
    """
    start = 0
    while start < len(message):
        try:
            tag, end = _varint(message, start)
            kind = tag & 7
            if kind == 0:
                _, end = _varint(message, end)
            elif kind == 2:
                length, end = _varint(message, end)
                end += length
            else:
                end += {1: 8, 5: 4}[kind]
        except (IndexError, KeyError):
            end = len(message) + 1
        if end > len(message):
            raise ModelFileError(f"{printable(path)} is no ONNX model or cut short: get the file again, or convert the model")
        yield tag >> 3, message[start:end]
        start = end


def _varint(data: Sequence[int], start: int) -> tuple[int, int]:
    """The number that starts there, and where it ends."""
    value = shift = 0
    while data[start] & 0x80:
        value |= (data[start] & 0x7F) << shift
        start, shift = start + 1, shift + 7
        if shift > 63:
            raise IndexError("no number of protocol buffers is longer")
    return value | data[start] << shift, start + 1


def _message(number: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return _encoded(number << 3 | 2) + _encoded(len(content)) + content


def _encoded(value: int) -> bytes:
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*data, value])
