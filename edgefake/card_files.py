"""The card inside a model file: where each format keeps it, and reading and writing it there.

In a ``.tflite`` the card is JSON in a zip appended to the FlatBuffer (the TensorFlow Lite metadata convention), in an ``.onnx``
it is an entry of ``metadata_props``; interpreters ignore both. A TensorRT ``.engine`` has it in its sidecar.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from edgefake.errors import CardError, ModelFileError
from edgefake.files import write_atomically
from edgefake.model_card import ModelCard

ENTRY = "edgefake_card.json"
ONNX_KEY = "edgefake_card"
ONNX_GRAPH, ONNX_METADATA = 7, 14
"""Numbers of two fields of ``ModelProto`` in onnx.proto."""


def check_model(path: Path) -> None:
    """Raise ``ModelFileError`` when the file is no model of its kind: interpreters answer some of those with a crash."""
    if path.suffix == ".engine":
        return  # its sidecar has its SHA-256
    if path.suffix == ".onnx":
        fields = _onnx_fields(path.read_bytes(), path)
        if not any(number == ONNX_GRAPH for number, _ in fields):
            raise ModelFileError(f"{path} is no ONNX model (no graph in it): get the file again, or convert the model")
        return
    with path.open("rb") as stream:
        if stream.read(8)[4:] != b"TFL3":
            raise ModelFileError(f"{path} is no TFLite model (no TFL3 mark): get the file again, or convert the model")


def read_card(path: str | Path) -> ModelCard | None:
    """The card inside a ``.tflite`` or ``.onnx`` file or beside an ``.engine``, or None when it has none.

    Raises ``CardError`` when there is one that can't be used, ``ModelFileError`` when the file is damaged before it.
    """
    path = Path(path)
    if path.suffix == ".engine":
        from edgefake.runtimes.tensorrt.cache import read_sidecar

        return read_sidecar(path).card
    if path.suffix == ".onnx":
        text = _onnx_metadata(path.read_bytes(), path).get(ONNX_KEY)
        return None if text is None else ModelCard.from_json(text, source=str(path))
    if not zipfile.is_zipfile(path):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            if ENTRY not in archive.namelist():
                return None
            return ModelCard.from_json(archive.read(ENTRY), source=str(path))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise CardError(f"the card in {path} is damaged ({error}): get the file again") from error


def write_card(path: str | Path, card: ModelCard) -> None:
    """Put ``card`` into the model file at ``path``, replacing one that is there; the model itself is untouched.

    The file is replaced atomically. Other metadata (a stranger's) is kept.
    """
    path = Path(path)
    data = path.read_bytes()
    write_atomically(path, _onnx_with(data, card, path) if path.suffix == ".onnx" else _tflite_with(data, card, path))


def _tflite_with(model: bytes, card: ModelCard, path: Path) -> bytes:
    entries: dict[str, bytes] = {}
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            entries = {info.filename: archive.read(info) for info in infos}
            model = model[: min((info.header_offset for info in infos), default=archive.start_dir)]
    entries[ENTRY] = card.to_json().encode()
    file = io.BytesIO(model)
    with zipfile.ZipFile(file, "a") as archive:
        for name, data in entries.items():
            # Stored, with a fixed time stamp: the same model and card give the same bytes everywhere, and so the same SHA-256.
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_STORED)
    return file.getvalue()


def _onnx_with(model: bytes, card: ModelCard, path: Path) -> bytes:
    kept = [field for number, field in _onnx_fields(model, path) if number != ONNX_METADATA or _entry(field, path)[0] != ONNX_KEY]
    entry = _message(1, ONNX_KEY.encode()) + _message(2, card.to_json().encode())
    return b"".join(kept) + _message(ONNX_METADATA, entry)


def _onnx_metadata(model: bytes, path: Path) -> dict[str, str]:
    return dict(_entry(field, path) for number, field in _onnx_fields(model, path) if number == ONNX_METADATA)


def _entry(field: bytes, path: Path) -> tuple[str, str]:
    """Key and value of a whole ``metadata_props`` field (``StringStringEntryProto``)."""
    _, start = _varint(field, 0)
    _, start = _varint(field, start)
    parts = {number: _content(part) for number, part in _onnx_fields(field[start:], path)}
    return parts.get(1, b"").decode(errors="replace"), parts.get(2, b"").decode(errors="replace")


def _content(field: bytes) -> bytes:
    _, start = _varint(field, 0)
    length, start = _varint(field, start)
    return field[start : start + length]


def _onnx_fields(message: bytes, path: Path) -> Iterator[tuple[int, bytes]]:
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
            raise ModelFileError(f"{path} is no ONNX model or cut short: get the file again, or convert the model")
        yield tag >> 3, message[start:end]
        start = end


def _varint(data: bytes, start: int) -> tuple[int, int]:
    """The number that starts there, and where it ends."""
    value = shift = 0
    while data[start] & 0x80:
        value |= (data[start] & 0x7F) << shift
        start, shift = start + 1, shift + 7
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
