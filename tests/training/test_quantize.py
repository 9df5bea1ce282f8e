from pathlib import Path

import numpy as np
import pytest
import tf_keras as keras

from training.quantize import QuantizedModel, fold_head
from training.recipes import RECIPES, build

SIZE = 32


def _faces(count: int = 8) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 127 / 128, (count, SIZE, SIZE, 3)).astype(np.float32)


def _trained_like(recipe: str):  # type: ignore[no-untyped-def]
    """A model whose BatchNorms do something, as after training."""
    keras.utils.set_random_seed(1)
    model = build(recipe, SIZE)
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if layer.__class__.__name__ == "BatchNormalization":
            count = layer.gamma.shape[0]
            layer.set_weights([rng.uniform(*span, count) for span in ((0.5, 1.5), (-0.3, 0.3), (-0.5, 0.5), (0.5, 2.0))])
    return model


def _features(model, layer: str) -> np.ndarray:  # type: ignore[no-untyped-def]
    return np.asarray(keras.Model(model.input, model.get_layer(layer).output).predict_on_batch(_faces()))


def _folded(recipe: str):  # type: ignore[no-untyped-def]
    model, folded = _trained_like(recipe), build(recipe, SIZE, folded=True)
    fold_head(model, folded)
    return model, folded


@pytest.mark.parametrize("recipe", RECIPES)
def test_folding_the_head_changes_nothing(recipe: str) -> None:
    model, folded = _folded(recipe)
    assert "fc_bn" not in [layer.name for layer in folded.layers]
    expected = model.predict_on_batch(_faces())
    np.testing.assert_allclose(folded.predict_on_batch(_faces()), expected, atol=1e-4 * np.abs(expected).max())


def test_silent_units_are_dropped_where_they_would_stretch_the_kernel() -> None:
    model, folded = _trained_like("cnn"), build("cnn", SIZE, folded=True)
    norm = model.get_layer("fc_bn")
    gamma, beta, mean, variance = norm.get_weights()
    variance[:5], mean[:5] = 1e-12, 0.0  # as for units that never fire
    norm.set_weights([gamma, beta, mean, variance])
    kernel, bias = model.get_layer("fc").get_weights()
    kernel[:, :5], bias[:5] = 0.0, -1.0
    model.get_layer("fc").set_weights([kernel, bias])

    fold_head(model, folded)
    stretched = np.abs(folded.get_layer("logit").get_weights()[0])
    fold_head(model, folded, drop_below=0.01)
    kept = np.abs(folded.get_layer("logit").get_weights()[0])
    assert kept.max() < stretched.max() / 20
    assert np.all(kept[:5] == 0)
    expected = model.predict_on_batch(_faces())
    np.testing.assert_allclose(folded.predict_on_batch(_faces()), expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("recipe", RECIPES)
def test_calibrated_fake_quantization_stays_close_to_float_and_is_symmetric(recipe: str) -> None:
    _, folded = _folded(recipe)
    expected = _features(folded, "gap")
    quantized = QuantizedModel(folded)
    fresh = np.linalg.norm(_features(quantized.model, "quant_gap") - expected) / np.linalg.norm(expected)
    quantized.calibrate([_faces()])
    calibrated = np.linalg.norm(_features(quantized.model, "quant_gap") - expected) / np.linalg.norm(expected)
    assert 0 < calibrated < 0.1 < fresh

    ranges = {w.name: w.numpy() for w in quantized.model.weights if "min" in w.name or "max" in w.name}
    activations = [name for name in ranges if "kernel" not in name and "quantize_layer" not in name]
    lows = [name for name in activations if name.endswith("min:0")]
    assert lows
    for low in lows:
        assert ranges[low] == -ranges[low.replace("min:0", "max:0")] < 0
    assert [float(ranges[n]) for n in sorted(ranges) if "quantize_layer" in n] == [127 / 128, -1.0]


def test_weights_and_ranges_survive_the_file_also_with_frozen_batch_norm(tmp_path: Path) -> None:
    _, folded = _folded("resnet18")
    quantized = QuantizedModel(folded)
    quantized.calibrate([_faces()])
    quantized.freeze_batch_norm()
    quantized.save(tmp_path / "qat.h5")
    again = QuantizedModel(RECIPES["resnet18"].build(SIZE, folded=True))
    again.model.load_weights(tmp_path / "qat.h5")
    np.testing.assert_array_equal(again.model.predict_on_batch(_faces()), quantized.model.predict_on_batch(_faces()))
    frozen = [layer for layer in quantized.model.layers if "_bn" in layer.name]
    assert frozen
    assert not any(layer.trainable for layer in frozen)
