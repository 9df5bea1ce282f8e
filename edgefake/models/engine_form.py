"""What an ``.engine`` of TensorRT is: bytes that only TensorRT reads, with a JSON sidecar that has its SHA-256 and its card."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from edgefake.errors import ModelFileError
from edgefake.models.card import ModelCard
from edgefake.models.card_values import Unfit, checked
from edgefake.text import printable

SCHEMA = 1
"""Of the sidecar."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What an engine was built from, by and for. Engines run nowhere else: these fields are their key in the cache."""

    onnx_sha256: str
    tensorrt: str
    gpu: str
    capability: str
    precision: str
    input_size: int | tuple[int, int]
    max_batch: int
    """Of an ONNX file with a dynamic batch."""

    @property
    def key(self) -> str:
        return hashlib.sha256(json.dumps(dataclasses.astuple(self)).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What stands in the JSON beside an engine."""

    origin: Origin
    engine_sha256: str
    int8_layers: int
    """How many convolutions and matrix products were found to run in INT8."""
    golden_error: float
    """The greatest difference from the card's golden outputs after the build."""
    card: ModelCard

    def to_json(self) -> str:
        value = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        value |= {"schema": SCHEMA, "origin": dataclasses.asdict(self.origin), "card": json.loads(self.card.to_json())}
        return json.dumps(value, indent=2)


def sidecar_path(engine: Path) -> Path:
    return engine.with_name(engine.name + ".json")


def read_sidecar(engine: Path) -> Sidecar:
    """What the sidecar of ``engine`` says. Raises ``ModelFileError`` when it is missing, damaged or of another schema."""
    path = sidecar_path(engine)
    try:
        value = json.loads(path.read_text("utf-8"))
        if value.pop("schema") != SCHEMA:
            raise ValueError("another version of edgefake wrote it")
        value["card"] = ModelCard.from_json(json.dumps(value["card"]), source=printable(path))
        sidecar: Sidecar = checked(Sidecar, value, "it")
        return sidecar
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, Unfit) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ModelFileError(
            f"{printable(engine)} is used with {printable(path.name)} beside it, which says for which GPU it is, and that "
            f"cannot be read ({printable(reason)}): build the engine on this machine (edgefake build-engine MODEL.onnx)"
        ) from error


def check(data: bytes, path: Path) -> None:
    """Raise ``ModelFileError`` where the sidecar is missing or damaged."""
    read_card(data, path)


def read_card(data: bytes, path: Path) -> ModelCard | None:
    """The card of the ``.onnx`` that the engine was built from; the network that it speaks of is this engine's."""
    sidecar = read_sidecar(path)
    return replace(sidecar.card, payload_sha256=sidecar.engine_sha256)


def write_card(data: bytes, card: ModelCard, path: Path) -> bytes:
    raise ModelFileError(
        f"{printable(path)} has the card of the .onnx that it was built from: write the card there, and build the engine again"
    )


def payload(data: bytes, path: Path) -> Iterator[memoryview]:
    """The whole file."""
    yield memoryview(data)
