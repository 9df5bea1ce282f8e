"""The face finder's network: depthwise-separable convolutions, a top-down pyramid, and what every cell says of a face near it.

In the manner of YuNet (Wu et al. 2023): an anchor-free head (Tian et al. 2019; Ge et al. 2021) on maps of strides 8, 16 and 32.
It is made of what QAT and INT8 conversion take: convolution → BatchNorm → ReLU6, whose range no outlier stretches, additions, and
transposed convolutions to enlarge maps, which XNNPACK runs in eight bits; nearest-neighbour resizing it does not, and the graph
would fall into three pieces.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tf_keras as keras

from edgefake.faces.decode import BOX, POINTS, SCORE, STRIDES
from training.recipes.layers import conv_bn, depthwise_bn

layers = keras.layers

STEP = STRIDES[-1]
"""Height and width of the input are multiples of it."""
VALUES = SCORE + BOX + POINTS
"""Numbers per cell: class and objectness logits, box, five points. See ``edgefake.faces.decode`` for their meaning."""
CHANNELS = 64
BLOCKS = (2, 3, 3, 3)
"""Blocks at strides 4, 8, 16 and 32; the first of each halves the map."""
LIMIT = 6.0
"""Of every ReLU."""
PRIOR = 0.01
"""Objectness before training: most cells hold no face, and would drown the first steps otherwise (Lin et al. 2017)."""


def build(height: int | None = None, width: int | None = None) -> Any:
    """An untrained face finder, a tf_keras Functional model.

    Args:
        height, width: of the input, multiples of ``STEP``; None for any. Weights fit every size.

    Input: float (N, H, W, 3), RGB, ``(pixel - 128) / 128``. Outputs, for each stride s of ``STRIDES``: ``score_s``
    (N, H/s, W/s, 2), ``box_s`` (N, H/s, W/s, 4), ``points_s`` (N, H/s, W/s, 10).
    """
    image = keras.Input((height, width, 3), name="image")
    x = conv_bn(image, 16, 3, stride=2, limit=LIMIT, name="stem")
    maps = []
    for stride, count in zip((4, *STRIDES), BLOCKS, strict=True):
        for index in range(count):
            filters = CHANNELS if stride > 4 else 32
            x = separable(x, filters, stride=1 if index else 2, name=f"body{stride}_{index}")
        maps.append(x)
    levels = maps[1:]
    for index, stride in reversed(list(enumerate(STRIDES[:-1]))):
        larger = layers.Conv2DTranspose(CHANNELS, 2, 2, "same", name=f"up{stride}")(levels[index + 1])
        levels[index] = separable(layers.Add(name=f"sum{stride}")([levels[index], larger]), CHANNELS, name=f"neck{stride}")
    outputs = []
    for stride, x in zip(STRIDES, levels, strict=True):
        outputs += _head(separable(x, CHANNELS, name=f"head{stride}"), stride)
    return keras.Model(image, outputs, name="face_finder")


def flat(outputs: Sequence[Any]) -> Any:
    """The outputs of ``build`` as one float tensor (N, cells, ``VALUES``), the cells in the order of ``decode.cells``."""
    import tensorflow as tf

    maps = [tf.concat(outputs[i : i + 3], axis=-1) for i in range(0, len(outputs), 3)]
    return tf.concat([tf.reshape(x, (tf.shape(x)[0], -1, VALUES)) for x in maps], axis=1)


def separable(x: Any, filters: int, *, stride: int = 1, name: str) -> Any:
    """Depthwise 3×3 → BatchNorm → ReLU6 → 1×1 → BatchNorm → ReLU6 (Howard et al. 2017)."""
    x = depthwise_bn(x, 3, stride=stride, limit=LIMIT, name=f"{name}_dw")
    return conv_bn(x, filters, 1, limit=LIMIT, name=f"{name}_pw")


def _head(x: Any, stride: int) -> list[Any]:
    """Logits, box and points of a map, each an output with an INT8 scale of its own."""
    bias = keras.initializers.Constant([0.0, float(np.log(PRIOR / (1 - PRIOR)))])
    return [
        layers.Conv2D(SCORE, 1, bias_initializer=bias, name=f"score_{stride}")(x),
        layers.Conv2D(BOX, 1, name=f"box_{stride}")(x),
        layers.Conv2D(POINTS, 1, name=f"points_{stride}")(x),
    ]
