from pathlib import Path
from zipfile import ZipFile

import cv2
import numpy as np
import pytest
import tf_keras as keras

from convert.layers import int8_activations
from edgefake.errors import InputError, ModelFileError
from training.device import on_device
from training.recipes import RECIPES, build
from training.start import adapt_batch_norm, start

SIZE = 32
ZOO = Path(__file__).parents[2] / "edgefake" / "zoo"
FACES = np.random.default_rng(0).integers(0, 256, (24, SIZE, SIZE, 3), np.uint8)


def _features(model):  # type: ignore[no-untyped-def]
    return keras.Model(model.input, model.get_layer("gap").input)


def _outputs(model) -> np.ndarray:  # type: ignore[no-untyped-def]
    return np.asarray(model.predict_on_batch((FACES.astype(np.float32) - 128) / 128))


def _portraits(size: int) -> np.ndarray:
    """Eight variations of a drawn face, uint8 (8, size, size, 3)."""
    face = cv2.resize(cv2.imread(str(Path(__file__).parents[1] / "images" / "portrait.jpg")), (size, size))
    return np.stack([np.clip(face * gain, 0, 255).astype(np.uint8) for gain in np.linspace(0.6, 1.3, 8)])


def test_adapting_changes_the_statistics_and_not_the_function() -> None:
    features = _features(build("mobilenet_v2_035", SIZE))
    rng = np.random.default_rng(1)
    for layer in features.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, layer.gamma.shape[0]) for _ in range(4)])
    before = _outputs(features)
    adapt_batch_norm(features, FACES)
    np.testing.assert_allclose(_outputs(features), before, atol=2e-3 * np.abs(before).max())
    first = next(layer for layer in features.layers if isinstance(layer, keras.layers.BatchNormalization))
    values = np.asarray(keras.Model(features.input, first.input).predict_on_batch((FACES.astype(np.float32) - 128) / 128))
    np.testing.assert_allclose(first.moving_mean, values.mean((0, 1, 2)), atol=1e-4)
    np.testing.assert_allclose(first.moving_variance, values.var((0, 1, 2)), rtol=1e-3)


def test_a_backbone_without_a_head_is_taken_at_any_size(tmp_path: Path) -> None:
    source = keras.applications.MobileNetV2(alpha=0.35, include_top=False, weights=None, input_shape=(96, 96, 3))
    path = tmp_path / "backbone.weights.h5"
    source.save_weights(path)
    model = build("mobilenet_v2_035", SIZE)
    start(model, str(path), FACES)
    same_size = keras.applications.MobileNetV2(alpha=0.35, include_top=False, weights=None, input_shape=(SIZE, SIZE, 3))
    same_size.set_weights(source.get_weights())
    expected = _outputs(same_size)
    np.testing.assert_allclose(_outputs(_features(model)), expected, atol=1e-3 * np.abs(expected).max())


def test_a_whole_checkpoint_is_taken_as_it_is(tmp_path: Path) -> None:
    first, second = build("cnn", SIZE), build("cnn", SIZE)
    first.save_weights(tmp_path / "model.h5")
    start(second, str(tmp_path / "model.h5"), FACES)
    np.testing.assert_array_equal(_outputs(second), _outputs(first))


def test_a_detector_with_a_head_for_other_classes_gives_its_features(tmp_path: Path) -> None:
    binary, kinds = build("cnn", SIZE), build("cnn", SIZE, outputs=3)
    binary.save(tmp_path / "best.h5")
    start(kinds, str(tmp_path / "best.h5"), FACES)
    expected = _outputs(_features(binary))
    np.testing.assert_allclose(_outputs(_features(kinds)), expected, atol=1e-3 * np.abs(expected).max())


def test_a_detector_of_another_architecture_gives_none(tmp_path: Path) -> None:
    build("mobilenet_v2_050", SIZE).save(tmp_path / "best.h5")
    with pytest.raises(InputError, match=r"best\.h5 .*checkpoint of mobilenet_v2_035"):
        start(build("mobilenet_v2_035", SIZE, outputs=3), str(tmp_path / "best.h5"), FACES)


def test_the_weights_of_a_keras_file_are_taken(tmp_path: Path) -> None:
    first, second = build("cnn", SIZE), build("cnn", SIZE)
    first.save(tmp_path / "model.keras")
    start(second, str(tmp_path / "model.keras"), FACES)
    np.testing.assert_array_equal(_outputs(second), _outputs(first))


