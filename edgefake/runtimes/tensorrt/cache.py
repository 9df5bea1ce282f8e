"""The engines that were built here, on disk, each with its sidecar: written whole or not at all."""

from __future__ import annotations

import fcntl
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgefake.errors import ModelStoreError
from edgefake.files import write_atomically
from edgefake.models.engine_form import Origin, Sidecar, sidecar_path
from edgefake.models.store import cache_folder

_log = logging.getLogger(__name__)


def engine_folder() -> Path:
    """Where engines are kept: in ``EDGEFAKE_HOME``."""
    return cache_folder() / "engines"


def engine_path(folder: Path, model: Path, origin: Origin) -> Path:
    return folder / f"{model.stem}-{origin.key[:16]}.engine"


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
