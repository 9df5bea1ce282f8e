"""ResNet-50 (He et al. 2015, arXiv:1512.03385), the architecture of Keras Applications."""

from __future__ import annotations

from typing import Any

import numpy as np
import tf_keras as keras


def resnet50(x: Any) -> Any:
    """Feature maps of 1/32 of the side of ``x``."""
    return keras.applications.ResNet50(include_top=False, weights=None, input_tensor=x).output


def imagenet(features: Any) -> None:
    """Load ImageNet weights."""
    features.set_weights(keras.applications.ResNet50(include_top=False, weights="imagenet").get_weights())
    take_scaled_rgb(features)


def take_scaled_rgb(features: Any) -> None:
    """Change the first convolution from BGR pixels less their ImageNet mean to RGB scaled to (pixel - 128) / 128.

    Both are affine in the pixel, so its kernel and bias take the difference up; only the zero padding at the border now stands
    for a grey of 128 instead of the mean colour.
    """
    first = features.get_layer("conv1_conv")
    kernel, bias = first.get_weights()
    mean = np.array([103.939, 116.779, 123.68], np.float32)  # B, G, R
    first.set_weights([128.0 * kernel[:, :, ::-1], bias + np.einsum("hwco,c->o", kernel, 128.0 - mean)])
