"""A user's model as it is, behind this project's input: for what cannot be taken apart into layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from training.own.head import ordering
from training.own.importing import Own


class Wrapped:
    """Float (N, S, S, 3), RGB, (pixel - 128) / 128 in; the user's outputs (N, K) out, real first, one output rising with fake."""

    output_names = ("score",)

    def __init__(self, own: Own, *, probabilities: bool) -> None:
        """``probabilities`` says whether the outputs are."""
        matrix, offset = own.feed.of_scaled()
        self._kernel = tf.constant(matrix.T[None, None], tf.float32)
        self._offset = tf.constant(offset, tf.float32)
        self._model = own.model
        self._order = ordering(own.classes, own.outputs)
        # A probability of real is turned round into 1 - p.
        self._shift = 1.0 if probabilities and self._order[0, 0] < 0 else 0.0

    def __call__(self, face: Any, training: bool = False) -> Any:
        # As a convolution, scaling and colour order stay one operator in eight bits.
        outputs = self._model.call(tf.nn.conv2d(face, self._kernel, 1, "VALID") + self._offset)
        outputs = tf.reshape(outputs, (-1, len(self._order)))
        if np.array_equal(self._order, np.eye(len(self._order))):
            return outputs
        return tf.matmul(outputs, self._order) + self._shift

    def predict_on_batch(self, faces: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Outputs (N, K) for float faces, like that of a Keras model."""
        batch = self._model.batch
        return np.concatenate([np.asarray(self(faces[i : i + batch])) for i in range(0, len(faces), batch)])
