"""ResNet-50 (He et al. 2015, arXiv:1512.03385), the architecture of Keras Applications."""

from __future__ import annotations

from typing import Any

import numpy as np
import tf_keras as keras


def resnet50(x: Any) -> Any:
    """Feature maps of 1/32 of the side of ``x``."""
    return keras.applications.ResNet50(include_top=False, weights=None, input_tensor=x).output


def imagenet(features: Any) -> None:
    """Load ImageNet weights, which expect BGR pixels less their mean, for RGB scaled to (pixel - 128) / 128.

    Both are affine in the pixel, so the first convolution takes the difference up; only its zero padding at the border now
    stands for a grey of 128 instead of the mean colour.
    """
    source = keras.applications.ResNet50(include_top=False, weights="imagenet")
    features.set_weights(source.get_weights())
    first = features.get_layer("conv1_conv")
    kernel, bias = first.get_weights()
    mean = np.array([103.939, 116.779, 123.68], np.float32)  # B, G, R
    bias = bias + np.einsum("hwco,c->o", kernel, 128.0 - mean)
    first.set_weights([128.0 * kernel[:, :, ::-1], bias])