@pytest.mark.parametrize("recipe", ["cnn", "mobilenet_v2_035"])
def test_a_published_int8_model_gives_its_features(recipe: str) -> None:
    published = ZOO / f"{recipe}_int8.tflite"
    model = build(recipe, RECIPES[recipe].size)
    faces = _portraits(model.input_shape[1])
    expected = on_device(int8_activations, published, faces)["gap"].reshape(len(faces), -1)
    start(model, str(published), faces)
    found = keras.Model(model.input, model.get_layer("gap").output).predict_on_batch((faces.astype(np.float32) - 128) / 128)
    # Only the rounding of activations is left between them, 10 dB in the worst case here; another layout of the kernels leaves 0.
    assert np.sum((found - expected) ** 2) < 0.2 * np.sum(expected**2)


def test_an_int8_model_of_another_architecture_or_a_float_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cnn_int8\.tflite .*mobilenet_v2_035: Conv1 "):
        start(build("mobilenet_v2_035", SIZE), str(ZOO / "cnn_int8.tflite"), FACES)
    (tmp_path / "no.tflite").write_bytes(b"not a model")
    with pytest.raises(ModelFileError, match=r"no\.tflite"):
        start(build("cnn", SIZE), str(tmp_path / "no.tflite"), FACES)


@pytest.mark.parametrize(
    ("recipe", "weights", "message"),
    [
        ("cnn", "imagenet", "ImageNet .*cnn"),
        ("cnn", "missing.h5", r"no checkpoint missing\.h5"),
        ("mobilenet_v2_035", "imagenet", "ImageNet .*mobilenet_v2_035 .*downloaded"),
    ],
)
def test_where_there_are_no_weights(
    recipe: str, weights: str, message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens there: as on a machine without a network
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(InputError, match=message):
        start(build(recipe, SIZE), weights, FACES)


NORM = ("gamma", "beta", "moving_mean", "moving_variance")


def _published(features) -> dict[str, np.ndarray]:  # type: ignore[no-untyped-def]
    """The arrays of an ``efficientnet_lite0`` by the names that others publish them under, BatchNorms with an epsilon of 1e-3."""
    number = 0
    found = {}
    for layer in features.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D):
            name = f"block{number}_dw"
        elif isinstance(layer, keras.layers.Conv2D):
            name = layer.name.removesuffix("_conv").replace("top", "head")
            if name not in ("stem", "head"):
                name = f"block{number}_{name.split('_')[1]}"
        elif isinstance(layer, keras.layers.BatchNormalization):
            values = layer.get_weights()
            values[3] = values[3] - (1e-3 - layer.epsilon)
            found |= dict(
                zip((f"{name}_bn/{k}" for k in ("gamma", "beta", "moving_mean", "moving_variance")), values, strict=True)
            )
            number += name.endswith("project")
            continue
        else:
            continue
        found[f"{name}/kernel"] = layer.get_weights()[0].astype(np.float16)
    return found


def test_published_arrays_give_the_features_of_the_whole_and_of_the_cut_network(tmp_path: Path) -> None:
    source = _features(build("efficientnet_lite0", SIZE))
    rng = np.random.default_rng(1)
    for layer in source.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, layer.gamma.shape[0]) for _ in range(4)])
        elif layer.weights:
            layer.set_weights([layer.get_weights()[0].astype(np.float16)])
    path = tmp_path / "published.npz"
    np.savez(path, **_published(source))
    x = (FACES.astype(np.float32) - 128) / 128
    for recipe, first, last in (("efficientnet_lite0", "gap", "top_relu"), ("lite0_local", "dropout", "s6b1_expand_relu")):
        model = build(recipe, SIZE)
        start(model, str(path), FACES)
        found = keras.Model(model.input, model.get_layer(first).input).predict_on_batch(x)
        expected = keras.Model(source.input, source.get_layer(last).output).predict_on_batch(x)
        np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())


def test_a_backbone_gives_its_first_layers_to_the_network_cut_from_it(tmp_path: Path) -> None:
    whole = _features(build("mobilenet_v2_035", SIZE))
    whole.save_weights(tmp_path / "backbone.h5")
    model = build("mobilenet_v2_035_local", SIZE)
    start(model, str(tmp_path / "backbone.h5"), FACES)
    x = (FACES.astype(np.float32) - 128) / 128
    found = keras.Model(model.input, model.get_layer("dropout").input).predict_on_batch(x)
    expected = keras.Model(whole.input, whole.get_layer("block_13_expand_relu").output).predict_on_batch(x)
    np.testing.assert_allclose(found, expected, atol=2e-3 * np.abs(expected).max())
    _features(build("mobilenet_v2_050", SIZE)).save_weights(tmp_path / "wider.h5")
    with pytest.raises(InputError, match=r"wider\.h5.*mobilenet_v2_035_local"):
        start(build("mobilenet_v2_035_local", SIZE), str(tmp_path / "wider.h5"), FACES)


