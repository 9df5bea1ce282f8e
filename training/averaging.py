"""The moving average of a network's weights over its steps (Polyak & Juditsky 1992), which is judged and kept as the best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras as keras


class Averaging(keras.callbacks.Callback):  # type: ignore[misc]
    """Averages all weights of ``model`` as they are after each step, BatchNorm's moving statistics among them.

    The statistics are of the raw network's activations; averaged alike they fit the averaged weights but for what bends between
    them, and no further pass over the pictures is needed. tf_keras' own averaging leaves them out, and goes on from the average
    after every call of ``fit``.

    Args:
        model: compiled; its optimizer counts the steps, also over a resume.
        decay: what the average keeps at each step; of the first steps less, (1 + step) / (10 + step), so that they are forgotten.
    """

    def __init__(self, model: Any, decay: float) -> None:
        super().__init__()
        self.raw = model.weights
        self.average = [tf.Variable(weight, trainable=False) for weight in self.raw]
        self.decay, self.optimizer = decay, model.optimizer

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._step()

    @tf.function
    def _step(self) -> None:
        step = tf.cast(self.optimizer.iterations, tf.float32)
        kept = tf.minimum(self.decay, (1.0 + step) / (10.0 + step))
        for average, raw in zip(self.average, self.raw, strict=True):
            average.assign(kept * average + (1.0 - kept) * raw)

    def begin(self, weights: Sequence[npt.NDArray[np.float32]]) -> None:
        """Go on from ``weights``, an average that was kept."""
        for average, kept in zip(self.average, weights, strict=True):
            average.assign(kept)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The model has the averaged weights within, and its own again afterwards."""
        own = [weight.numpy() for weight in self.raw]
        for average, raw in zip(self.average, self.raw, strict=True):
            raw.assign(average)
        try:
            yield
        finally:
            for value, raw in zip(own, self.raw, strict=True):
                raw.assign(value)
