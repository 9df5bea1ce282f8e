"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381), the architecture of Keras Applications."""

from __future__ import annotations

import warnings
from typing import Any

import tf_keras as keras

from training.recipes.layers import take_weights


def mobilenet_v2(x: Any, alpha: float) -> Any:
    """Feature maps of 1/32 of the side of ``x``, of the variant whose layers are ``alpha`` times as wide."""
    return network(alpha, input_tensor=x).output


def until_layer(x: Any, alpha: float, last: str) -> Any:
    """Feature maps behind the layer called ``last``."""
    return network(alpha, input_tensor=x).get_layer(last).output


def imagenet(features: Any, alpha: float) -> None:
    """Load ImageNet weights, made for pixels in [-1, 1]."""
    take_weights(features, network(alpha, weights="imagenet"))


def network(alpha: float, *, weights: str | None = None, **arguments: Any) -> Any:
    """The whole backbone, with ``weights`` ``imagenet`` or random ones."""
    with warnings.catch_warnings():
        # Keras logs that it has weights for 224 px only; the convolutions fit any size.
        warnings.simplefilter("ignore")
        return keras.applications.MobileNetV2(alpha=alpha, include_top=False, weights=weights, **arguments)
