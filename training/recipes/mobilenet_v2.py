"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381), the architecture of Keras Applications."""

from __future__ import annotations

import warnings
from typing import Any

import tf_keras as keras


def mobilenet_v2(x: Any, alpha: float) -> Any:
    """Feature maps of 1/32 of the side of ``x``, of the variant whose layers are ``alpha`` times as wide."""
    return _network(alpha, weights=None, input_tensor=x).output


def imagenet(features: Any, alpha: float) -> None:
    """Load ImageNet weights, made for pixels in [-1, 1]."""
    features.set_weights(_network(alpha, weights="imagenet").get_weights())


def _network(alpha: float, **arguments: Any) -> Any:
    with warnings.catch_warnings():
        # Keras logs that it has weights for 224 px only; the convolutions fit any size.
        warnings.simplefilter("ignore")
        return keras.applications.MobileNetV2(alpha=alpha, include_top=False, **arguments)
