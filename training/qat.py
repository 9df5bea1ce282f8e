"""Quantization-aware fine-tuning of a float run (Jacob et al. 2018), with the float model as its teacher."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tf_keras as keras
from scipy import special

from edgefake.errors import InputError
from training.batches import Batch, readable
from training.equalize import equalized
from training.lock import alone_in
from training.loop import Stopping, all_outputs, batches_of, compile_for, last_checkpoint, train
from training.quantize import QuantizedModel, fold, without_onnx
from training.rounding import rounded
from training.runs import Run, State, at, float_parent, open_run, read_run
from training.samples import Sample
from training.start import load_weights

CALIBRATION_FACES = 512
SILENT = 0.01  # share of the mean variance below which a unit of the head hardly ever fires
CALIBRATION_EPOCH = 2**31  # draws faces that no training epoch draws


def qat(
    source: Path,
    folder: Path,
    stopping: Stopping,
    *,
    learning_rate: float,
    command: str,
    data: Path | None = None,
    faces: Path | None = None,
) -> State:
    """Fine-tune the float run in ``source`` for INT8 in ``folder``, or a QAT run further; ``folder/best.h5`` is the best.

    The targets are the float model's own p_fake on the same varied faces (knowledge distillation, Hinton et al. 2015): the aim is
    the float model's verdict in eight bits, not another detector. Resumes like ``fit``, with a fresh optimizer. ``data`` and
    ``faces`` are where the data of ``source`` lies now, if it was moved.
    """
    if source.resolve() == folder.resolve():
        raise InputError(f"{folder} cannot start from itself: name another --run folder")
    earlier = read_run(source)
    if data is not None:
        earlier = at(earlier, source, data, faces)
    with alone_in(folder):
        return _qat(earlier, source / "best.h5", folder, stopping, learning_rate, command)


def _qat(earlier: Run, weights: Path, folder: Path, stopping: Stopping, learning_rate: float, command: str) -> State:
    run = replace(
        earlier,
        stage="qat",
        learning_rate=learning_rate,
        weights=str(weights),
        bfloat16=False,
        ema=0.0,
        distil="",
        command=command,
    )
    parent = float_parent(run)
    state = open_run(run, folder)
    keras.utils.set_random_seed(run.seed + state.epoch)
    train_samples, validation = map(readable, run.training_samples())

    teacher = folded_model(run, parent)
    student = folded_model(run, parent, drop_below=SILENT)
    for sentence in without_onnx(student):
        print(f"warning: python -m convert will give .tflite, but no .onnx: {sentence}", file=sys.stderr)
    if not state.epoch and not earlier.is_qat:
        student = equalized(student, calibration_faces(run, train_samples))
        student = rounded(student, calibration_faces(run, train_samples))
    quantized = QuantizedModel(student)
    if state.epoch:
        load_weights(quantized.model, last_checkpoint(folder, state.epoch))
    elif earlier.is_qat:
        load_weights(quantized.model, weights)
    else:
        quantized.calibrate(calibration_faces(run, train_samples))
    quantized.freeze_batch_norm()
    compile_for(quantized.model, run.learning_rate, soft=True)

    def distil(batches: Iterable[Batch]) -> Iterator[Batch]:
        for x, _ in batches:
            soft = tuple(map(probabilities, all_outputs(teacher, x)))
            yield x, soft if len(soft) > 1 else soft[0]

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
        # Any epoch brings the verdicts closer to the float model's, which the validation AUC hardly shows.
        keep_start=not stopping.epochs,
    )


def calibration_faces(run: Run, samples: Sequence[Sample]) -> Iterator[Any]:
    """Varied training faces to measure the ranges of activations with: batches of float (N, S, S, 3), (pixel - 128) / 128."""
    for x, _ in islice(batches_of(run, samples, epoch=CALIBRATION_EPOCH), max(1, CALIBRATION_FACES // run.batch)):
        yield x


def probabilities(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Sigmoid of one logit (N, …, 1), softmax of several (N, …, K)."""
    return special.expit(logits) if logits.shape[-1] == 1 else special.softmax(logits, axis=-1)


def folded_model(run: Run, checkpoint: Path, *, drop_below: float = 0.0) -> Any:
    """The float model of ``checkpoint`` in the form that is converted (see ``fold``)."""
    model = run.build()
    load_weights(model, checkpoint)
    return fold(model, drop_below=drop_below)


def quantized_model(run: Run, checkpoint: Path) -> Any:
    """The QAT model of ``checkpoint``."""
    quantized = QuantizedModel(fold(run.build()))
    load_weights(quantized.model, checkpoint)
    return quantized.model
