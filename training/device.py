"""Measuring converted models as a device runs them: through edgefake, in a process of its own.

LiteRT and TensorFlow in one process can clash (``ValueError: vector::reserve``), hence the separate process.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from edgefake.models.card import ModelCard
from edgefake.models.file import ModelFile
from edgefake.pixels import Pixels
from edgefake.preprocessing import coloured
from edgefake.runtimes import Outputs, open_runtime
from training.batches import all_pixels
from training.samples import Sample

Result = TypeVar("Result")


def on_device(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a module-level function in a fresh process that has not loaded TensorFlow."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def device_outputs(path: Path, card: ModelCard, samples: Sequence[Sample]) -> npt.NDArray[np.float32]:
    """The card's ``one_output`` (N,) of the model file for the faces of ``samples``. For use through ``on_device``."""
    pixels = all_pixels(samples, size=card.side, margin=card.crop_margin, mode=card.crop_mode)
    return card.one_output(raw_outputs(path, card, pixels)[0])


def raw_outputs(path: Path, card: ModelCard, pixels: Pixels) -> Outputs:
    """Every output (N, …) of the model file for pictures (uint8, (N, H, W, 3), RGB). For use through ``on_device``.

    Raises ``ModelFileError`` where they are not those that ``card`` tells of.
    """
    runtime = open_runtime(ModelFile(path, card), card.input_spec, num_threads=2)
    answers = [runtime.run(coloured(picture[None], card.colour_order)) for picture in pixels]
    card.check_outputs(answers[0])
    return tuple(np.concatenate(parts) for parts in zip(*answers, strict=True))
