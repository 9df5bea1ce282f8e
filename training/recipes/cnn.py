"""A small plain CNN: five convolutions with pooling between, for the smallest devices."""

from __future__ import annotations

from typing import Any

import tf_keras as keras

from training.recipes.layers import conv_bn


def cnn(x: Any) -> Any:
    """Feature maps of 1/16 of the side of ``x``."""
    for index, filters in enumerate((32, 64, 96, 128, 192), start=1):
        x = conv_bn(x, filters, 3, name=f"c{index}")
        if index < 5:
            x = keras.layers.MaxPooling2D(2, name=f"pool{index}")(x)
    return x
