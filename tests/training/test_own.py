"""Users' own detectors: files of Keras 2 and 3, plain and nested, scaled inside and outside."""

from pathlib import Path
from types import ModuleType
from typing import Any

import keras as keras3
import numpy as np
import pytest
import tf_keras as keras2

from edgefake.card_files import read_card
from edgefake.errors import InputError
from tests.drawn import drawn_dataset
from training.cli import main
from training.own.feed import FEEDS, feed_named
from training.own.files import open_model
from training.own.standard import standard

SIZE = 32
FACES = np.random.default_rng(0).integers(0, 256, (6, SIZE, SIZE, 3), np.uint8)


def _detector(keras: ModuleType, *, outputs: int = 1, scaled: bool = True, stripes: bool = False) -> Any:
    """A nested transfer-learning layout; with ``stripes`` it scores the pattern of the drawn fakes, without any training."""
    layers = keras.layers
    backbone = keras.Sequential(
        [keras.Input((SIZE, SIZE, 3)), layers.Conv2D(4, (1, 2), activation="relu"), layers.BatchNormalization()]
    )
    first = [layers.Rescaling(1 / 255.0)] if scaled else []
    last = layers.Dense(outputs, activation="sigmoid" if outputs == 1 else "softmax")
    dense = [layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.3)]
    middle = [layers.GlobalAveragePooling2D(), *([] if stripes else dense), last]
    model = keras.Sequential([keras.Input((SIZE, SIZE, 3)), *first, backbone, *middle])
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.2, 0.8, w.shape) * rng.choice([-1, 1]) ** (w.ndim > 1) for w in model.get_weights()])
    if stripes:
        kernel = np.zeros((1, 2, 3, 4), np.float32)
        kernel[0, 0], kernel[0, 1] = 1.0, -1.0  # how much a pixel differs from its neighbour
        backbone.layers[-2].set_weights([kernel, np.zeros(4, np.float32)])
        backbone.layers[-1].set_weights([np.ones(4), np.zeros(4), np.zeros(4), np.ones(4)])
        model.layers[-1].set_weights([np.full((4, 1), 8.0, np.float32), np.float32([-1.0])])
    return model


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("keras", [keras2, keras3], ids=["keras2", "keras3"])
def test_the_same_p_fake_in_this_projects_form(keras: ModuleType, suffix: str, tmp_path: Path) -> None:
    detector = _detector(keras)
    detector.save(tmp_path / f"mine{suffix}")
    expected = np.asarray(detector.predict_on_batch(FACES.astype(np.float32)))
    model = standard(open_model(tmp_path / f"mine{suffix}"), feed_named("own"), ("real", "fake"))
    logits = model.predict_on_batch((FACES.astype(np.float32) - 128) / 128)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["x/255", "x/127.5-1", "torch", "caffe"])
def test_scaling_outside_the_model_is_taken_up(name: str, tmp_path: Path) -> None:
    detector = _detector(keras3, scaled=False)
    detector.save(tmp_path / "mine.keras")
    expected = np.asarray(detector.predict_on_batch(FEEDS[name](FACES)))
    model = standard(open_model(tmp_path / "mine.keras"), feed_named(name), ("real", "fake"))
    logits = model.predict_on_batch((FACES.astype(np.float32) - 128) / 128)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), expected, atol=1e-4)


def test_softmax_outputs_come_real_first(tmp_path: Path) -> None:
    detector = _detector(keras3, outputs=2)
    detector.save(tmp_path / "mine.keras")
    p_fake = np.asarray(detector.predict_on_batch(FACES.astype(np.float32)))[:, 0]  # the user's order: fake, real
    model = standard(open_model(tmp_path / "mine.keras"), feed_named("own"), ("fake", "real"))
    real, fake = model.predict_on_batch((FACES.astype(np.float32) - 128) / 128).T
    np.testing.assert_allclose(1 / (1 + np.exp(real - fake)), p_fake, atol=1e-5)


def test_files_that_are_no_whole_model(tmp_path: Path) -> None:
    detector = _detector(keras2)
    detector.save_weights(tmp_path / "weights.h5")
    (tmp_path / "text.keras").write_text("no model")
    with pytest.raises(InputError, match="holds weights without their architecture"):
        open_model(tmp_path / "weights.h5")
    with pytest.raises(InputError, match="is no Keras model"):
        open_model(tmp_path / "text.keras")
    with pytest.raises(InputError, match="there is no model file"):
        open_model(tmp_path / "missing.keras")


def test_unknown_scaling_is_asked_for(tmp_path: Path) -> None:
    _detector(keras3, scaled=False).save(tmp_path / "mine.keras")
    with pytest.raises(InputError, match="do not scale pixels: say with --scaling"):
        standard(open_model(tmp_path / "mine.keras"), feed_named("own"), ("real", "fake"))
    with pytest.raises(InputError, match="expected --scaling"):
        feed_named("x/256?")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_dataset(tmp_path_factory.mktemp("own"), splits={"train": 24, "val": 16, "test": 16})


def test_qat_takes_the_file(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _detector(keras3, stripes=True).save(tmp_path / "mine.keras")
    command = f"qat {tmp_path / 'mine.keras'} --run {tmp_path / 'run'} --data {data} --margin 0 --batch 8 --epochs 1"
    assert main(command.split()) == 0
    assert "imported p_fake within" in capsys.readouterr().out
    assert main(f"evaluate {tmp_path / 'run'} --data {data} --split test".split()) == 0
    assert "QAT" in capsys.readouterr().out


def test_post_training_quantization_takes_any_detector(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from convert.cli import main as convert

    _detector(keras3, stripes=True).export(tmp_path / "saved", verbose=False)  # a computation without its layers
    command = (
        f"tflite {tmp_path / 'saved'} --post-training --data {data} --margin 0 --scaling pixels --out {tmp_path} --name mine"
    )
    assert convert([*command.split(), "--data-name", "drawn", "--licence", "Apache-2.0"]) in (0, 1)  # so few faces close the gate
    assert "it was not trained for eight bits" in "".join(capsys.readouterr())
    card = read_card(tmp_path / "mine_int8.tflite")
    assert card is not None and card.precision == "int8" and card.input_size == SIZE
    assert card.metrics[0].figures["auc"].value > 0.9
