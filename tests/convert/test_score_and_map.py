"""A detector that gives a map of logits beside its score, all the way: float, QAT, INT8 ``.tflite``, ``.onnx``, gate and card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tf_keras as keras

from convert.cli import main
from convert.gate import Scores, compare
from convert.source import keras_outputs, qat_source
from edgefake.models.file import ModelFile, write_card
from edgefake.pixels import Pixels
from edgefake.runtimes import Outputs
from tests.drawn import drawn_dataset
from tests.interpreted import named_outputs, replayed
from training.batches import all_pixels
from training.cli import main as training
from training.device import on_device, raw_outputs
from training.recipes import RECIPES, Recipe
from training.recipes.layers import conv_bn
from training.runs import read_run

NAME = "toy_local"
FORMS = ("toy_int8.tflite", "toy_int8.onnx", "toy_fp32.tflite", "toy_fp16.tflite")


def _features(x: Any) -> Any:
    for index, filters in enumerate((8, 12, 16)):
        x = conv_bn(x, filters, 3, stride=2 if index else 1, name=f"c{index}")
    return x


def _head(x: Any, *, outputs: int, folded: bool) -> list[Any]:
    """A logit for every place, and their mean."""
    places = keras.layers.Conv2D(outputs, 1, name="map")(x)
    return [keras.layers.GlobalAveragePooling2D(name="score")(places), places]


@dataclass(frozen=True)
class Made:
    float_run: Path
    qat_run: Path
    out: Path
    report: dict[str, Any]

    def pixels(self) -> Pixels:
        run = read_run(self.qat_run)
        return all_pixels(run.training_samples()[1], size=run.size, margin=run.margin)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """By the commands that a user gives."""
    root = tmp_path_factory.mktemp("local")
    drawn_dataset(root / "data", splits={"train": 40, "val": 24, "test": 24})
    RECIPES[NAME] = Recipe(_features, 32, "a map and its mean", head=_head)
    try:
        fit = f"fit {NAME} --data {root / 'data'} --run {root / 'float'} --margin 0 --batch 8 --epochs 4 --patience 4"
        assert training(fit.split()) == 0
        assert training(f"qat {root / 'float'} --run {root / 'qat'} --epochs 1".split()) == 0
        told = ["--data-name", "drawn", "--licence", "Apache-2.0"]
        assert main(["all", str(root / "qat"), "--out", str(root / "out"), "--name", "toy", *told]) in (0, 1)
        yield Made(root / "float", root / "qat", root / "out", json.loads((root / "out" / "report.json").read_text()))
    finally:
        del RECIPES[NAME]


def test_every_place_is_held_to_the_label(made: Made) -> None:
    """The map was trained too: its places say what the score says."""
    score, places = keras_outputs(qat_source(made.qat_run).float_model, made.pixels())
    np.testing.assert_allclose(places.mean((1, 2)), score, atol=1e-4)
    assert np.ptp(score) > 0.1
    assert np.corrcoef(score[:, 0], np.median(places, axis=(1, 2))[:, 0])[0, 1] > 0.5


@pytest.mark.parametrize("file", FORMS)
def test_the_card_names_both_and_golden_vectors_hold_both(made: Made, file: str) -> None:
    card = ModelFile(made.out / file).card
    assert card is not None
    assert (card.kind, card.outputs) == ("detector", ("score", "map"))
    assert all(len(golden.samples["map"]) == 16 for golden in card.golden)
    errors = on_device(replayed, made.out / file)
    assert set(errors) == {"score", "map"}
    assert all(errors[name] <= card.tolerance(name) for name in errors)


def test_int8_files_answer_alike_within_a_step(made: Made) -> None:
    pixels = made.pixels()
    qat = keras_outputs(qat_source(made.qat_run).int8_model, pixels)
    _, steps = on_device(named_outputs, made.out / FORMS[0], pixels[:1])
    answers: dict[str, Outputs] = {}
    for file in FORMS[:2]:
        card = ModelFile(made.out / file).card
        answers[file] = on_device(raw_outputs, made.out / file, card, pixels)
    for index, name in enumerate(("score", "map")):
        tflite, exported = (answers[file][index] for file in FORMS[:2])
        assert tflite.shape == exported.shape == qat[index].shape
        assert np.abs(exported - tflite).max() <= 1.01 * steps[name]
        assert np.abs(tflite - qat[index]).mean() <= steps[name]
    given = onnx.load(made.out / FORMS[1]).graph.output
    assert [[output.name, *(d.dim_param or d.dim_value for d in output.type.tensor_type.shape.dim)] for output in given] == [
        ["score", "N", 1],
        ["map", "N", 8, 8, 1],
    ]


def test_the_report_tells_how_close_the_maps_are(made: Made) -> None:
    closeness = {(c["model"], c["reference"]): c["map_snr_db"]["map"] for c in made.report["comparisons"]}
    assert closeness["ONNX INT8", "TFLite INT8"] > 30
    assert closeness["TFLite INT8", "QAT"] > 10
    assert {layer["layer"] for layer in made.report["worst_layers"]} >= {"score", "map"}
    assert "map " in (made.out / "report.md").read_text()


def test_a_map_that_is_another_fails_the_gate() -> None:
    rng = np.random.default_rng(0)
    labels, p_fake, places = np.arange(8) % 2, np.linspace(0, 1, 8), rng.normal(size=(8, 4, 4, 1)).astype(np.float32)
    reference = Scores("TFLite INT8", p_fake, converted=True, maps={"map": places})
    close, other = places + np.float32(0.01), places[::-1]
    assert compare(labels, Scores("ONNX INT8", p_fake, converted=True, maps={"map": close}), reference, 0.5).faults() == []
    (fault,) = compare(labels, Scores("ONNX INT8", p_fake, converted=True, maps={"map": other}), reference, 0.5).faults()
    assert "ONNX INT8's map" in fault


def test_a_card_whose_outputs_are_not_those_of_its_file_is_refused(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "toy.tflite"
    shutil.copyfile(made.out / FORMS[0], path)
    card = ModelFile(path).card
    assert card is not None
    fewer = tuple(replace(golden, samples={}) for golden in card.golden)
    write_card(path, replace(card, outputs=("score",), golden=fewer, sample_tolerances={}))
    assert main(["onnx", str(path)]) == 2
    assert "gives 2 outputs, its card says score" in capsys.readouterr().err
    assert main(["check", str(path), "--run", str(made.qat_run), "--split", "val"]) == 2
    assert "gives score, the run's network score, map" in capsys.readouterr().err
