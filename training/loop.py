"""The loop that float training and QAT share: best checkpoint, reduce-on-plateau, early stopping, resume after a kill."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from sklearn.metrics import log_loss

from edgefake.errors import InputError
from edgefake.files import write_json, writing
from edgefake.odds import class_log_odds, p_fake_of
from edgefake.preprocessing import to_float
from training.averaging import Averaging
from training.batches import Batch, all_pixels, training_batches
from training.digests import SEEN
from training.families import known_auc
from training.history import Epoch, record
from training.runs import Run, State, remember
from training.safe.hdf5 import written_at_once
from training.samples import Sample, fake_labels

REDUCE = 0.3
LOWEST_RATE = 1e-6


@dataclass(frozen=True, slots=True)
class Stopping:
    """When training ends and when its rate falls, in epochs."""

    epochs: int
    patience: int
    """Stop after so many epochs without a better validation AUC."""
    plateau: int
    """Multiply the learning rate by 0.3 after so many."""


def train(
    model: Any,
    run: Run,
    folder: Path,
    state: State,
    stopping: Stopping,
    *,
    train_samples: Sequence[Sample],
    validation: Sequence[Sample],
    save: Callable[[Any, Path], None],
    retarget: Callable[[Iterable[Batch]], Iterable[Any]] = lambda batches: batches,
    class_weight: dict[int, float] | None = None,
    averaging: Averaging | None = None,
    keep_start: bool = False,
) -> State:
    """Train the compiled ``model`` from ``state`` on; every epoch leaves ``last-*.h5``, and ``best.h5`` when it is the best.

    ``save`` writes a checkpoint; ``retarget`` may replace the labels of the batches (distillation, several outputs);
    with ``averaging`` the average is what is judged and may be the best, and goes on from ``average-*.h5``;
    with ``keep_start`` the model as it comes is the first candidate for the best.
    """
    labels = fake_labels(validation)
    pixels = all_pixels(validation, size=run.size, margin=run.margin, mode=run.crop_mode)
    with keeping(folder / SEEN):
        remember(run, folder, [*train_samples, *validation])
    print(f"{run.recipe} at {run.size} px: {len(train_samples)} faces to train on, {len(validation)} to validate on", flush=True)
    if keep_start and not state.epoch:
        state = replace(state, best_auc=known_auc(validation, logits(model, pixels)))
        save_checkpoint(model, folder / "best.h5", save)
        print(f"before training: validation AUC {state.best_auc:.4f}", flush=True)
    while state.epoch < stopping.epochs and state.epoch - state.best_epoch < stopping.patience:
        started = time.monotonic()
        model.optimizer.learning_rate.assign(state.learning_rate)
        history = model.fit(
            retarget(batches_of(run, train_samples, epoch=state.epoch)),
            class_weight=class_weight,
            callbacks=[averaging] if averaging else [],
            steps_per_epoch=len(train_samples) // run.batch,
            initial_epoch=state.epoch,
            epochs=state.epoch + 1,
            verbose="auto" if sys.stderr.isatty() else 2,
        ).history
        accuracy = next((values[-1] for name, values in history.items() if name.endswith("accuracy")), None)
        with averaging.applied() if averaging else nullcontext():
            scores = logits(model, pixels)
            score = known_auc(validation, scores)
            if score > state.best_auc:
                save_checkpoint(model, folder / "best.h5", save)
            if averaging:
                save_checkpoint(model, last_checkpoint(folder, state.epoch + 1, "average"), save)
        state = replace(state, epoch=state.epoch + 1, seconds=state.seconds + time.monotonic() - started)
        epoch = Epoch(
            epoch=state.epoch,
            loss=history["loss"][-1],
            accuracy=accuracy,
            val_loss=log_loss(labels, p_fake_of(scores)),
            val_accuracy=float(np.mean((scores >= 0) == labels)),
            val_auc=score,
            learning_rate=state.learning_rate,
            seconds=state.seconds,
        )
        with keeping(folder / "history.csv"):
            record(folder, epoch)
        if score > state.best_auc:
            state = replace(state, best_auc=score, best_epoch=state.epoch, plateau_epoch=state.epoch)
        elif state.epoch - state.plateau_epoch >= stopping.plateau:
            state = replace(state, plateau_epoch=state.epoch, learning_rate=max(state.learning_rate * REDUCE, LOWEST_RATE))
        save_checkpoint(model, last_checkpoint(folder, state.epoch), save)
        with keeping(folder / "state.json"):
            write_json(folder / "state.json", asdict(state))
        print(f"epoch {state.epoch}: validation AUC {score:.4f} (best {state.best_auc:.4f} at {state.best_epoch})", flush=True)
    return state


def batches_of(run: Run, samples: Sequence[Sample], *, epoch: int) -> Iterable[Batch]:
    """Varied faces of ``samples`` as ``run`` sees them in ``epoch``."""
    if len(samples) < run.batch:
        raise InputError(f"{len(samples)} training faces do not fill a batch of {run.batch}: add faces or give a smaller --batch")
    return training_batches(
        samples,
        size=run.size,
        margin=run.margin,
        mode=run.crop_mode,
        batch=run.batch,
        seed=run.seed,
        epoch=epoch,
        augmentation=run.augmentation,
        twins=run.twins,
    )


def compile_for(model: Any, learning_rate: float, *, soft: bool = False) -> None:
    """Adam, and the cross-entropy of the model's outputs (one logit, or one per class); ``soft`` targets are probabilities.

    A map of logits beside the score has an equal share of the loss, the mean over its places.
    """
    outputs = len(model.outputs)
    binary = model.outputs[0].shape[-1] == 1
    if binary:
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
    elif soft:
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    else:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    accuracy = keras.metrics.BinaryAccuracy("accuracy", threshold=0.0) if binary else "accuracy"
    model.compile(
        keras.optimizers.Adam(learning_rate),
        [loss] * outputs,
        loss_weights=[1 / outputs] * outputs,
        metrics=[[] if soft else [accuracy], *[[]] * (outputs - 1)],
    )


def for_outputs(
    model: Any, batches: Iterable[Batch], class_weight: dict[int, float]
) -> Iterator[tuple[Any, tuple[Any, ...], tuple[Any, ...]]]:
    """Batches for a model of several outputs: x, the label for each output and at every place of a map, and their weights.

    A class that ``class_weight`` does not name has the weight 1; a target between two classes has that of the nearer.
    """
    for x, y in batches:
        weights = np.array([class_weight.get(round(float(label)), 1.0) for label in y[:, 0]], np.float32)
        places = [output.shape[1:-1] for output in model.outputs]
        axes = [(-1, *[1] * len(place)) for place in places]
        labels = (np.broadcast_to(np.reshape(y, (*a, 1)), (len(y), *p, 1)) for a, p in zip(axes, places, strict=True))
        yield x, tuple(labels), tuple(weights.reshape(a) for a in axes)


def logits(model: Any, pixels: np.ndarray, batch: int = 64) -> np.ndarray:
    """The model's logits of fake against real (N,) for uint8 faces (N, size, size, 3), a batch at a time to bound memory."""
    chunks = [pixels[i : i + batch] for i in range(0, len(pixels), batch)]
    outputs = np.concatenate([np.asarray(all_outputs(model, to_float(chunk))[0], np.float32) for chunk in chunks])
    return outputs[:, 0] if outputs.shape[1] == 1 else class_log_odds(outputs)


