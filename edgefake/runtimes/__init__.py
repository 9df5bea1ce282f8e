"""The runtimes a model can run on, behind one small protocol; each module is imported on first use."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edgefake.errors import BackendError
from edgefake.models.card import ModelCard


class Runtime(Protocol):
    """A loaded model. ``run`` may be called from several threads."""

    name: str
    """Which runtime this is, with its version, for people: ``tflite (ai-edge-litert 2.3.0)``."""
    input_shape: tuple[int, int, int, int]
    """1, H, W, 3: what ``run`` takes of one face, whatever the layout of the model's input."""

    def run(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The card's ``one_output`` (N,), dequantized, of N faces: uint8, (N, H, W, 3), RGB; N may be any number."""
        ...

    def close(self) -> None:
        """Free the model's memory. ``run`` must not be called afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Backend:
    """How a runtime is opened, and which files it reads."""

    module: str
    function: str
    suffixes: tuple[str, ...]
    """The first is the one that a model's name stands for."""


BACKENDS = {
    "tflite": Backend("edgefake.runtimes.tflite", "open_model", (".tflite",)),
    "onnx": Backend("edgefake.runtimes.onnx", "open_model", (".onnx",)),
    "onnx-cuda": Backend("edgefake.runtimes.onnx", "open_model_cuda", (".onnx",)),
    "onnx-tensorrt": Backend("edgefake.runtimes.onnx", "open_model_tensorrt", (".onnx",)),
    "openvino": Backend("edgefake.runtimes.openvino", "open_model", (".tflite", ".onnx")),
    "tensorrt": Backend("edgefake.runtimes.tensorrt", "open_model", (".onnx", ".engine")),
}
"""By name; where ``auto`` is asked for, the first that reads a file of its kind."""


def suffix_of(backend: str) -> str:
    """The ending of the file that ``backend`` reads of a named model. Raises ``BackendError`` for an unknown backend."""
    return _known("tflite" if backend == "auto" else backend).suffixes[0]


def open_runtime(path: Path, card: ModelCard, *, backend: str, num_threads: int) -> Runtime:
    """Load ``path`` with the runtime named by ``backend``; ``auto`` takes the first in ``BACKENDS`` that reads such a file.

    Raises ``BackendError`` for an unknown or missing runtime, ``ModelFileError`` for a file that it cannot run.
    """
    if backend == "auto":
        found = next((known for known in BACKENDS.values() if path.suffix in known.suffixes), None)
        if found is None:
            suffixes = dict.fromkeys(suffix for known in BACKENDS.values() for suffix in known.suffixes)
            raise BackendError(f"no backend reads {path.name}: expected a file ending in {', '.join(suffixes)}")
    else:
        found = _known(backend)
        if path.suffix not in found.suffixes:
            raise BackendError(f"backend {backend!r} reads {' and '.join(found.suffixes)} files, got {path.name}")
    return getattr(importlib.import_module(found.module), found.function)(path, card, num_threads)  # type: ignore[no-any-return]


def _known(backend: str) -> Backend:
    if not isinstance(backend, str) or backend not in BACKENDS:
        raise BackendError(f"unknown backend {backend!r}: choose auto, {', '.join(BACKENDS)}")
    return BACKENDS[backend]
