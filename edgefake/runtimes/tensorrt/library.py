"""The installed TensorRT, and what it logs."""

from __future__ import annotations

import functools
import importlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from edgefake.errors import BackendError, EdgefakeError

_log = logging.getLogger(__name__)


def load_tensorrt() -> Any:
    """The ``tensorrt`` module. Call ``find_gpu`` first: without a driver TensorRT crashes. Raises ``BackendError``."""
    try:
        return importlib.import_module("tensorrt")
    except ModuleNotFoundError as error:
        raise BackendError(
            f"TensorRT is not installed ({error}): on a Jetson it comes with JetPack (make the virtual environment with "
            "--system-site-packages), elsewhere pip install edgefake[tensorrt]"
        ) from error
    except (ImportError, OSError) as error:
        raise BackendError(
            f"TensorRT is installed but does not load ({error}): install its libraries of the same version"
        ) from error


@functools.cache
def logger(trt: Any) -> Any:
    """The one ``ILogger`` of this process, as TensorRT keeps the first it sees: all goes to ``logging``, errors are kept too."""

    class Logger(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: deque[str] = deque(maxlen=8)
            self.warning = ""

        def log(self, severity: Any, message: str) -> None:
            message = " ".join(message.split())
            if severity in (self.INTERNAL_ERROR, self.ERROR):
                self.errors.append(message)
            elif severity == self.WARNING:
                self.warning = message
            _log.debug("TensorRT: %s", message)

    return Logger()


def start(make: Callable[[Any], Any], log: Any) -> Any:
    """A ``Builder`` or ``Runtime``. Raises ``BackendError`` where CUDA does not start, which TensorRT only warns of."""
    try:
        return make(log)
    except TypeError as error:  # what the bindings make of a null pointer
        raise failure(log, BackendError, "TensorRT does not start", "update the NVIDIA driver to one for its CUDA") from error


def failure(log: Any, kind: type[EdgefakeError], what: str, remedy: str) -> EdgefakeError:
    """A ``kind`` that says what failed, why as far as TensorRT told, and what to do; a ``BackendError`` when memory ran out."""
    reasons = "; ".join(log.errors) or log.warning or "TensorRT gave no reason"
    log.errors.clear()
    if any(mark in reasons.lower() for mark in ("out of memory", "outofmemory", "insufficient memory")):
        return BackendError(f"{what} ({reasons}): the GPU has too little free memory, close other programs that use it")
    return kind(f"{what} ({reasons}): {remedy}")
