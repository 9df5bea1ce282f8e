"""Building blocks that the recipes share."""

from __future__ import annotations

from typing import Any

import tf_keras as keras

layers = keras.layers


def conv_bn(
    x: Any, filters: int, kernel: int, *, stride: int = 1, relu: bool = True, limit: float | None = None, name: str
) -> Any:
    """Convolution → BatchNorm (→ ReLU, up to ``limit``): the triple that QAT and the converters fuse into one layer."""
    x = layers.Conv2D(filters, kernel, stride, "same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=0.95, epsilon=1e-5, name=f"{name}_bn")(x)
    return layers.ReLU(limit, name=f"{name}_relu")(x) if relu else x


def depthwise_bn(x: Any, kernel: int, *, stride: int = 1, limit: float | None = None, name: str) -> Any:
    """Depthwise convolution → BatchNorm → ReLU."""
    x = layers.DepthwiseConv2D(kernel, stride, "same", use_bias=False, depthwise_initializer="he_normal", name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=0.95, epsilon=1e-5, name=f"{name}_bn")(x)
    return layers.ReLU(limit, name=f"{name}_relu")(x)


def head(x: Any, *, outputs: int, folded: bool) -> Any:
    """GAP → Dense 512 ReLU → BatchNorm → Dropout 0.3 → Dense, logits (sigmoid and softmax belong to the loss and to calibration).

    ``folded`` leaves the BatchNorm out, for weights that contain it already (``training.quantize.fold_head``): QAT and TFLite
    have no integer form of a BatchNorm behind a Dense layer.
    """
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    x = layers.Dense(512, activation="relu", name="fc")(x)
    if not folded:
        x = layers.BatchNormalization(momentum=0.95, epsilon=1e-5, name="fc_bn")(x)
    x = layers.Dropout(0.3, name="dropout")(x)
    # The loss needs float32 also where the rest runs in bfloat16.
    return layers.Dense(outputs, dtype="float32", name="logit")(x)


def take_weights(features: Any, whole: Any) -> None:
    """Give the layers of ``features`` the weights of those of the same names in ``whole``."""
    for layer in features.layers:
        if layer.weights:
            layer.set_weights(whole.get_layer(layer.name).get_weights())
