"""The commands with a user's own detector, right and wrong."""

import os
import subprocess
import sys
from pathlib import Path

import keras as keras3
import numpy as np
import pytest
import tf_keras as keras2

from edgefake.models.file import ModelFile
from tests.drawn import drawn_dataset
from tests.own_detectors import SIZE, stripes
from training.cli import main
from training.own.feed import feed_named
from training.own.files import open_model
from training.own.importing import Own, check_order


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_dataset(tmp_path_factory.mktemp("own"), splits={"train": 24, "val": 16, "test": 16})


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("detector") / "mine.keras"
    stripes(keras3).save(path)
    return path


def _import(detector: Path, data: Path, run: Path, *options: str) -> int:
    return main(["import", str(detector), "--run", str(run), "--data", str(data), "--margin", "0", *options])


def test_an_import_is_told_and_kept(detector: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _import(detector, data, tmp_path / "run") == 0
    told = capsys.readouterr()
    assert "validation AUC 1.0000 on 32 faces; imported p_fake within" in told.out
    assert "warning" not in told.err
    first = (tmp_path / "run" / "best.h5").read_bytes()
    assert _import(detector, data, tmp_path / "run") == 0
    assert (tmp_path / "run" / "best.h5").read_bytes() == first


def test_users_of_another_backend(detector: Path, data: Path, tmp_path: Path) -> None:
    command = f"import {detector} --run {tmp_path / 'run'} --data {data} --margin 0"
    backend = os.environ | {"KERAS_BACKEND": "jax"}  # not installed here
    done = subprocess.run([sys.executable, "-m", "training", *command.split()], env=backend, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_detector_that_was_saved_anew_is_not_mistaken(
    detector: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _import(detector, data, tmp_path / "run") == 0
    later = (tmp_path / "run" / "state.json").stat().st_mtime + 1
    os.utime(detector, (later, later))
    assert _import(detector, data, tmp_path / "run") == 2
    assert "is newer than what was imported" in capsys.readouterr().err


def test_classes_in_the_wrong_order(detector: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _import(detector, data, tmp_path / "run", "--classes", "Fake,Real") == 2
    assert "give --classes real,fake, or another --scaling" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_classes_are_taken_as_given_by_who_knows(
    detector: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _import(detector, data, tmp_path / "run", "--classes", "fake,real", "--trust-classes") == 0
    assert "(AUC 0.000, 95 % interval 0.000 to 0.000): they are taken as given" in capsys.readouterr().err


def test_an_order_that_may_be_chance_is_doubted_only(detector: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = Own(open_model(detector), feed_named("own"), ("real", "fake"))
    labels, scores = np.repeat([0, 1], 8), np.tile(np.linspace(-1, 1, 8), 2).astype(np.float32)
    scores[8:] -= 0.3
    value = check_order(own, np.zeros((16, SIZE, SIZE, 3), np.uint8), labels, scores)
    assert 0.3 < value < 0.5
    assert "if that is no chance, give --classes fake,real" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("scale", "options", "better"),
    [
        (1 / 255, ["--scaling", "x/255"], "--scaling own"),  # scaled twice
        (1.0, ["--scaling", "pixels"], "--scaling x/255"),
    ],
)
def test_a_scaling_that_another_beats_is_doubted(
    scale: float, options: list[str], better: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stripes(keras3, scale=scale).save(tmp_path / "mine.keras")
    assert _import(tmp_path / "mine.keras", data, tmp_path / "run", *options) == 0
    assert f"warning: with {better} it would judge these faces better" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("qat {detector} --run {out}", "name the labelled faces with --data"),
        ("qat {detector} --run {out} --data {data}/missing", "missing, which is none"),
        ("import {detector} --run {out} --data {data} --classes real,fake,swap", "the detector has 1 output: expected --classes"),
        ("import {detector}x --run {out} --data {data}", "there is no model file"),
    ],
)
def test_wrong_arguments(
    arguments: str, message: str, detector: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments.format(detector=detector, data=data, out=tmp_path / "run").split()) == 2
    assert message in capsys.readouterr().err


def test_what_qat_cannot_do_is_named(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    detector = stripes(keras2)
    detector.layers[1].activation = keras2.activations.swish
    detector.save(tmp_path / "mine.keras")
    command = f"qat {tmp_path / 'mine.keras'} --run {tmp_path / 'run'} --data {data} --margin 0 --batch 8"
    assert main(command.split()) == 2
    told = capsys.readouterr().err
    assert "the activation swish (use ReLU or ReLU6)" in told and "--post-training" in told


def test_qat_takes_the_file(detector: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = f"qat {detector} --run {tmp_path / 'run'} --data {data} --margin 0 --batch 8 --epochs 1"
    assert main(command.split()) == 0
    assert "imported p_fake within" in capsys.readouterr().out
    assert main(f"evaluate {tmp_path / 'run'} --data {data} --split test".split()) == 0
    assert "QAT" in capsys.readouterr().out


def test_post_training_quantization_takes_any_detector(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from convert.cli import main as convert

    stripes(keras3).export(tmp_path / "saved", verbose=False)  # a computation without its layers
    command = (
        f"tflite {tmp_path / 'saved'} --post-training --data {data} --margin 0 --scaling pixels --out {tmp_path} --name mine"
    )
    assert convert([*command.split(), "--data-name", "drawn", "--licence", "Apache-2.0"]) in (
        0,
        1,
    )  # so few faces may fail the gate
    assert "is quantized as it is, not layer by layer" in "".join(capsys.readouterr())
    card = ModelFile(tmp_path / "mine_int8.tflite").card
    assert card is not None and card.precision == "int8" and card.input_size == SIZE
    assert card.metrics[0].figures["auc"].value > 0.9


def test_recurrent_layers_are_refused_before_tflite_crashes(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from convert.cli import main as convert

    layers = keras2.layers
    inside = [layers.Rescaling(1 / 255.0), layers.Conv2D(2, 3), layers.Reshape((30, 60)), layers.LSTM(4)]
    model = keras2.Sequential([keras2.Input((SIZE, SIZE, 3)), *inside, layers.Dense(1, activation="sigmoid")])
    model.save(tmp_path / "mine.keras")
    for classes in ("real,fake", "fake,real"):  # untrained, so one of the orders fits better
        command = (
            f"tflite {tmp_path / 'mine.keras'} --post-training --data {data} --margin 0 --out {tmp_path} --classes {classes}"
        )
        assert convert([*command.split(), "--data-name", "drawn", "--licence", "Apache-2.0"]) == 2
    assert "recurrent layers" in capsys.readouterr().err
