"""Users' model files: what is opened, and what is refused with a remedy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras as keras3
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras2

from edgefake.errors import InputError
from tests.own_detectors import SIZE, transfer_learned
from training.own.feed import feed_named
from training.own.files import UserModel, open_model
from training.own.importing import Own
from training.own.wrapped import Wrapped

FACES = np.random.default_rng(0).uniform(0, 255, (4, SIZE, SIZE, 3)).astype(np.float32)


def _same(opened: UserModel, detector: Any) -> None:
    np.testing.assert_allclose(opened.outputs(FACES), np.asarray(detector(FACES, training=False)), atol=1e-5)


def _cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_file_cut_short(suffix: str, tmp_path: Path) -> None:
    transfer_learned(keras2).save(tmp_path / f"mine{suffix}")
    with pytest.raises(InputError, match=r"(mine|text)\.(keras|h5) .*damaged"):
        open_model(_cut(tmp_path / f"mine{suffix}"))


def test_files_that_are_no_whole_model(tmp_path: Path) -> None:
    transfer_learned(keras2).save_weights(tmp_path / "weights.h5")
    transfer_learned(keras3).save_weights(tmp_path / "mine.weights.h5")
    (tmp_path / "text.keras").write_text("no model")
    for name in ("weights.h5", "mine.weights.h5"):
        with pytest.raises(InputError, match=r"weights .*architecture"):
            open_model(tmp_path / name)
    with pytest.raises(InputError, match=r"(mine|text)\.(keras|h5) .*damaged"):
        open_model(tmp_path / "text.keras")
    with pytest.raises(InputError, match=r"missing\.keras"):
        open_model(tmp_path / "missing.keras")
    with pytest.raises(InputError, match=r"no saved_model\.pb"):
        open_model(tmp_path)


def _with(inputs: list[tuple[int | None, ...]], outputs: int = 1) -> Any:
    """A Keras 3 model with these inputs, and so many outputs."""
    layers = keras3.layers
    given = [keras3.Input(shape) for shape in inputs]
    joined = [layers.GlobalAveragePooling2D()(x) for x in given]
    x = layers.Concatenate()(joined) if len(given) > 1 else joined[0]
    return keras3.Model(given, [layers.Dense(1)(x) for _ in range(outputs)])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (_with([(SIZE, SIZE, 3), (SIZE, SIZE, 3)]), "one output.* 2 and 1"),
        (_with([(SIZE, SIZE, 3)], outputs=2), "one output.* 1 and 2"),
        (_with([(SIZE, SIZE, 1)]), r"square .*RGB.* \(None, 32, 32, 1\)"),
        (_with([(SIZE, 2 * SIZE, 3)]), r"square .*RGB.* \(None, 32, 64, 3\)"),
        (_with([(None, None, 3)]), "--size"),
        (keras3.Sequential([keras3.layers.Flatten(), keras3.layers.Dense(1)]), "Sequential .*input"),
    ],
)
def test_models_of_another_shape(model: Any, message: str, tmp_path: Path) -> None:
    model.save(tmp_path / "mine.keras")
    with pytest.raises(InputError, match=message):
        open_model(tmp_path / "mine.keras")


def test_the_size_of_a_model_that_leaves_it_open(tmp_path: Path) -> None:
    detector = _with([(None, None, 3)])
    detector.save(tmp_path / "mine.keras")
    assert open_model(tmp_path / "mine.keras", size=48).size == 48
    transfer_learned(keras3).save(tmp_path / "fixed.keras")
    with pytest.raises(InputError, match="--size 48"):
        open_model(tmp_path / "fixed.keras", size=48)


def test_code_in_a_file_is_run_for_those_who_trust_it(tmp_path: Path) -> None:
    layers = keras3.layers
    detector = keras3.Sequential(
        [keras3.Input((SIZE, SIZE, 3)), layers.Lambda(lambda x: x / 255.0), layers.Flatten(), layers.Dense(1)]
    )
    detector.save(tmp_path / "mine.keras")
    with pytest.raises(InputError, match=r"Lambda .*Python code .*--trust-code"):
        open_model(tmp_path / "mine.keras")
    _same(open_model(tmp_path / "mine.keras", trust_code=True), detector)


def test_layers_of_the_user_s_own_are_named(tmp_path: Path) -> None:
    class Mine(keras3.layers.Layer):
        def call(self, inputs: Any) -> Any:
            return 2.0 * inputs

    keras3.Sequential([keras3.Input((SIZE, SIZE, 3)), Mine(), keras3.layers.Flatten()]).save(tmp_path / "mine.keras")
    with pytest.raises(InputError, match=r"'Mine'.* SavedModel"):
        open_model(tmp_path / "mine.keras")


def test_h5_files_that_keras_3_cannot_read_back(tmp_path: Path) -> None:
    picture = keras3.Input((SIZE, SIZE, 3))
    keras3.Model(picture, keras3.layers.Flatten()(picture / 255.0)).save(tmp_path / "mine.h5")
    with pytest.raises(InputError, match=r"'TrueDivide'.* \.keras"):
        open_model(tmp_path / "mine.h5")


def _lambda_2() -> Any:
    layers = keras2.layers
    return keras2.Sequential(
        [keras2.Input((SIZE, SIZE, 3)), layers.Lambda(lambda x: x / 255.0), layers.Flatten(), layers.Dense(1)]
    )


@pytest.mark.parametrize(("make", "layered"), [(lambda: transfer_learned(keras2), True), (_lambda_2, False)])
def test_saved_models_of_keras_2(make: Callable[[], Any], layered: bool, tmp_path: Path) -> None:
    """The code of Lambda layers is not unpacked: such a model is a computation only."""
    detector = make()
    detector.save(tmp_path / "saved", save_format="tf")
    opened = open_model(tmp_path / "saved")
    assert (opened.keras is not None) is layered
    _same(opened, detector)


def test_saved_models_of_keras_3(tmp_path: Path) -> None:
    detector = transfer_learned(keras3)
    detector.export(tmp_path / "saved", verbose=False)
    opened = open_model(tmp_path / "saved")
    assert opened.keras is None and opened.size == SIZE
    _same(opened, detector)
    _cut(tmp_path / "saved" / "saved_model.pb")
    with pytest.raises(InputError, match=r"saved_model\.pb .*damaged"):
        open_model(tmp_path / "saved")


def test_a_model_of_one_picture_at_a_time(tmp_path: Path) -> None:
    detector = transfer_learned(keras3)
    signature = [keras3.InputSpec(shape=(1, SIZE, SIZE, 3), dtype="float32")]
    detector.export(tmp_path / "saved", verbose=False, input_signature=signature)
    opened = open_model(tmp_path / "saved")
    _same(opened, detector)
    wrapped = Wrapped(Own(opened, feed_named("pixels"), ("fake", "real")), probabilities=True)
    np.testing.assert_allclose(wrapped.predict_on_batch(FACES / 128 - 1), 1 - opened.outputs(FACES), atol=1e-5)


def test_augmentation_that_keras_3_exports_as_active(tmp_path: Path) -> None:
    layers = keras3.layers
    detector = keras3.Sequential([keras3.Input((SIZE, SIZE, 3)), layers.RandomFlip(), layers.Flatten(), layers.Dense(1)])
    detector.export(tmp_path / "saved", verbose=False)
    with pytest.raises(InputError, match="differently"):
        open_model(tmp_path / "saved")


class _Module(tf.Module):
    @tf.function
    def two(self, a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(a, (1, 2)) + b

    @tf.function
    def one(self, a: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(a, (1, 2))


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        (None, "serving_default"),
        (("two", [tf.TensorSpec((None, SIZE, SIZE, 3)), tf.TensorSpec((None, 3))]), "got .* 2 and 1"),
        (("one", [tf.TensorSpec((None, SIZE, SIZE, 3), tf.uint8)]), "float32, got .* uint8"),
        (("one", [tf.TensorSpec(None)]), r"got .*\(\)"),
    ],
)
def test_saved_models_of_other_makes(signature: tuple[str, list[Any]] | None, message: str, tmp_path: Path) -> None:
    module = _Module()
    function = getattr(module, signature[0]).get_concrete_function(*signature[1]) if signature else None
    tf.saved_model.save(module, str(tmp_path), signatures=function)
    with pytest.raises(InputError, match=message):
        open_model(tmp_path)
