"""Quantization-aware fine-tuning of a float run (Jacob et al. 2018), with the float model as its teacher."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras as keras

from edgefake.errors import InputError
from training.batches import Batch, training_batches
from training.fit import load_weights
from training.loop import Stopping, last_checkpoint, train
from training.quantize import QuantizedModel, fold_head
from training.runs import Run, State, open_run, read_run

CALIBRATION_BATCHES = 16
SILENT = 0.01  # share of the mean variance below which a unit of the head hardly ever fires
CALIBRATION_EPOCH = 2**31  # draws faces that no training epoch draws


def qat(source: Path, folder: Path, stopping: Stopping, *, learning_rate: float, command: str) -> State:
    """Fine-tune the float run in ``source`` for INT8 in ``folder``; the best checkpoint is ``folder/best.h5``.

    The targets are the float model's own p_fake on the same varied faces (knowledge distillation, Hinton et al. 2015): the aim is
    the float model's verdict in eight bits, not another detector. Resumes like ``fit``, with a fresh optimizer.
    """
    float_run = read_run(source)
    if float_run.is_qat:
        raise InputError(f"{source} is a QAT run already: name the float run, or resume it with --run {source}")
    run = replace(
        float_run, stage="qat", learning_rate=learning_rate, weights=str(source / "best.h5"), bfloat16=False, command=command
    )
    state = open_run(run, folder)
    keras.utils.set_random_seed(run.seed + state.epoch)
    train_samples, validation = run.training_samples()

    teacher = folded_model(run, source / "best.h5")
    quantized = QuantizedModel(folded_model(run, source / "best.h5", drop_below=SILENT))
    if state.epoch:
        load_weights(quantized.model, last_checkpoint(folder, state))
    else:
        batches = training_batches(
            train_samples, size=run.size, margin=run.margin, batch=32, seed=run.seed, epoch=CALIBRATION_EPOCH
        )
        quantized.calibrate(x for x, _ in islice(batches, CALIBRATION_BATCHES))
    quantized.freeze_batch_norm()
    quantized.model.compile(keras.optimizers.Adam(run.learning_rate), keras.losses.BinaryCrossentropy(from_logits=True))

    def distil(batches: Iterator[Batch]) -> Iterator[Batch]:
        for x, _ in batches:
            yield x, 1.0 / (1.0 + np.exp(-teacher.predict_on_batch(x)))

    return train(
        quantized.model,
        run,
        folder,
        state,
        stopping,
        train_samples=train_samples,
        validation=validation,
        save=lambda _, path: quantized.save(path),
        retarget=distil,
    )


def folded_model(run: Run, checkpoint: Path, *, drop_below: float = 0.0) -> Any:
    """The float model of ``checkpoint`` in the form that is converted, with the head's BatchNorm folded (see ``fold_head``)."""
    model, folded = run.build(), run.build(folded=True)
    load_weights(model, checkpoint)
    fold_head(model, folded, drop_below=drop_below)
    return folded


def quantized_model(run: Run, checkpoint: Path) -> Any:
    """The QAT model of ``checkpoint``."""
    quantized = QuantizedModel(run.build(folded=True))
    load_weights(quantized.model, checkpoint)
    return quantized.model
