"""Engines built on this machine, on disk beside their sidecars. A file is written whole or not at all."""

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
    """Write timings, engine and sidecar, the sidecar last: an engine without one is never used. Raises ``ModelStoreError``."""
    with keeping(engine.parent):
        if measured:
            write_atomically(timings, measured)
        write_atomically(engine, data)
        write_atomically(sidecar_path(engine), sidecar.to_json().encode())


def timings_path(folder: Path, origin: Origin) -> Path:
    """The timing cache that all models share on this GPU with this TensorRT."""
    machine = f"{origin.gpu}-{origin.capability}-tensorrt-{origin.tensorrt}"
    return folder / f"{re.sub(r'[^A-Za-z0-9.]+', '_', machine)}.timings"


@contextmanager
def lock(engine: Path) -> Iterator[None]:
    """The exclusive right to build ``engine``. Waits while another process has it; a process that dies gives it back."""
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
    """Raise ``ModelStoreError`` for a full disk or a folder that cannot be written."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or os.fspath(folder)
        raise ModelStoreError(
            f"the engine cache {folder} cannot be written ({reason}): make room, or set EDGEFAKE_HOME to a writable folder"
        ) from error
