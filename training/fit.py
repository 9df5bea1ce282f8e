"""Float training."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import tf_keras as keras

from edgefake.errors import InputError
from training.loop import Stopping, last_checkpoint, train
from training.runs import Run, State, open_run


def fit(run: Run, folder: Path, stopping: Stopping) -> State:
    """Train ``run`` in ``folder`` with Adam; the best checkpoint is ``folder/best.h5``.

    When ``folder`` holds the same run, training continues where it stopped. Raises ``InputError`` when it holds another one.
    """
    state = open_run(run, folder)
    if run.bfloat16:
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    keras.utils.set_random_seed(run.seed + state.epoch)
    train_samples, validation = run.training_samples()
    if state.epoch:
        model = keras.models.load_model(last_checkpoint(folder, state))
    else:
        model = run.build()
        if run.weights:
            load_weights(model, Path(run.weights))
        model.compile(keras.optimizers.Adam(run.learning_rate), keras.losses.BinaryCrossentropy(from_logits=True))
    return train(model, run, folder, state, stopping, train_samples=train_samples, validation=validation, save=_save)


def _save(model: Any, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*HDF5 file.*legacy")  # the one format that QAT models survive too
        model.save(path)


def load_weights(model: Any, path: Path) -> None:
    """Load a checkpoint into ``model`` (any input size); ``InputError`` when it is of another architecture or damaged."""
    try:
        model.load_weights(path)
    except FileNotFoundError:
        raise InputError(f"there is no checkpoint {path}: train first, or name another run") from None
    except (ValueError, OSError) as error:
        raise InputError(f"{path} is no checkpoint of {model.name}: {str(error).splitlines()[0]}") from error
