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
class _Backend:
    module: str
    suffix: str


_BACKENDS = {"tflite": _Backend("edgefake.runtimes.tflite", ".tflite")}


def open_runtime(path: Path, card: ModelCard, *, backend: str, num_threads: int) -> Runtime:
    """Load ``path`` with the runtime named by ``backend``; ``auto`` takes the one that reads files of this kind.

    Raises ``BackendError`` for an unknown or missing runtime, ``ModelFileError`` for a file that it cannot run.
    """
    if backend != "auto" and backend not in _BACKENDS:
        raise BackendError(f"unknown backend {backend!r}: choose auto, {', '.join(_BACKENDS)}")
    names = [name for name, known in _BACKENDS.items() if path.suffix == known.suffix]
    if backend == "auto":
        if not names:
            suffixes = ", ".join(known.suffix for known in _BACKENDS.values())
            raise BackendError(f"no backend reads {path.name}: expected a file ending in {suffixes}")
        backend = names[0]
    elif backend not in names:
        raise BackendError(f"backend {backend!r} reads {_BACKENDS[backend].suffix} files, got {path.name}")
    return importlib.import_module(_BACKENDS[backend].module).open_model(path, card, num_threads)  # type: ignore[no-any-return]
