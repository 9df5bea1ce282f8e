"""Kernels rounded for what they compute."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import tf_keras as keras

from training.quantize import QuantizedModel, fold
from training.rounding import LEVELS, MOST_WEIGHTS, best_rounding, rounded

layers = keras.layers
RNG = np.random.default_rng(0)
BRIGHT = (1.0 + RNG.uniform(0.0, 4.0, (32, 1, 1, 1)) + 0.05 * RNG.normal(size=(32, 16, 16, 3))).astype(np.float32)
"""Faces whose neighbouring pixels differ little, each about another mean."""
OTHERS = np.random.default_rng(1)
ALIKE = (1.0 + OTHERS.uniform(0.0, 4.0, (64, 1, 1, 1)) + 0.05 * OTHERS.normal(size=(64, 8, 8, 12))).astype(np.float32)
"""The same of channels."""


def _cost(errors: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("ci,cij,cj->c", errors, covariance, errors))


def test_no_rounding_of_one_step_around_is_better() -> None:
    weights = RNG.normal(size=(6, 4))
    factors = RNG.normal(size=(6, 4, 4)) + 3.0
    covariance = factors @ factors.transpose(0, 2, 1)
    found = best_rounding(weights, covariance)
    step = np.abs(weights).max(axis=1, keepdims=True) / LEVELS
    np.testing.assert_allclose(found / step, np.rint(found / step), atol=1e-9)
    np.testing.assert_allclose(np.abs(found).max(axis=1), np.abs(weights).max(axis=1))
    cost = _cost(found - weights, covariance)
    nearest = _cost(np.rint(weights / step) * step - weights, covariance)
    assert np.all(cost <= nearest + 1e-12) and cost.sum() < nearest.sum() / 2
    movable = np.abs(weights) < np.abs(weights).max(axis=1, keepdims=True)
    for place, sign in product(range(4), (-1, 1)):
        moved = found.copy()
        moved[:, place] += sign * step[:, 0]
        worse = _cost(moved - weights, covariance) >= cost - 1e-12
        assert np.all(worse[movable[:, place]])


def test_a_row_of_zeros_stays() -> None:
    assert not best_rounding(np.zeros((1, 9)), np.eye(9)[None]).any()


def _model() -> keras.Model:
    """A depthwise convolution that takes differences of neighbours, and a BatchNorm that makes much of them."""
    inputs = keras.Input((16, 16, 3))
    x = layers.DepthwiseConv2D(3, use_bias=False, name="depthwise")(inputs)
    x = layers.ReLU(name="relu")(layers.BatchNormalization(name="norm")(x))
    model = fold(keras.Model(inputs, layers.Dense(1, name="logit")(layers.GlobalAveragePooling2D()(x))))
    kernel = RNG.uniform(-1.0, 1.0, (3, 3, 3, 1))
    kernel -= kernel.mean(axis=(0, 1))
    model.get_layer("depthwise").set_weights([kernel])
    model.get_layer("norm").set_weights([np.full(3, 5.0), np.ones(3), np.zeros(3), np.full(3, 0.01)])
    return model


def test_differences_of_neighbours_survive_eight_bits() -> None:
    model, nearest = _model(), _model()
    nearest.set_weights(model.get_weights())
    kernel = model.get_layer("depthwise").get_weights()[0]
    step = np.abs(kernel).max(axis=(0, 1), keepdims=True) / LEVELS
    nearest.get_layer("depthwise").set_weights([np.rint(kernel / step) * step])
    expected = model.predict_on_batch(BRIGHT)
    errors = [float(np.square(form.predict_on_batch(BRIGHT) - expected).mean()) for form in (nearest, rounded(model, [BRIGHT]))]
    assert errors[1] < errors[0] / 4


def test_fake_quantization_leaves_rounded_kernels_as_they_are() -> None:
    form = rounded(_model(), [BRIGHT])
    quantized = QuantizedModel(form)
    quantized.calibrate([BRIGHT])
    (wrapper,) = (layer for layer in quantized.model.layers if layer.name.endswith("depthwise"))
    ((kernel, quantizer, ranges),) = wrapper._weight_vars
    np.testing.assert_allclose(quantizer(kernel, False, weights=ranges), form.get_layer("depthwise").get_weights()[0], rtol=1e-5)


def test_without_a_batch_norm_behind_nothing_changes() -> None:
    inputs = keras.Input((16, 16, 3))
    model = fold(keras.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(inputs)))))
    assert rounded(model, [BRIGHT]) is model


def _projection() -> keras.Model:
    """A 1×1 convolution that takes differences of channels that are alike, and a BatchNorm that makes much of them."""
    inputs = keras.Input((8, 8, 12))
    x = layers.BatchNormalization(name="norm")(layers.Conv2D(4, 1, use_bias=False, name="projection")(inputs))
    model = fold(keras.Model(inputs, layers.Dense(1, name="logit")(layers.GlobalAveragePooling2D()(layers.ReLU()(x)))))
    kernel = OTHERS.uniform(-1.0, 1.0, (1, 1, 12, 4))
    kernel -= kernel.mean(axis=2, keepdims=True)
    model.get_layer("projection").set_weights([kernel])
    model.get_layer("norm").set_weights([np.full(4, 5.0), np.ones(4), np.zeros(4), np.full(4, 0.01)])
    return model


def _error(model: keras.Model, form: keras.Model, faces: np.ndarray) -> float:
    return float(np.square(form.predict_on_batch(faces) - model.predict_on_batch(faces)).mean())


def test_differences_of_channels_survive_eight_bits() -> None:
    model, nearest = _projection(), _projection()
    kernel = model.get_layer("projection").get_weights()[0]
    step = np.abs(kernel).max(axis=(0, 1, 2), keepdims=True) / LEVELS
    nearest.set_weights(model.get_weights())
    nearest.get_layer("projection").set_weights([np.rint(kernel / step) * step])
    form = rounded(model, [ALIKE])
    whole = form.get_layer("projection").get_weights()[0] / step
    np.testing.assert_allclose(whole, np.rint(whole), atol=1e-3)
    assert _error(model, form, ALIKE) < _error(model, nearest, ALIKE) / 4


def test_a_convolution_over_neighbours_and_channels_with_strides() -> None:
    inputs = keras.Input((16, 16, 3))
    x = layers.BatchNormalization(name="norm")(
        layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False, name="stem")(inputs)
    )
    model = fold(keras.Model(inputs, layers.Dense(1, name="logit")(layers.GlobalAveragePooling2D()(layers.ReLU()(x)))))
    kernel = OTHERS.uniform(-1.0, 1.0, (3, 3, 3, 4))
    model.get_layer("stem").set_weights([kernel - kernel.mean(axis=(0, 1, 2))])
    model.get_layer("norm").set_weights([np.full(4, 5.0), np.ones(4), np.zeros(4), np.full(4, 0.01)])
    kernel = model.get_layer("stem").get_weights()[0]
    step = np.abs(kernel).max(axis=(0, 1, 2), keepdims=True) / LEVELS
    nearest = keras.models.clone_model(model)
    nearest.set_weights(model.get_weights())
    nearest.get_layer("stem").set_weights([np.rint(kernel / step) * step])
    assert _error(model, rounded(model, [BRIGHT]), BRIGHT) < _error(model, nearest, BRIGHT) / 2


def test_many_outputs_are_rounded_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    weights, factors = OTHERS.normal(size=(40, 6)), OTHERS.normal(size=(6, 6)) + 2.0
    shared = (factors @ factors.T)[None]
    at_once = best_rounding(weights, shared)
    monkeypatch.setattr("training.rounding.PAIRS_AT_ONCE", 80)
    np.testing.assert_array_equal(best_rounding(weights, shared), at_once)
    np.testing.assert_array_equal(at_once, best_rounding(weights, np.repeat(shared, 40, axis=0)))


def test_a_kernel_of_many_weights_stays() -> None:
    inputs = keras.Input((8, 8, MOST_WEIGHTS + 1))
    x = layers.BatchNormalization()(layers.Conv2D(2, 1, use_bias=False)(inputs))
    model = fold(keras.Model(inputs, layers.Dense(1)(layers.GlobalAveragePooling2D()(x))))
    assert rounded(model, [np.zeros((1, 8, 8, MOST_WEIGHTS + 1), np.float32)]) is model
