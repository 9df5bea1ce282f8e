"""A small plain CNN: five convolutions with pooling between, for the smallest devices."""

from __future__ import annotations

from typing import Any

import tf_keras as keras

from training.recipes.layers import conv_bn, head

layers = keras.layers


def cnn(size: int, *, folded: bool = False) -> Any:
    """An untrained CNN: float (N, size, size, 3) scaled to [-1, 1) in, logit (N, 1) out; ``folded``: see ``head``."""
    inputs = x = keras.Input((size, size, 3), name="face")
    for index, filters in enumerate((32, 64, 96, 128, 192), start=1):
        x = conv_bn(x, filters, 3, name=f"c{index}")
        if index < 5:
            x = layers.MaxPooling2D(2, name=f"pool{index}")(x)
    return keras.Model(inputs, head(x, folded=folded), name="cnn")
