"""Folding, fake quantization, and that every architecture comes out of the converter fit for the device."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tf_keras as keras

from convert.graph import Graph
from convert.tflite import int8_tflite
from edgefake.errors import InputError
from edgefake.odds import class_log_odds
from edgefake.preprocessing import to_int8
from tests.interpreted import graphs_and_outputs
from tests.small import ARCHITECTURES, FACES, SHALLOW, SIZE, float_model, int8_file, pixels, quantized_model, settled
from training.border import Border
from training.device import on_device
from training.quantize import QuantizedModel, fold
from training.recipes import build

layers = keras.layers


def _outputs(model: Any) -> np.ndarray:
    return np.asarray(model.predict_on_batch(FACES))


def _same(model: Any, other: Any) -> None:
    expected = _outputs(model)
    np.testing.assert_allclose(_outputs(other), expected, atol=1e-4 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("recipe", ARCHITECTURES)
def test_folding_changes_nothing_and_leaves_no_batch_norm_beside_dense(recipe: str) -> None:
    folded = fold(float_model(recipe))
    _same(float_model(recipe), folded)
    norms = [layer.name for layer in folded.layers if isinstance(layer, layers.BatchNormalization)]
    assert norms
    assert "fc_bn" not in norms


@pytest.mark.parametrize("recipe", SHALLOW)
def test_calibrated_fake_quantization_stays_close_tofloat_model(recipe: str) -> None:
    expected, got = _outputs(float_model(recipe)), _outputs(quantized_model(recipe).model)
    assert 0.95 < np.corrcoef(expected[:, 0], got[:, 0])[0, 1] < 1


@pytest.mark.parametrize("recipe", ARCHITECTURES)
def test_activations_are_symmetric_and_the_input_is_fixed(recipe: str) -> None:
    ranges = {w.name: w.numpy() for w in quantized_model(recipe).model.weights if "min" in w.name or "max" in w.name}
    activations = [name for name in ranges if not any(part in name for part in ("kernel", "quantize_layer", "per_channel"))]
    lows = [name for name in activations if name.endswith("min:0")]
    assert lows
    for low in lows:
        assert ranges[low] == -ranges[low.replace("min:0", "max:0")] < 0
    assert [float(ranges[n]) for n in sorted(ranges) if "quantize_layer" in n] == [127 / 128, -1.0]


def test_fresh_ranges_are_far_fromfloat_model() -> None:
    quantized = QuantizedModel(fold(float_model("cnn")))
    fresh = np.abs(_outputs(quantized.model) - _outputs(float_model("cnn"))).mean()
    calibrated = np.abs(_outputs(quantized_model("cnn").model) - _outputs(float_model("cnn"))).mean()
    assert calibrated < fresh / 5


@pytest.fixture(scope="module")
def graphs() -> dict[str, tuple[Graph, np.ndarray]]:
    """The INT8 graph of every architecture, with its outputs for the faces."""
    found = on_device(graphs_and_outputs, [int8_file(recipe) for recipe in ARCHITECTURES], to_int8(pixels()))
    return {recipe: (graph, outputs) for recipe, (graph, _, outputs) in zip(ARCHITECTURES, found, strict=True)}


@pytest.mark.parametrize("recipe", ARCHITECTURES)
def test_every_architecture_converts_to_one_partition_of_eight_bits(
    recipe: str, graphs: dict[str, tuple[Graph, np.ndarray]]
) -> None:
    graph, outputs = graphs[recipe]
    assert graph.faults() == []
    if recipe in SHALLOW:
        assert np.corrcoef(outputs[:, 0], _outputs(quantized_model(recipe).model)[:, 0])[0, 1] > 0.98


def test_silent_units_are_dropped_where_they_would_stretch_the_kernel() -> None:
    model = keras.models.clone_model(float_model("cnn"))
    model.set_weights(float_model("cnn").get_weights())
    norm = model.get_layer("fc_bn")
    gamma, beta, mean, variance = norm.get_weights()
    variance = np.random.default_rng(1).uniform(0.5, 2.0, variance.shape)
    variance[:5], mean[:5] = 1e-12, 0.0  # as for units that never fire
    norm.set_weights([gamma, beta, mean, variance])
    kernel, bias = model.get_layer("fc").get_weights()
    kernel[:, :5], bias[:5] = 0.0, -1.0
    model.get_layer("fc").set_weights([kernel, bias])

    stretched = np.abs(fold(model).get_layer("logit").get_weights()[0])
    dropped = fold(model, drop_below=0.01)
    kept = np.abs(dropped.get_layer("logit").get_weights()[0])
    assert kept.max() < stretched.max() / 20
    assert np.all(kept[:5] == 0)
    _same(model, dropped)


def test_weights_and_ranges_survive_the_file_also_with_frozen_batch_norm(tmp_path: Path) -> None:
    quantized = QuantizedModel(fold(float_model("cnn")))
    quantized.calibrate([FACES])
    quantized.freeze_batch_norm()
    quantized.save(tmp_path / "qat.h5")
    again = QuantizedModel(fold(build("cnn", SIZE)))
    again.model.load_weights(tmp_path / "qat.h5")
    np.testing.assert_array_equal(_outputs(again.model), _outputs(quantized.model))
    frozen = [layer for layer in quantized.model.layers if "_bn" in layer.name]
    assert frozen
    assert not any(layer.trainable for layer in frozen)


def _by_hand(x: Any) -> Any:
    """Activations inside convolutions, BatchNorm behind them, average pooling: a network as tutorials write it."""
    x = layers.Conv2D(8, 3, activation="relu", padding="same")(x)
    x = layers.BatchNormalization()(x)
    x = layers.AveragePooling2D()(x)
    x = layers.Concatenate()(
        [layers.Conv2D(4, 1, activation="relu")(x), layers.Conv2D(4, 3, padding="same", activation="relu6")(x)]
    )
    x = layers.SeparableConv2D(12, 3, activation="relu")(x)
    x = layers.LeakyReLU(0.1)(layers.DepthwiseConv2D(3, depth_multiplier=2)(x))
    x = layers.Flatten()(layers.MaxPooling2D(2)(x))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Dense(16, use_bias=False)(x)))
    x = layers.Dropout(0.3)(layers.BatchNormalization()(x))
    return layers.Dense(1)(x)


def _residual(x: Any) -> Any:
    """BatchNorm and ReLU before the convolutions, dense connections, a sum of three, a grey border and several classes."""
    x = Border(((0, 1), (0, 1)), (-1.0, -0.25, 0.5))(x)
    x = layers.Activation("relu6")(layers.Conv2D(8, 3, strides=2)(x))
    y = layers.Activation("relu")(layers.BatchNormalization()(x))
    y = layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same", use_bias=False)(y))
    x = layers.Add()([x, y, layers.Conv2D(8, 1)(x)])
    x = layers.Concatenate()([x, layers.Conv2D(8, 3, padding="same")(x)])
    x = layers.ReLU(6.0)(layers.BatchNormalization()(layers.ZeroPadding2D(1)(x)))
    x = layers.BatchNormalization()(layers.GlobalMaxPooling2D()(x))
    return layers.Concatenate()([layers.Dense(1)(x), layers.Dense(2)(x)])


@pytest.mark.parametrize("network", [_by_hand, _residual])
def test_networks_of_other_makes_convert_too(network: Any, tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    face = keras.Input((SIZE, SIZE, 3))
    model = settled(keras.Model(face, network(face), name="network"))
    folded = fold(model)
    _same(model, folded)
    quantized = QuantizedModel(folded)
    quantized.calibrate([FACES])
    path = tmp_path / "network.tflite"
    path.write_bytes(int8_tflite(quantized.model, size=SIZE))
    ((graph, _, outputs),) = on_device(graphs_and_outputs, [path], to_int8(pixels()))
    assert graph.faults() == []
    expected = _outputs(quantized.model)
    assert np.corrcoef(outputs[:, -1], expected[:, -1])[0, 1] > 0.98
    if network is _residual:  # three classes: the fakes' odds against real
        np.testing.assert_allclose(class_log_odds(outputs), class_log_odds(expected), atol=0.2 * np.abs(expected).max())


def test_layers_without_a_form_in_eight_bits_are_named_with_a_remedy() -> None:
    face = keras.Input((SIZE, SIZE, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="swish", name="stem")(face)
    x = layers.Conv2D(4, 3, padding="same", activation="swish", name="second")(x)
    gate = layers.Dense(4, activation="sigmoid", name="gate")(layers.GlobalAveragePooling2D()(x))
    x = layers.Multiply(name="excite")([x, gate])
    x = layers.AveragePooling2D(3, 1, "same", name="smooth")(x)
    x = layers.BatchNormalization(name="norm")(layers.Concatenate()([layers.GlobalAveragePooling2D()(x), gate]))
    model = keras.Model(face, layers.ReLU()(x))
    with pytest.raises(InputError) as caught:
        QuantizedModel(fold(model))
    text = str(caught.value)
    assert "stem and 1 more, the activation swish (use ReLU or ReLU6)" in text
    assert "excite, Multiply (leave squeeze-and-excitation out" in text
    assert "smooth, AveragePooling2D (give it padding='valid'" in text
    assert "norm, BatchNormalization (put it behind a convolution" in text
    assert "gate, the activation sigmoid" in text
    assert "--post-training" in text
