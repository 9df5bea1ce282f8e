"""The loop that float training and QAT share: best checkpoint, reduce-on-plateau, early stopping, resume after a kill."""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgefake.preprocessing import to_float
from training.batches import Batch, all_pixels, training_batches
from training.metrics import auc
from training.runs import Run, State, write_json
from training.samples import Sample

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
    retarget: Callable[[Iterator[Batch]], Iterator[Batch]] = lambda batches: batches,
) -> State:
    """Train the compiled ``model`` from ``state`` on; every epoch leaves ``last-*.h5``, and ``best.h5`` when it is the best.

    ``save`` writes a checkpoint; ``retarget`` may replace the labels of the batches (distillation).
    """
    labels = np.array([s.label for s in validation])
    pixels = all_pixels(validation, size=run.size, margin=run.margin)
    print(f"{run.recipe} at {run.size} px: {len(train_samples)} faces to train on, {len(validation)} to validate on", flush=True)
    while state.epoch < stopping.epochs and state.epoch - state.best_epoch < stopping.patience:
        started = time.monotonic()
        model.optimizer.learning_rate.assign(state.learning_rate)
        batches = training_batches(
            train_samples, size=run.size, margin=run.margin, batch=run.batch, seed=run.seed, epoch=state.epoch
        )
        history = model.fit(
            retarget(batches),
            steps_per_epoch=len(train_samples) // run.batch,
            initial_epoch=state.epoch,
            epochs=state.epoch + 1,
            verbose="auto" if sys.stderr.isatty() else 2,
        )
        score = auc(labels, logits(model, pixels))
        state = replace(state, epoch=state.epoch + 1, seconds=state.seconds + time.monotonic() - started)
        _log(folder, state, history.history["loss"][-1], score)
        if score > state.best_auc:
            state = replace(state, best_auc=score, best_epoch=state.epoch, plateau_epoch=state.epoch)
            _save(model, folder / "best.h5", save)
        elif state.epoch - state.plateau_epoch >= stopping.plateau:
            state = replace(state, plateau_epoch=state.epoch, learning_rate=max(state.learning_rate * REDUCE, LOWEST_RATE))
        _save(model, last_checkpoint(folder, state), save)
        write_json(folder / "state.json", state)
        print(f"epoch {state.epoch}: validation AUC {score:.4f} (best {state.best_auc:.4f} at {state.best_epoch})", flush=True)
    return state


def logits(model: Any, pixels: np.ndarray, batch: int = 64) -> np.ndarray:
    """The model's logits (N,) for uint8 faces (N, size, size, 3), scaled a batch at a time so that memory stays bounded."""
    chunks = [pixels[i : i + batch] for i in range(0, len(pixels), batch)]
    return np.concatenate([np.asarray(model.predict_on_batch(to_float(chunk)), np.float32)[:, 0] for chunk in chunks])


def last_checkpoint(folder: Path, state: State) -> Path:
    """Two files in turn: ``state.json`` counts on the whole one while the other is being written."""
    return folder / f"last-{state.epoch % 2}.h5"


def _save(model: Any, path: Path, save: Callable[[Any, Path], None]) -> None:
    partial = path.with_name(f"partial-{path.name}")
    save(model, partial)
    os.replace(partial, path)


def _log(folder: Path, state: State, loss: float, score: float) -> None:
    path = folder / "history.csv"
    new = not path.exists()
    with path.open("a", newline="") as stream:
        writer = csv.writer(stream)
        if new:
            writer.writerow(("epoch", "loss", "val_auc", "learning_rate", "seconds"))
        writer.writerow((state.epoch, f"{loss:.5f}", f"{score:.5f}", f"{state.learning_rate:.2e}", f"{state.seconds:.0f}"))
