"""The runtimes a model can run on, behind one small protocol; each module is imported on first use."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from edgefake.errors import BackendError
from edgefake.model_card import ModelCard


class Runtime(Protocol):
    """A loaded model. ``run`` may be called from several threads."""

    name: str
    """Which runtime this is, with its version, for people: ``tflite (ai-edge-litert 2.3.0)``."""
    input_shape: tuple[int, int, int, int]
    """N, H, W, 3 as the model file declares it."""

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
    suffix: str


BACKENDS = {
    "tflite": Backend("edgefake.runtimes.tflite", "open_model", ".tflite"),
    "onnx": Backend("edgefake.runtimes.onnx", "open_model", ".onnx"),
    "onnx-cuda": Backend("edgefake.runtimes.onnx", "open_model_cuda", ".onnx"),
    "onnx-tensorrt": Backend("edgefake.runtimes.onnx", "open_model_tensorrt", ".onnx"),
    "tensorrt": Backend("edgefake.runtimes.tensorrt", "open_model", ".onnx"),
}
"""By name; where ``auto`` is asked for, the first that reads a file of its kind."""


def suffix_of(backend: str) -> str:
    """The ending of the files that ``backend`` reads (of ``auto``: ``.tflite``). Raises ``BackendError`` for an unknown one."""
    if backend == "auto":
        return ".tflite"
    if backend not in BACKENDS:
        raise BackendError(f"unknown backend {backend!r}: choose auto, {', '.join(BACKENDS)}")
    return BACKENDS[backend].suffix


def open_runtime(path: Path, card: ModelCard, *, backend: str, num_threads: int) -> Runtime:
    """Load ``path`` with the runtime named by ``backend``; ``auto`` takes tflite for ``.tflite`` and onnx (CPU) for ``.onnx``.

    Raises ``BackendError`` for an unknown or missing runtime, ``ModelFileError`` for a file that it cannot run.
    """
    expected = suffix_of(backend)
    names = [name for name, known in BACKENDS.items() if path.suffix == known.suffix]
    if backend == "auto":
        if not names:
            suffixes = ", ".join(dict.fromkeys(known.suffix for known in BACKENDS.values()))
            raise BackendError(f"no backend reads {path.name}: expected a file ending in {suffixes}")
        backend = names[0]
    elif backend not in names:
        raise BackendError(f"backend {backend!r} reads {expected} files, got {path.name}")
    found = BACKENDS[backend]
    return getattr(importlib.import_module(found.module), found.function)(path, card, num_threads)  # type: ignore[no-any-return]
