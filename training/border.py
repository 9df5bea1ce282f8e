"""A border of a fixed grey, for networks whose own scaling made the zeros of the border another grey than 128."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tf_keras as keras


@keras.saving.register_keras_serializable("edgefake")
class Border(keras.layers.Layer):  # type: ignore[misc]
    """Pads float (N, H, W, C) with one value per channel.

    The border is joined on as constants: XNNPACK runs a CONCATENATION in eight bits, but no padding by anything else than 0.

    Args:
        padding: ((top, bottom), (left, right)) in pixels.
        values: C numbers.
    """

    def __init__(self, padding: Sequence[Sequence[int]], values: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = tuple(tuple(side) for side in padding)
        self.values = tuple(values)

    def call(self, inputs: Any) -> Any:
        for axis, widths in zip((2, 1), reversed(self.padding), strict=True):
            before, after = (self._strip(inputs, axis, width) for width in widths)
            inputs = tf.concat([*before, inputs, *after], axis)
        return inputs

    def _strip(self, inputs: Any, axis: int, width: int) -> list[Any]:
        if not width:
            return []
        static, dynamic = inputs.shape.as_list(), tf.shape(inputs)
        shape = [dynamic[i] if size is None else size for i, size in enumerate(static)]
        shape[axis] = width
        return [tf.broadcast_to(tf.constant(self.values, inputs.dtype), shape)]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "padding": self.padding, "values": self.values}
