"""Users' own detectors in this project's form: the same p_fake, or an error that says what is in the way."""

from pathlib import Path
from types import ModuleType
from typing import Any

import keras as keras3
import numpy as np
import pytest
import tf_keras as keras2
from scipy.special import expit

from edgefake.errors import InputError
from tests.own_detectors import SIZE, randomised, transfer_learned, with_everything
from training.border import Border
from training.loop import logits
from training.own.feed import FEEDS, feed_named
from training.own.files import open_model
from training.own.head import are_probabilities
from training.own.importing import Own, check_same
from training.own.standard import standard
from training.quantize import QuantizedModel, fold

FACES = np.random.default_rng(0).integers(0, 256, (6, SIZE, SIZE, 3), np.uint8)
PIXELS = FACES.astype(np.float32)


def _own(path: Path, *, scaling: str = "own", bgr: bool = False, classes: tuple[str, ...] = ("real", "fake")) -> Own:
    return Own(open_model(path), feed_named(scaling, bgr=bgr), classes)


def _p_fake(own: Own) -> np.ndarray:
    """Of the imported model, for the faces as this project feeds them."""
    return np.asarray(expit(logits(standard(own.model, own.feed, own.classes), FACES)))


def _small(*layers: Any, units: int = 1, activation: str = "sigmoid") -> Any:
    """A Keras 3 model of these layers between a Rescaling and a head."""
    head = keras3.layers.GlobalAveragePooling2D(), keras3.layers.Dense(units, activation=activation, name="head")
    return randomised(keras3.Sequential([keras3.Input((SIZE, SIZE, 3)), keras3.layers.Rescaling(1 / 255.0), *layers, *head]))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("keras", [keras2, keras3], ids=["keras2", "keras3"])
def test_transfer_learning_keeps_its_p_fake(keras: ModuleType, suffix: str, tmp_path: Path) -> None:
    detector = transfer_learned(keras)
    detector.save(tmp_path / f"mine{suffix}")
    expected = np.asarray(detector.predict_on_batch(PIXELS))[:, 0]
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(_p_fake(_own(tmp_path / f"mine{suffix}")), expected, atol=1e-5)


@pytest.mark.parametrize("keras", [keras2, keras3], ids=["keras2", "keras3"])
def test_layers_of_all_kinds_keep_their_p_fake(keras: ModuleType, tmp_path: Path) -> None:
    detector = with_everything(keras)
    detector.save(tmp_path / "größe.keras")
    expected = np.asarray(detector({"picture": PIXELS}, training=False)["p_fake"]).reshape(-1)
    assert np.ptp(expected) > 1e-3
    own = _own(tmp_path / "größe.keras")
    np.testing.assert_allclose(own.model.outputs(PIXELS)[:, 0], expected, atol=1e-5)
    np.testing.assert_allclose(_p_fake(own), expected, atol=1e-5)


@pytest.mark.parametrize(("name", "bgr"), [("x/255", True), ("x/127.5-1", False), ("torch", False), ("caffe", False)])
def test_scaling_outside_the_model_is_taken_up(name: str, bgr: bool, tmp_path: Path) -> None:
    detector = transfer_learned(keras3, scaled=False)
    detector.save(tmp_path / "mine.keras")
    expected = np.asarray(detector.predict_on_batch(FEEDS[name](FACES[..., ::-1] if bgr else FACES)))[:, 0]
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(_p_fake(_own(tmp_path / "mine.keras", scaling=name, bgr=bgr)), expected, atol=1e-5)


def test_a_grey_border_is_rounded_for_eight_bits_only(tmp_path: Path) -> None:
    head = keras2.layers.GlobalAveragePooling2D(), keras2.layers.Dense(1)
    detector = [keras2.Input((SIZE, SIZE, 3)), keras2.layers.Conv2D(4, 3, padding="same"), *head]
    keras2.Sequential(detector).save(tmp_path / "mine.keras")
    model = standard(open_model(tmp_path / "mine.keras"), feed_named("caffe"), ("real", "fake"))
    exact = np.array(next(layer.values for layer in model.layers if isinstance(layer, Border)))
    quantized = QuantizedModel(fold(model)).model
    held = np.array(next(layer.layer.values for layer in quantized.layers if isinstance(getattr(layer, "layer", 0), Border)))
    np.testing.assert_allclose(exact * 128 + 128, [123.68, 116.779, 103.939], atol=1e-3)  # the mean colour
    np.testing.assert_array_equal(held * 128 + 128, [124, 117, 104])


def test_softmax_outputs_come_real_first(tmp_path: Path) -> None:
    detector = transfer_learned(keras3, outputs=2)
    detector.save(tmp_path / "mine.keras")
    p_fake = np.asarray(detector.predict_on_batch(PIXELS))[:, 0]  # the user's order: fake, real
    np.testing.assert_allclose(_p_fake(_own(tmp_path / "mine.keras", classes=("fake", "real"))), p_fake, atol=1e-5)


