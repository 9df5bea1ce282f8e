"""EfficientNet-Lite0: EfficientNet-B0 (Tan & Le 2019, arXiv:1905.11946) without squeeze-and-excitation, and ReLU6 for swish.

Both changes are for eight bits: a squeeze-and-excitation multiplies tensors of unlike ranges, swish has no integer form.
"""

from __future__ import annotations

from typing import Any

import tf_keras as keras

from training.recipes.layers import conv_bn, depthwise_bn

# (kernel, stride, expansion, filters, repeats) of each stage
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


def efficientnet_lite0(x: Any) -> Any:
    """Feature maps of 1/32 of the side of ``x``."""
    x = conv_bn(x, 32, 3, stride=2, limit=6.0, name="stem")
    for stage, (kernel, stride, expansion, filters, repeats) in enumerate(STAGES, start=1):
        for block in range(1, repeats + 1):
            first = stride if block == 1 else 1
            x = _block(x, filters, kernel, stride=first, expansion=expansion, name=f"s{stage}b{block}")
    return conv_bn(x, 1280, 1, limit=6.0, name="top")


def _block(x: Any, filters: int, kernel: int, *, stride: int, expansion: int, name: str) -> Any:
    """Inverted residual: expand, filter each channel, project; the shortcut joins the narrow ends."""
    shortcut = x
    if expansion != 1:
        x = conv_bn(x, x.shape[-1] * expansion, 1, limit=6.0, name=f"{name}_expand")
    x = depthwise_bn(x, kernel, stride=stride, limit=6.0, name=f"{name}_depthwise")
    x = conv_bn(x, filters, 1, relu=False, name=f"{name}_project")
    if stride == 1 and shortcut.shape[-1] == filters:
        x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return x
