"""Engines on disk: each with a JSON sidecar that says what it is and for which machine, written whole or not at all."""

from __future__ import annotations

import dataclasses
import fcntl
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edgefake.errors import ModelFileError, ModelStoreError
from edgefake.files import write_atomically
from edgefake.models.card import ModelCard
from edgefake.models.card_values import Unfit, checked
from edgefake.models.store import cache_folder
from edgefake.text import printable

SCHEMA = 1

_log = logging.getLogger(__name__)


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


def engine_folder() -> Path:
    """Where engines are kept: in ``EDGEFAKE_HOME``."""
    return cache_folder() / "engines"


def engine_path(folder: Path, model: Path, origin: Origin) -> Path:
    return folder / f"{model.stem}-{origin.key[:16]}.engine"


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


def read_engine(engine: Path, sidecar: Sidecar) -> bytes:
    """The engine's bytes. Raises ``ModelFileError`` unless they are those that the sidecar was written for."""
    try:
        data = engine.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{engine} cannot be read ({error.strerror}): build the engine again") from error
    if hashlib.sha256(data).hexdigest() != sidecar.engine_sha256:
        raise ModelFileError(f"{engine} is not the engine that its sidecar was written for (SHA-256 differs): build it again")
    return data


def write_engine(engine: Path, data: bytes, sidecar: Sidecar, timings: Path, measured: bytes) -> None:
    """Store all, the sidecar last: without it an engine does not count. Raises ``ModelStoreError``."""
    with keeping(engine.parent):
        if measured:
            write_atomically(timings, measured)
        write_atomically(engine, data)
        write_atomically(sidecar_path(engine), sidecar.to_json().encode())


def timings_path(folder: Path, origin: Origin) -> Path:
    """The timing cache of all models on this GPU and this TensorRT."""
    machine = f"{origin.gpu}-{origin.capability}-tensorrt-{origin.tensorrt}"
    return folder / f"{re.sub(r'[^A-Za-z0-9.]+', '_', machine)}.timings"


@contextmanager
def lock(engine: Path) -> Iterator[None]:
    """Hold the right to build ``engine``, having waited for another process that does. A process that dies gives it back."""
    with keeping(engine.parent):
        engine.parent.mkdir(parents=True, exist_ok=True)
        stream = engine.with_suffix(".lock").open("wb")
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.info("another process builds %s, waiting", engine.name)
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@contextmanager
def keeping(folder: Path) -> Iterator[None]:
    """Tell a full disk or a folder without rights as ``ModelStoreError``."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or os.fspath(folder)
        raise ModelStoreError(
            f"the engine cache {folder} cannot be written ({reason}): make room, or set EDGEFAKE_HOME to a folder that can"
        ) from error
