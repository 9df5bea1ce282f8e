"""Float training."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tf_keras as keras

from edgefake.errors import InputError
from training.averaging import Averaging
from training.batches import Batch, all_pixels, readable
from training.lock import alone_in
from training.loop import Stopping, compile_for, for_outputs, last_checkpoint, save_model, train
from training.runs import Run, State, open_run
from training.safe.headers import model_name
from training.samples import CLASSES, class_weights
from training.start import load_optimizer, load_weights, start
from training.teacher import Teacher
from training.twins import check_twins

ADAPTING_FACES = 256


def fit(run: Run, folder: Path, stopping: Stopping) -> State:
    """Train ``run`` in ``folder`` with Adam; the best checkpoint is ``folder/best.h5``: of no epoch, the weights it starts from.

    When ``folder`` holds the same run, training continues where it stopped. Raises ``InputError`` when it holds another one, or
    another process is at work there.
    """
    with alone_in(folder):
        return _fit(run, folder, stopping)


def _fit(run: Run, folder: Path, stopping: Stopping) -> State:
    state = open_run(run, folder)
    if run.bfloat16:
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    keras.utils.set_random_seed(run.seed + state.epoch)
    train_samples, validation = map(readable, run.training_samples())
    if run.twins:
        check_twins(train_samples, run.batch)
    if state.epoch:
        model = _resumed(run, last_checkpoint(folder, state.epoch))
    else:
        model = run.build()
        some = train_samples[:: max(1, len(train_samples) // ADAPTING_FACES)]
        start(model, run.weights, all_pixels(some, size=run.size, margin=run.margin, mode=run.crop_mode))
        compile_for(model, run.learning_rate)
    # Families are drawn so that the classes come alike often.
    named = any(sample.family for sample in train_samples)
    weights = {0: 1.0} if named else class_weights(train_samples, run.classes or CLASSES)
    several = len(model.outputs) > 1
    averaging = Averaging(model, run.ema) if run.ema else None
    teacher = Teacher(Path(run.distil), run) if run.distil else None
    weighted_here = several or teacher is not None  # Keras' class_weight takes whole labels and one output

    def retarget(batches: Iterable[Batch]) -> Iterable[Any]:
        taught = teacher.targets(batches) if teacher else batches
        return for_outputs(model, taught, weights) if weighted_here else taught

    if averaging and state.epoch:
        averaging.begin(_resumed(run, last_checkpoint(folder, state.epoch, "average")).get_weights())
    return train(
        model,
        run,
        folder,
        state,
        stopping,
        train_samples=train_samples,
        validation=validation,
        save=save_model,
        retarget=retarget,
        averaging=averaging,
        keep_start=not stopping.epochs,  # a run of weights as they came, for QAT or conversion
        class_weight=weights if max(weights.values()) > 1.0 and not weighted_here else None,
    )


def _resumed(run: Run, checkpoint: Path) -> Any:
    """The run's model and its optimizer with the arrays of a checkpoint."""
    model = run.build()
    compile_for(model, run.learning_rate)
    try:
        name = model_name(checkpoint)
        if name == run.recipe:
            load_weights(model, checkpoint)
            load_optimizer(model, checkpoint)
            return model
    except InputError as error:
        raise InputError(
            f"the checkpoint {checkpoint} is gone or damaged ({error}): start another run with --weights "
            f"{checkpoint.with_name('best.h5')}"
        ) from error
    raise InputError(
        f"the checkpoint {checkpoint} is of {name}, the run trains {run.recipe}: put back the right file, or start another run"
    )
