"""Quantization-aware fine-tuning of a face finder (Jacob et al. 2018), with the losses of its float training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import tf_keras as keras

from edgefake.errors import InputError
from edgefake.text import printable
from training.finder.fit import Pictures, batches_of, finder_model, read_pictures, train
from training.finder.network import STRIDES, build
from training.finder.runs import FinderRun, FinderState, last_checkpoint, open_run, read_run
from training.lock import alone_in
from training.quantize import QuantizedModel, fold
from training.runs import checkpoint_of
from training.start import load_weights

CALIBRATION_CROPS = 512
SCORE_LIMITS = {f"score_{stride}": 8.0 for stride in STRIDES}
"""Logits beyond ±8 are sure: a background cell's -30 is not to take the steps in which faces differ."""
CALIBRATION_EPOCH = 2**31
"""Draws crops that no training epoch draws."""


def qat_finder(
    source: Path,
    folder: Path,
    *,
    epochs: int,
    crops: int,
    learning_rate: float,
    command: str,
    data: Sequence[Path] = (),
) -> FinderState:
    """Fine-tune the float run in ``source`` for INT8 in ``folder``; ``folder/best.h5`` is the best by validation AP.

    ``epochs`` of ``crops`` each. ``data`` is where the data of ``source`` lies now, if it was moved. Resumes like ``fit_finder``,
    with a fresh optimizer.
    """
    if source.resolve() == folder.resolve():
        raise InputError(f"{printable(folder)} cannot start from itself: name another --run folder")
    earlier = read_run(source)
    if earlier.stage == "qat":
        raise InputError(f"{printable(source)} is a QAT run: fine-tune its float parent {printable(earlier.weights)} instead")
    run = replace(
        earlier,
        data=tuple(map(str, data)) or earlier.data,
        crops=max(crops, earlier.batch),
        epochs=epochs,
        learning_rate=learning_rate,
        weights=str(checkpoint_of(source)),
        command=command,
        stage="qat",
    )
    with alone_in(folder):
        return _qat(run, folder)


def _qat(run: FinderRun, folder: Path) -> FinderState:
    state = open_run(run, folder)
    keras.utils.set_random_seed(run.seed + state.epoch)
    pictures = read_pictures(run)
    quantized = QuantizedModel(fold(finder_model(Path(run.weights))), limits=SCORE_LIMITS)
    if state.epoch:
        load_weights(quantized.model, last_checkpoint(folder, state))
    else:
        quantized.calibrate(_calibration(run, pictures))
    quantized.freeze_batch_norm()
    quantized.model.compile(keras.optimizers.Adam(run.learning_rate))
    return train(quantized.model, run, folder, state, pictures, save=lambda _, path: quantized.save(path), keep_start=True)


def _calibration(run: FinderRun, pictures: Pictures) -> Iterator[Any]:
    """Training crops to measure the ranges of activations with: float (N, size, size, 3)."""
    many = replace(run, crops=max(CALIBRATION_CROPS, run.batch))
    for images, *_ in islice(batches_of(pictures.training, many, CALIBRATION_EPOCH), many.crops // run.batch):
        yield images


def folded_finder(checkpoint: Path, height: int, width: int) -> Any:
    """The float model of a checkpoint in the form that is converted, for inputs of this size."""
    model = build(height, width)
    load_weights(model, checkpoint)
    return fold(model)


def quantized_finder(checkpoint: Path, height: int, width: int) -> Any:
    """The QAT model of a checkpoint, for inputs of this size."""
    quantized = QuantizedModel(fold(build(height, width)), limits=SCORE_LIMITS)
    load_weights(quantized.model, checkpoint)
    return quantized.model
