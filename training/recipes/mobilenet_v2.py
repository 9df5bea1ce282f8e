"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381), the architecture of Keras Applications."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import tf_keras as keras


def mobilenet_v2(alpha: float) -> Callable[[Any], Any]:
    """The features of the variant whose layers are ``alpha`` times as wide: feature maps of 1/32 of the side of ``x``."""

    def features(x: Any) -> Any:
        return _network(alpha, weights=None, input_tensor=x).output

    return features


def imagenet(alpha: float) -> Callable[[Any], None]:
    """A function that loads ImageNet weights, made for pixels in [-1, 1]."""

    def load(features: Any) -> None:
        features.set_weights(_network(alpha, weights="imagenet").get_weights())

    return load


def _network(alpha: float, **arguments: Any) -> Any:
    with warnings.catch_warnings():
        # Keras logs that it has weights for 224 px only; the convolutions fit any size.
        warnings.simplefilter("ignore")
        return keras.applications.MobileNetV2(alpha=alpha, include_top=False, **arguments)
