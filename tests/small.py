"""Every architecture at 64 px, untrained but settled: made, quantized and converted once per test process. Loads TensorFlow."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tf_keras as keras

from convert.tflite import int8_tflite
from edgefake.preprocessing import to_float
from training.quantize import QuantizedModel, fold
from training.recipes import build

layers = keras.layers

SIZE = 64
SHALLOW = ("cnn", "xception")
"""Those that untrained weights leave a signal: the others amplify rounding from block to block."""
ARCHITECTURES = ("cnn", "resnet18", "resnet50", "xception", "mobilenet_v2_035", "efficientnet_lite0")
"""One recipe of every module; the others differ in width alone."""


def pixels() -> np.ndarray:
    """Coloured blobs: features of pure noise would all be alike."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (16, 4, 4, 3))
    return np.clip(
        np.kron(coarse, np.ones((1, SIZE // 4, SIZE // 4, 1))) + rng.normal(0, 10, (16, SIZE, SIZE, 3)), 0, 255
    ).astype(np.uint8)


FACES = to_float(pixels())


def settled(model: Any, faces: np.ndarray = FACES) -> Any:
    """``model`` with BatchNorm statistics of the faces, as after training: without them sums grow from block to block."""
    norms = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    for norm in norms:
        norm.momentum = 0.0
        norm.set_weights([np.random.default_rng(1).uniform(0.2, 0.6, norm.gamma.shape), *norm.get_weights()[1:]])
    model(faces, training=True)
    return model


@cache
def float_model(recipe: str) -> Any:
    """With its BatchNorms."""
    keras.utils.set_random_seed(1)
    return settled(build(recipe, SIZE))


@cache
def quantized_model(recipe: str) -> QuantizedModel:
    """Calibrated on the faces."""
    quantized = QuantizedModel(fold(float_model(recipe)))
    quantized.calibrate([FACES])
    return quantized


_FOLDER = TemporaryDirectory(prefix="edgefake_small_")


@cache
def int8_file(recipe: str) -> Path:
    """The INT8 ``.tflite``, without a card; gone when the process ends."""
    path = Path(_FOLDER.name) / f"{recipe}.tflite"
    path.write_bytes(int8_tflite(quantized_model(recipe).model, size=SIZE))
    return path
