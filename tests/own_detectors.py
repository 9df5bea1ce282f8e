"""Detectors as users make them, in Keras 2 (``tf_keras``) or Keras 3."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

SIZE = 32


def transfer_learned(keras: ModuleType, *, outputs: int = 1, scaled: bool = True) -> Any:
    """A backbone inside a Sequential, with BatchNorm and dropout in the head; ``scaled`` takes pixels, else small numbers."""
    layers = keras.layers
    backbone = [
        layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.ZeroPadding2D(1),
    ]
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            *([layers.Rescaling(1 / 255.0)] if scaled else []),
            keras.Sequential([keras.Input((SIZE, SIZE, 3)), *backbone]),
            layers.GlobalAveragePooling2D(),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(outputs, activation="sigmoid" if outputs == 1 else "softmax"),
        ]
    )
    return randomised(model)


def with_everything(keras: ModuleType) -> Any:
    """Arithmetic, augmentation, layers as activations, a shared block, a sum by ``+``, and a sigmoid before a Reshape."""
    layers = keras.layers
    picture = keras.Input((SIZE, SIZE, 3), name="picture")
    x = layers.RandomFlip("horizontal")(picture)
    x = layers.ZeroPadding2D(1)(x / 127.5 - 1.0)
    name = "first" if keras.__name__ == "tf_keras" else "erste Größe"  # which Keras 2 refuses
    x = layers.Conv2D(8, 3, strides=2, activation=layers.LeakyReLU(0.2), name=name)(x)
    block = keras.Sequential(
        [
            keras.Input((None, None, 8)),
            layers.Conv2D(8, 3, padding="same"),
            layers.BatchNormalization(),
            layers.PReLU(shared_axes=[1, 2]),
        ]
    )
    y = block(block(x))
    x = layers.GaussianNoise(0.1)(x + y)
    x = layers.SeparableConv2D(8, 3, activation="relu", depth_multiplier=2)(x)
    x = layers.GlobalMaxPooling2D(keepdims=True)(x)
    x = layers.Conv2D(1, 1, activation="sigmoid")(layers.Activation("tanh")(x))
    return randomised(keras.Model({"picture": picture}, {"p_fake": layers.Reshape((1,))(x)}))


def stripes(keras: ModuleType, *, scale: float = 1 / 255.0) -> Any:
    """One that scores the pattern of the drawn fakes, without any training; ``scale`` is that of its first layer."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            layers.Rescaling(scale),
            layers.Conv2D(4, (1, 2), activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    kernel = np.zeros((1, 2, 3, 4), np.float32)
    kernel[0, 0], kernel[0, 1] = 1.0, -1.0  # how much a pixel differs from its neighbour
    model.layers[-3].set_weights([kernel, np.zeros(4, np.float32)])
    model.layers[-1].set_weights([np.full((4, 1), 20.0, np.float32), np.float32([-4.0])])
    return model


def randomised(model: Any) -> Any:
    """``model`` with weights as after training: BatchNorms that do something, sums that stay in range."""
    rng = np.random.default_rng(1)
    model.set_weights(
        [
            rng.normal(0, (2 / np.prod(w.shape[:-1])) ** 0.5, w.shape) if w.ndim > 1 else rng.uniform(0.2, 0.8, w.shape)
            for w in model.get_weights()
        ]
    )
    return model
