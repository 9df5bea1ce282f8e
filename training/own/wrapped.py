"""A user's model as it is, behind this project's input: for what cannot be taken apart into layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from training.own.head import real_first
from training.own.importing import Own


class Wrapped:
    """Float (N, S, S, 3), RGB, (pixel - 128) / 128 in; the user's outputs (N, K) out, real first, one output rising with fake."""

    def __init__(self, own: Own, *, probabilities: bool) -> None:
        """``probabilities`` says whether the outputs are."""
        matrix, offset = own.feed.of_scaled()
        self._kernel = tf.constant(matrix.T[None, None], tf.float32)
        self._offset = tf.constant(offset, tf.float32)
        self._model = own.model
        classes = own.classes
        order, shift = np.eye(len(classes))[:, [list(classes).index(name) for name in real_first(classes)]], 0.0
        if own.outputs == 1:
            rises = classes[1] == "fake"
            order, shift = np.array([[1.0 if rises else -1.0]]), 0.0 if rises or not probabilities else 1.0
        self._order, self._shift = tf.constant(order, tf.float32), shift

    def __call__(self, face: Any, training: bool = False) -> Any:
        # As a convolution, scaling and colour order stay one operator in eight bits.
        outputs = self._model.call(tf.nn.conv2d(face, self._kernel, 1, "VALID") + self._offset)
        outputs = tf.reshape(outputs, (-1, self._order.shape[0]))
        if np.array_equal(self._order, np.eye(self._order.shape[0])):
            return outputs
        return tf.matmul(outputs, self._order) + self._shift

    def predict_on_batch(self, faces: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Outputs (N, K) for float faces, like that of a Keras model."""
        return np.asarray(self(tf.constant(faces)))