def test_arrays_of_another_network_or_none(tmp_path: Path) -> None:
    arrays = _published(_features(build("efficientnet_lite0", SIZE)))
    np.savez(tmp_path / "other.npz", **{**arrays, "stem/kernel": np.zeros((3, 3, 3, 40))})
    with pytest.raises(InputError, match=r"stem/kernel .*\(3, 3, 3, 32\).*\(3, 3, 3, 40\)"):
        start(build("lite0_local", SIZE), str(tmp_path / "other.npz"), FACES)
    arrays.pop("block3_dw_bn/gamma")
    np.savez(tmp_path / "less.npz", **arrays)
    with pytest.raises(InputError, match=r"block3_dw_bn/gamma .*none"):
        start(build("lite0_local", SIZE), str(tmp_path / "less.npz"), FACES)
    with pytest.raises(InputError, match=r"cnn.*less\.npz"):
        start(build("cnn", SIZE), str(tmp_path / "less.npz"), FACES)
    (tmp_path / "torn.npz").write_bytes((tmp_path / "less.npz").read_bytes()[:5000])
    with pytest.raises(InputError, match=r"torn\.npz"):
        start(build("lite0_local", SIZE), str(tmp_path / "torn.npz"), FACES)
    np.savez(tmp_path / "text.npz", **{**arrays, "stem/kernel": np.full((3, 3, 3, 32), "x")})
    np.savez(tmp_path / "nan.npz", **{**arrays, "stem/kernel": np.full((3, 3, 3, 32), np.nan)})
    for name in ("text", "nan"):
        with pytest.raises(InputError, match=rf"{name}\.npz .*stem/kernel"):
            start(build("lite0_local", SIZE), str(tmp_path / f"{name}.npz"), FACES)
    with ZipFile(tmp_path / "huge.npz", "w") as file:  # 64 TiB, says its header
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (8796093022208,), }".ljust(117) + b"\n"
        file.writestr("stem/kernel.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(InputError, match=r"huge\.npz"):
        start(build("lite0_local", SIZE), str(tmp_path / "huge.npz"), FACES)
    np.savez(tmp_path / "code.npz", **{"stem/kernel": np.array([{}], dtype=object)})
    with pytest.raises(InputError, match=r"code\.npz"):
        start(build("lite0_local", SIZE), str(tmp_path / "code.npz"), FACES)


def test_the_score_of_a_network_cut_for_its_patches_is_their_mean() -> None:
    score, places = build("lite0_local", 64).predict_on_batch((np.random.default_rng(2).random((3, 64, 64, 3)) - 0.5).astype("f"))
    assert places.shape == (3, 4, 4, 1)
    np.testing.assert_allclose(places.mean((1, 2)), score, atol=1e-5)
    with pytest.raises(InputError, match=r"judge patches.*3 classes"):
        build("lite0_local", 64, outputs=3)


def test_a_checkpoint_of_another_architecture(tmp_path: Path) -> None:
    build("mobilenet_v2_050", SIZE).save_weights(tmp_path / "other.h5")
    with pytest.raises(InputError, match=r"other\.h5 .*checkpoint of mobilenet_v2_035"):
        start(build("mobilenet_v2_035", SIZE), str(tmp_path / "other.h5"), FACES)


def test_imagenet_resnet50_takes_our_scaling() -> None:
    """What ``resnet50.imagenet`` does to the first convolution, against Keras's own preprocessing (random weights here)."""
    from training.recipes.resnet50 import take_scaled_rgb

    source = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(64, 64, 3))
    inner = keras.Model(source.input, source.get_layer("conv1_conv").output)
    faces = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    expected = inner.predict_on_batch(keras.applications.resnet50.preprocess_input(faces.astype(np.float32)))
    take_scaled_rgb(source)
    found = inner.predict_on_batch((faces.astype(np.float32) - 128) / 128)
    # The zero padding stands for another grey now: compare away from the border.
    np.testing.assert_allclose(found[:, 3:-3, 3:-3], expected[:, 3:-3, 3:-3], rtol=1e-3, atol=1e-2)
