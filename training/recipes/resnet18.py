"""ResNet-18 (He et al. 2015, arXiv:1512.03385) with the field's detector head."""

from __future__ import annotations

from typing import Any

import tf_keras as keras

from training.recipes.layers import conv_bn, head

layers = keras.layers


def resnet18(size: int, *, folded: bool = False) -> Any:
    """An untrained ResNet-18: float (N, size, size, 3) scaled to [-1, 1) in, logit (N, 1) out; ``folded``: see ``head``."""
    inputs = keras.Input((size, size, 3), name="face")
    x = conv_bn(inputs, 64, 7, stride=2, name="stem")
    x = layers.MaxPooling2D(3, 2, "same", name="stem_pool")(x)
    for stage, filters in enumerate((64, 128, 256, 512), start=1):
        x = _block(x, filters, stride=1 if stage == 1 else 2, name=f"s{stage}b1")
        x = _block(x, filters, stride=1, name=f"s{stage}b2")
    return keras.Model(inputs, head(x, folded=folded), name="resnet18")


def _block(x: Any, filters: int, *, stride: int, name: str) -> Any:
    shortcut = x
    if stride != 1 or x.shape[-1] != filters:
        shortcut = conv_bn(x, filters, 1, stride=stride, relu=False, name=f"{name}_skip")
    x = conv_bn(x, filters, 3, stride=stride, name=f"{name}_1")
    x = conv_bn(x, filters, 3, relu=False, name=f"{name}_2")
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, shortcut]))