def all_outputs(model: Any, x: Any) -> list[Any]:
    """Every output of a Keras model, the score first, for a batch of float inputs."""
    outputs = model.predict_on_batch(x)
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def last_checkpoint(folder: Path, epoch: int, what: str = "last") -> Path:
    """Two files in turn: ``state.json`` counts on the whole one while the other is being written."""
    return folder / f"{what}-{epoch % 2}.h5"


def save_model(model: Any, path: Path, *, optimizer: bool = True) -> None:
    """As HDF5, the one format that QAT models survive too."""
    with warnings.catch_warnings(), written_at_once(path) as file:
        warnings.filterwarnings("ignore", message=".*HDF5 file.*legacy")
        model.save(file, save_format="h5", include_optimizer=optimizer)


def save_checkpoint(model: Any, path: Path, save: Callable[[Any, Path], None]) -> None:
    """Let ``save`` write ``model`` to ``path``, whole or not at all. Raises ``InputError`` when it cannot be written."""
    with keeping(path), writing(path) as partial:
        save(model, partial)


@contextmanager
def keeping(path: Path) -> Iterator[None]:
    """Raise ``InputError``, with what to do, where the system lets ``path`` or what goes with it not be written."""
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        raise InputError(
            f"{path} cannot be written ({_cause(error)}): make room and give the same command again, which resumes after the "
            "last whole epoch"
        ) from error


def _cause(error: Exception) -> str:
    """What the system says; TensorFlow wraps it in lines of its own."""
    return getattr(error, "strerror", None) or str(error).partition("\n")[0].rpartition("; ")[2]
