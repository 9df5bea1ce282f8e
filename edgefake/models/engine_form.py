"""What an ``.engine`` of TensorRT is: bytes that only TensorRT reads, with a JSON sidecar that has its SHA-256 and its card."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edgefake.errors import ModelFileError
from edgefake.models.card import ModelCard
from edgefake.text import printable


def check(data: bytes, path: Path) -> None:
    """Raise ``ModelFileError`` where the sidecar is missing or damaged."""
    read_card(data, path)


def read_card(data: bytes, path: Path) -> ModelCard | None:
    """The card of the ``.onnx`` that the engine was built from; the network that it speaks of is this engine's."""
    from edgefake.runtimes.tensorrt.cache import read_sidecar

    sidecar = read_sidecar(path)
    return replace(sidecar.card, payload_sha256=sidecar.engine_sha256)


def write_card(data: bytes, card: ModelCard, path: Path) -> bytes:
    raise ModelFileError(
        f"{printable(path)} has the card of the .onnx that it was built from: write the card there, and build the engine again"
    )


def payload(data: bytes, path: Path) -> Iterator[memoryview]:
    """The whole file."""
    yield memoryview(data)
