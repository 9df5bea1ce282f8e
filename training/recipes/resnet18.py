"""ResNet-18 (He et al. 2015, arXiv:1512.03385)."""

from __future__ import annotations

from typing import Any

import tf_keras as keras

from training.recipes.layers import conv_bn

layers = keras.layers


def resnet18(x: Any) -> Any:
    """Feature maps of 1/32 of the side of ``x``."""
    x = conv_bn(x, 64, 7, stride=2, name="stem")
    x = layers.MaxPooling2D(3, 2, "same", name="stem_pool")(x)
    for stage, filters in enumerate((64, 128, 256, 512), start=1):
        x = _block(x, filters, stride=1 if stage == 1 else 2, name=f"s{stage}b1")
        x = _block(x, filters, stride=1, name=f"s{stage}b2")
    return x


def _block(x: Any, filters: int, *, stride: int, name: str) -> Any:
    shortcut = x
    if stride != 1 or x.shape[-1] != filters:
        shortcut = conv_bn(x, filters, 1, stride=stride, relu=False, name=f"{name}_skip")
    x = conv_bn(x, filters, 3, stride=stride, name=f"{name}_1")
    x = conv_bn(x, filters, 3, relu=False, name=f"{name}_2")
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([x, shortcut]))
