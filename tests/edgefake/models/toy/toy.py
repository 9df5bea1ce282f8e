"""A runtime for ``.toy`` files: the weighted mean colour."""

from __future__ import annotations

import numpy as np

from edgefake.errors import BackendError
from edgefake.models.file import ModelFile
from edgefake.pixels import Pixels
from edgefake.runtimes import Outputs
from edgefake.runtimes.spec import InputSpec


def open_model(file: ModelFile, spec: InputSpec, device: str | int | None, num_threads: int) -> ToyRuntime:
    return ToyRuntime(np.frombuffer(file.data, "<f4", count=4, offset=4), spec)


class ToyRuntime:
    name = "toy (1.0)"

    def __init__(self, network: np.ndarray, spec: InputSpec) -> None:
        self._network: np.ndarray | None = network.copy()
        self._scaling = spec.scaling

    def run(self, pixels: Pixels) -> Outputs:
        if self._network is None:
            raise BackendError("this model is closed: make a new Detector")
        x = (pixels.mean(axis=(1, 2), dtype=np.float32) - self._scaling.offset) / self._scaling.scale
        return ((x * self._network[:3]).sum(axis=1, keepdims=True, dtype=np.float32) + self._network[3],)

    def close(self) -> None:
        self._network = None
