"""What an ``.onnx`` is: a message of protocol buffers, with its card as an entry of ``metadata_props``.

The onnx package is too much for a device to need: https://protobuf.dev/programming-guides/encoding is all that it takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edgefake.errors import ModelFileError
from edgefake.models.card import ModelCard
from edgefake.text import printable

KEY = b"edgefake_card"
GRAPH, METADATA = 7, 14
"""Numbers of two fields of ``ModelProto`` in onnx.proto."""

# Where tensors are in a ``ModelProto``: which fields of a message hold which others.
_HOLDS = {
    "model": {GRAPH: "graph", 25: "function"},
    "function": {7: "node"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA = 13
"""The field of a ``TensorProto`` that names another file."""


def check(data: bytes, path: Path) -> None:
    """Raise ``ModelFileError`` for what is no ``ModelProto`` with a graph, and where weights are in another file: no digest in
    this one could vouch for them."""
    if not any(number == GRAPH for number, _ in _fields(memoryview(data), path)):
        raise ModelFileError(f"{printable(path)} is no ONNX model (no graph in it): get the file again, or convert the model")
    messages = [("model", memoryview(data))]
    while messages:
        kind, message = messages.pop()
        for number, field in _fields(message, path):
            if kind == "tensor" and number == _EXTERNAL_DATA:
                raise ModelFileError(
                    f"{printable(path)} has weights in another file, for which the SHA-256 in its card could not vouch: "
                    "save it as one file (onnx.save(onnx.load(NAME), NAME))"
                )
            if number in _HOLDS[kind]:
                messages.append((_HOLDS[kind][number], _content(field)))


def read_card(data: bytes, path: Path) -> ModelCard | None:
    entries = dict(_entry(field, path) for number, field in _fields(memoryview(data), path) if number == METADATA)
    text = entries.get(KEY)
    return None if text is None else ModelCard.from_json(bytes(text), source=printable(path))


def write_card(data: bytes, card: ModelCard, path: Path) -> bytes:
    fields = _fields(memoryview(data), path)
    kept = [field for number, field in fields if number != METADATA or _entry(field, path)[0] != KEY]
    return b"".join([*kept, _message(METADATA, _message(1, KEY) + _message(2, card.to_json().encode()))])


def payload(data: bytes, path: Path) -> Iterator[memoryview]:
    """The file without its ``metadata_props``."""
    return (field for number, field in _fields(memoryview(data), path) if number != METADATA)


def _entry(field: memoryview, path: Path) -> tuple[bytes, memoryview]:
    """Key and value of a whole ``metadata_props`` field (``StringStringEntryProto``)."""
    parts = {number: _content(part) for number, part in _fields(_content(field), path)}
    return bytes(parts.get(1, b"")), parts.get(2, memoryview(b""))


def _content(field: memoryview) -> memoryview:
    """What is in a length-delimited field; nothing is in another kind."""
    tag, start = _varint(field, 0)
    if tag & 7 != 2:
        return field[:0]
    length, start = _varint(field, start)
    return field[start : start + length]


def _fields(message: memoryview, path: Path) -> Iterator[tuple[int, memoryview]]:
    """(number, whole field with its tag) of a message."""
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


def _varint(data: memoryview, start: int) -> tuple[int, int]:
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
