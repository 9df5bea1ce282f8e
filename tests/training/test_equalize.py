"""Channels before depthwise convolutions, brought to one range: the same network, of which eight bits keep more."""

from __future__ import annotations

from typing import Any

import numpy as np
import tf_keras as keras

from training.equalize import LARGEST, equalized
from training.quantize import QuantizedModel, fold

layers = keras.layers
RNG = np.random.default_rng(0)
FACES = RNG.uniform(-1.0, 1.0, (16, 16, 16, 3)).astype(np.float32)


def _model(limit: float | None) -> Any:
    """Convolution → BatchNorm → ReLU → depthwise convolution, with channels of very unlike sizes."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, name="stem")(inputs)
    x = layers.ReLU(limit, name="stem_relu")(layers.BatchNormalization(name="stem_bn")(x))
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(x)
    x = layers.ReLU(limit, name="depthwise_relu")(layers.BatchNormalization(name="depthwise_bn")(x))
    x = layers.Conv2D(4, 1, name="project")(x)
    model = fold(keras.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling2D()(x))))
    norm = model.get_layer("stem_bn")
    sizes = np.geomspace(0.02, 2.0, 8).astype(np.float32)
    norm.set_weights([sizes, 0.5 * sizes, *norm.get_weights()[2:]])
    kernel = model.get_layer("depthwise")
    kernel.set_weights([kernel.get_weights()[0] / sizes[:, None]])
    return model


def _outputs(model: Any) -> np.ndarray:
    return np.asarray(model.predict_on_batch(FACES))


def _largest(model: Any, layer: str) -> np.ndarray:
    return np.asarray(keras.Model(model.inputs, model.get_layer(layer).output).predict_on_batch(FACES)).max(axis=(0, 1, 2))


def test_the_outputs_stay_and_small_channels_grow() -> None:
    for limit in (None, 6.0):
        model = _model(limit)
        same = equalized(model, [FACES])
        np.testing.assert_allclose(_outputs(same), _outputs(model), rtol=1e-4, atol=1e-5)
        before, after = _largest(model, "stem_relu"), _largest(same, "stem_relu")
        assert before.max() / before.min() > 20
        assert after.max() / after.min() < before.max() / before.min() / 4
        assert (after / before).max() <= LARGEST * 1.001 and (after / before).min() >= 0.999
        assert after.max() <= (limit or after.max())


def test_eight_bits_keep_more_of_it() -> None:
    model = _model(None)
    errors = []
    for form in (model, equalized(model, [FACES])):
        quantized = QuantizedModel(form)
        quantized.calibrate([FACES])
        errors.append(float(np.square(_outputs(quantized.model) - _outputs(model)).mean()))
    assert errors[1] < errors[0] / 2


def test_where_nothing_is_depthwise_nothing_changes() -> None:
    inputs = keras.Input((16, 16, 3))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3)(inputs)))
    model = fold(keras.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(x)))))
    assert equalized(model, [FACES]) is model


def test_a_channel_that_goes_to_a_second_layer_too_stays() -> None:
    inputs = keras.Input((16, 16, 3))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(inputs)))
    x = layers.Add()([x, layers.DepthwiseConv2D(3, padding="same")(x)])
    model = fold(keras.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling2D()(x))))
    assert equalized(model, [FACES]) is model
