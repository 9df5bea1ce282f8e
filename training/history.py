"""What a run's epochs were like: ``history.csv``, TensorBoard's event files, and ``history.png``."""

from __future__ import annotations

import csv
import math
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import tensorflow as tf
from matplotlib.figure import Figure

from edgefake.errors import InputError
from edgefake.files import writing
from training.figures import save_figure
from training.safe.records import read_plain


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch; accuracies are at a logit of 0."""

    epoch: int
    loss: float
    accuracy: float | None
    """None where the targets are a teacher's probabilities."""
    val_loss: float
    val_accuracy: float
    val_auc: float
    learning_rate: float
    seconds: float
    """Since the run began."""


HISTORY = "history.csv"
Row = TypeVar("Row", bound=Any)
"""A data class whose first field is ``epoch`` and whose others are numbers."""


def record(folder: Path, epoch: Epoch) -> None:
    """Add ``epoch`` to the logs in ``folder`` and draw the curves."""
    epochs = add_epoch(folder, epoch)
    writer = tf.summary.create_file_writer(str(folder / "tensorboard"))
    with writer.as_default():
        for name, value in asdict(epoch).items():
            if name != "epoch" and value is not None:
                tf.summary.scalar(name, value, step=epoch.epoch)
    writer.close()
    save_figure(plot(epochs), folder / "history.png", dpi=110)


def add_epoch(folder: Path, epoch: Row) -> list[Row]:
    """Add ``epoch``, a data class, to ``history.csv``; trained again after a kill, it replaces its first try. All epochs now."""
    epochs = [*(earlier for earlier in read_history(folder, type(epoch)) if earlier.epoch < epoch.epoch), epoch]
    with writing(folder / HISTORY) as partial, partial.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(field.name for field in fields(epoch))
        rows.writerows([f"{value:.6g}" if isinstance(value, float) else value for value in astuple(row)] for row in epochs)
    return epochs


def read_history(folder: Path, kind: type[Row] = Epoch) -> list[Row]:
    """The epochs recorded in ``folder``, oldest first; ``InputError`` where they cannot be read."""
    path = folder / HISTORY
    if not path.exists():
        return []
    names = [field.name for field in fields(kind)]
    try:
        header, *rows = csv.reader(read_plain(path).decode().splitlines(), strict=True)
        if header != names:
            raise ValueError(f"expected the columns {','.join(names)}")
        return [_epoch(kind, dict(zip(names, row, strict=True))) for row in rows]
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path} is damaged ({str(error)[:120]}): move it away, and the curves begin anew") from error


def _epoch(kind: type[Row], row: dict[str, str]) -> Row:
    number = int(row.pop("epoch"))
    values = {name: float(value) if value or name != "accuracy" else None for name, value in row.items()}
    if not all(value is None or math.isfinite(value) for name, value in values.items() if "loss" not in name):
        raise ValueError(f"epoch {number} has no finite numbers")
    return kind(number, **values)


def plot(epochs: list[Epoch]) -> Figure:
    """Loss, accuracy and AUC over the epochs."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    loss, rate = figure.subplots(1, 2)
    numbers = [epoch.epoch for epoch in epochs]
    loss.plot(numbers, [epoch.loss for epoch in epochs], "o-", label="training")
    loss.plot(numbers, [epoch.val_loss for epoch in epochs], "o-", label="validation")
    loss.set(xlabel="epoch", ylabel="cross-entropy")
    if epochs[-1].accuracy is not None:
        rate.plot(numbers, [epoch.accuracy for epoch in epochs], "o-", label="training accuracy")
    rate.plot(numbers, [epoch.val_accuracy for epoch in epochs], "o-", label="validation accuracy")
    rate.plot(numbers, [epoch.val_auc for epoch in epochs], "o-", label="validation AUC")
    rate.set(xlabel="epoch", ylabel="share")
    for axes in (loss, rate):
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    return figure