@pytest.mark.parametrize("bias", [-5.0, 0.5])
def test_logits_may_look_like_probabilities(bias: float, tmp_path: Path) -> None:
    detector = _small(keras3.layers.Conv2D(4, 3, activation="relu"), activation="linear")
    detector.layers[-1].set_weights([np.full((4, 1), 0.01), np.array([bias])])
    detector.save(tmp_path / "mine.keras")
    own = _own(tmp_path / "mine.keras")
    outputs = own.model.outputs(PIXELS)
    assert are_probabilities(outputs) is (bias > 0)
    scores = logits(standard(own.model, own.feed, own.classes), FACES)
    np.testing.assert_allclose(scores, outputs[:, 0], atol=1e-5)
    assert check_same(own, FACES, scores) < 1e-5


def test_a_layer_that_means_something_else_in_keras_2_is_found(tmp_path: Path) -> None:
    _small(keras3.layers.Conv2D(4, 3), keras3.layers.Activation("hard_sigmoid")).save(tmp_path / "mine.keras")
    own = _own(tmp_path / "mine.keras")
    with pytest.raises(InputError, match=r"tf_keras.* p_fake differs.* 0\.\d"):
        check_same(own, FACES, logits(standard(own.model, own.feed, own.classes), FACES))


@pytest.mark.parametrize("keras", [keras2, keras3], ids=["keras2", "keras3"])
def test_half_precision_is_taken_in_float32(keras: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        detector = transfer_learned(keras)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    detector.save(tmp_path / "mine.keras")
    half = np.asarray(detector.predict_on_batch(PIXELS), np.float32)[:, 0]
    detector = transfer_learned(keras)
    exact = np.asarray(detector.predict_on_batch(PIXELS))[:, 0]
    assert 1e-4 < np.abs(half - exact).max() < 0.02
    own = _own(tmp_path / "mine.keras")
    assert "was trained in half precision" in capsys.readouterr().err
    np.testing.assert_allclose(own.model.outputs(PIXELS)[:, 0], exact, atol=1e-5)
    np.testing.assert_allclose(_p_fake(own), exact, atol=1e-5)


@pytest.mark.parametrize(
    ("detector", "message"),
    [
        (_small(keras3.layers.SeparableConv2D(4, 3, name="first")), r"first \(SeparableConv2D\)"),
        (_small(keras3.layers.CenterCrop(8, 8, name="crop"), keras3.layers.Conv2D(4, 3)), r"crop \(CenterCrop\)"),
        (_small(keras3.layers.Resizing(16, 16, name="resize")), r"resize \(Resizing\) .*16×16 .*32×32"),
        (_small(keras3.layers.Conv2D(4, 3), keras3.layers.RMSNormalization()), "RMSNormalization"),
        (_small(keras3.layers.Conv2D(4, 3), units=2), r"got \(None, 2\) .*sigmoid .*head"),
        (_small(keras3.layers.Conv2D(4, 3), activation="tanh"), r"got \(None, 1\) .*tanh .*head"),
    ],
)
def test_what_cannot_be_imported_is_named(detector: Any, message: str, tmp_path: Path) -> None:
    detector.save(tmp_path / "mine.keras")
    own = _own(tmp_path / "mine.keras")
    with pytest.raises(InputError, match=message):
        standard(own.model, own.feed, own.classes)


def test_outputs_of_which_no_p_fake_follows() -> None:
    assert are_probabilities(np.float32([[0.3, 0.7], [0.994, 0.002]]))  # softmax, rounded to eight bits
    with pytest.raises(InputError, match=r"add .* 1"):
        are_probabilities(np.float32([[0.3, 0.6], [0.9, 0.8]]))


def test_nan_is_no_answer(tmp_path: Path) -> None:
    detector = _small(keras3.layers.Conv2D(4, 3))
    detector.layers[-1].set_weights([np.full((4, 1), np.nan), np.zeros(1)])
    detector.save(tmp_path / "mine.keras")
    with pytest.raises(InputError, match="NaN"):
        open_model(tmp_path / "mine.keras").outputs(PIXELS)


@pytest.mark.parametrize("first", [[], [keras3.layers.BatchNormalization()]])
def test_unknown_scaling_is_asked_for(first: list[Any], tmp_path: Path) -> None:
    """A BatchNorm takes what the training fed it, so it says nothing about pixels."""
    layers = transfer_learned(keras3, scaled=False).layers
    keras3.Sequential([keras3.Input((SIZE, SIZE, 3)), *first, *layers]).save(tmp_path / "mine.keras")
    with pytest.raises(InputError, match="--scaling"):
        _own(tmp_path / "mine.keras")


@pytest.mark.parametrize("text", ["x/256?", "1", "127.5,0", "nan,1"])
def test_a_scaling_that_is_none(text: str) -> None:
    with pytest.raises(InputError, match="--scaling"):
        feed_named(text)


@pytest.mark.parametrize("classes", [("real",), ("real", "swap"), ("real", "fake", "swap"), ("fake", "fake")])
def test_classes_that_do_not_fit_one_output(classes: tuple[str, ...], tmp_path: Path) -> None:
    transfer_learned(keras3).save(tmp_path / "mine.keras")
    with pytest.raises(InputError, match="expected --classes"):
        _own(tmp_path / "mine.keras", classes=classes)
