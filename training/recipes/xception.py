"""Xception (Chollet 2017, arXiv:1610.02357), the architecture of Keras Applications: the classic of face-forgery detection."""

from __future__ import annotations

from typing import Any

import tf_keras as keras


def xception(x: Any) -> Any:
    """Feature maps of 1/32 of the side of ``x``."""
    base = keras.applications.Xception(include_top=False, weights=None, input_tensor=x)
    # Keras numbers the shortcuts' layers anew in every model; copying weights and QAT's transforms need lasting names.
    unnamed = [layer for layer in base.layers if layer.name.startswith(("conv2d", "batch_normalization", "add"))]
    for index, layer in enumerate(unnamed):
        layer._name = f"shortcut{index}_{type(layer).__name__.lower()}"
    return base.output


def imagenet(features: Any) -> None:
    """Load ImageNet weights, made for pixels in [-1, 1]."""
    features.set_weights(keras.applications.Xception(include_top=False, weights="imagenet").get_weights())
