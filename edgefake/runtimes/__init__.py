"""The runtimes that a network can be executed by, behind one small protocol; each module is imported on first use."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from edgefake import deprecation
from edgefake.errors import BackendError
from edgefake.pixels import Pixels
from edgefake.runtimes.spec import InputSpec
from edgefake.system import default_threads

if TYPE_CHECKING:
    from edgefake.models.file import ModelFile

Outputs = tuple[npt.NDArray[np.float32], ...]


class Runtime(Protocol):
    """A loaded network: pixels in, numbers out. ``run`` may be called from several threads."""

    name: str
    """Which runtime this is, with its version, for people: ``tflite (ai-edge-litert 2.3.0)``."""

    def run(self, pixels: Pixels) -> Outputs:
        """Every output of the graph, in its order, dequantised: float32, (N, …), for N ≥ 1 pictures.

        ``pixels`` are uint8, (N, H, W, 3), as the ``InputSpec`` says. The arrays are the caller's.
        """
        ...

    def close(self) -> None:
        """Free the network's memory; twice is fine. ``run`` raises ``BackendError`` afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """How a runtime is opened, and which files it reads."""

    module: str
    """It has ``open_model(file, spec, device, num_threads) -> Runtime``."""
    suffixes: tuple[str, ...]
    """The first is the one that a model's name stands for."""
    extra: str | None = None
    """What brings its package: ``pip install 'edgefake[EXTRA]'``; None comes with edgefake."""
    builds: bool = False
    """Whether a file takes minutes when it is first opened on a machine; ``is_built(file, device)`` of its module then tells."""


RUNTIMES = {
    "tflite": Entry("edgefake.runtimes.tflite", (".tflite",)),
    "onnx": Entry("edgefake.runtimes.onnx", (".onnx",), "onnx"),
    "openvino": Entry("edgefake.runtimes.openvino", (".tflite", ".onnx"), "openvino"),
    "tensorrt": Entry("edgefake.runtimes.tensorrt", (".onnx", ".engine"), "tensorrt", builds=True),
}
"""By name; where ``auto`` is asked for, the first that reads a file of its kind."""

OLD_NAMES = {"onnx-cuda": ("onnx", "cuda"), "onnx-tensorrt": ("onnx", "tensorrt")}
"""Deprecated: names of a runtime on a device, from before there was ``device=``."""


def todays_name(
    name: str, device: str | int | None, *, tell: Callable[[str], object] = deprecation.warn
) -> tuple[str, str | int | None]:
    """``name`` and ``device``, in the place of one of ``OLD_NAMES``, of which ``tell`` is told. Raises ``BackendError``."""
    if not isinstance(name, str) or name not in OLD_NAMES:
        return name, device
    runtime, its_device = OLD_NAMES[name]
    if device is not None:
        told = f"the runtime {name!r} names its device already, got the device {device!r} too"
        raise BackendError(f"{told}: give the runtime {runtime!r} with it")
    tell(name)
    return runtime, its_device


def suffix_of(name: str) -> str | None:
    """The suffix of the file that the runtime ``name`` reads of a named model; None for ``auto``: whichever there is.

    Raises ``BackendError`` for an unknown runtime.
    """
    return None if name == "auto" else _known(name).suffixes[0]


def reader_of(suffix: str) -> str | None:
    """The name of the runtime that ``auto`` stands for with such a file; None where there is none."""
    return next((name for name, entry in RUNTIMES.items() if suffix in entry.suffixes), None)


def is_built(file: ModelFile, name: str, device: str | int | None) -> bool:
    """Whether ``open_runtime`` of this ``file`` takes no minutes: what has to be built for this machine is there."""
    entry = _known(name)
    return not entry.builds or importlib.import_module(entry.module).is_built(file, device)


def open_runtime(
    file: ModelFile,
    spec: InputSpec,
    *,
    name: str = "auto",
    device: str | int | None = None,
    num_threads: int | None = None,
) -> Runtime:
    """Load ``file`` with the runtime ``name``; ``auto`` takes the first of ``RUNTIMES`` that reads such a file.

    Args:
        device: where it runs, as the runtime calls it: ``"cuda:1"`` (onnx), ``"GPU"`` (openvino), 1 (tensorrt). None: its first.
        num_threads: of the processor; None: one per available core, at most 4.

    Raises ``BackendError`` for an unknown or missing runtime or device, ``ModelFileError`` for a file that it cannot run.
    """
    path = file.path
    name = (reader_of(path.suffix) if name == "auto" else name) or name
    if name == "auto":
        suffixes = dict.fromkeys(suffix for entry in RUNTIMES.values() for suffix in entry.suffixes)
        raise BackendError(f"expected a file ending in {', '.join(suffixes)} for a runtime, got {path.name}")
    entry = _known(name)
    if path.suffix not in entry.suffixes:
        raise BackendError(f"expected a file ending in {' or '.join(entry.suffixes)} for the runtime {name!r}, got {path.name}")
    threads = default_threads() if num_threads is None else num_threads
    return importlib.import_module(entry.module).open_model(file, spec, device, threads)  # type: ignore[no-any-return]


def _known(name: str) -> Entry:
    if not isinstance(name, str) or name not in RUNTIMES:
        raise BackendError(f"unknown runtime {name!r}: choose auto, {', '.join(RUNTIMES)}")
    return RUNTIMES[name]
