"""Opening a network as a card says, and asking one that gives one number per picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgefake import ModelCard
from edgefake.models.file import ModelFile
from edgefake.pixels import Pixels
from edgefake.runtimes import Runtime, open_runtime


def opened(path: Path, card: ModelCard, name: str = "auto", device: str | int | None = None) -> Runtime:
    """The runtime ``name`` with the network at ``path``, on one thread."""
    return open_runtime(ModelFile(path, card), card.input_spec, name=name, device=device, num_threads=1)


def numbers(runtime: Runtime, pixels: Pixels) -> npt.NDArray[np.float32]:
    """The one output (N,) of a network that gives one number per picture."""
    (output,) = runtime.run(pixels)
    assert output.dtype == np.float32 and output.shape[0] == len(pixels) and output.size == len(pixels)
    return output.reshape(-1)
