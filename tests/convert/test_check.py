import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convert.check import Check
from convert.cli import main
from convert.gate import Scores, compare, detection_faults
from edgefake.models.file import ModelFile, write_card
from tests.conftest import Converted


def test_gate_counts_flips_and_auc_loss() -> None:
    labels = np.repeat([0, 1], 100)
    reference = np.linspace(0, 1, 200)
    same = compare(labels, Scores("TFLite INT8", reference, True), Scores("float", reference, False), 0.5)
    assert (same.flips, same.mean_difference, same.faults()) == (0.0, 0.0, [])

    moved = reference.copy()
    moved[:3] = 0.9  # three of 200 real faces are called fake now
    worse = compare(labels, Scores("TFLite INT8", moved, True), Scores("float", reference, False), 0.5)
    assert worse.flips == 3 / 200
    assert worse.max_difference == pytest.approx(0.9)
    assert any("1.50% of TFLite INT8's verdicts differ" in fault for fault in worse.faults())
    assert any("AUC fell from 1.0000" in fault for fault in worse.faults())

    trained = compare(labels, Scores("QAT", moved, False), Scores("float", reference, False), 0.5)
    assert (trained.flips, trained.gated, trained.faults()) == (3 / 200, False, [])


def test_what_detects_nothing_fails() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 40)
    chance, good = rng.uniform(0, 1, 80), labels * 0.5 + rng.uniform(0, 0.5, 80)
    (told,) = detection_faults(labels, Scores("TFLite INT8", chance, True), 0.5)
    assert "detects nothing that chance would not: its AUC is 0." in told and "on 80 faces" in told
    assert detection_faults(labels, Scores("TFLite INT8", good, True), 0.5) == []
    (told,) = detection_faults(labels, Scores("TFLite INT8", good, True), 0.999)
    assert told == "TFLite INT8 detects nothing: none of 40 fakes is called fake at its threshold, 0.999"
    assert detection_faults(labels, Scores("float", chance, False), 0.5) == []  # told of what goes to devices
    assert Check((), (), ("it detects nothing",)).faults() == ["it detects nothing"]


def test_check_reports_float_and_qat_and_every_layer(converted: Converted, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["check", str(converted.int8), "--run", str(converted.qat_run), "--split", "test", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert code == (1 if report["faults"] else 0)
    assert [(c["model"], c["reference"], c["gated"]) for c in report["comparisons"]] == [
        ("QAT", "float", False),
        ("TFLite INT8", "float", True),
        ("TFLite INT8", "QAT", True),
    ]
    assert all(c["faces"] == 48 and c["mean_difference"] < 0.1 for c in report["comparisons"])
    layers = {layer["layer"]: layer["snr_db"] for layer in report["layers"]}
    assert set(layers) == {*(f"c{i}_relu" for i in range(1, 6)), *(f"pool{i}" for i in range(1, 5)), "gap", "fc", "logit"}
    assert min(layers.values()) > 5
    assert list(layers.values()) == sorted(layers.values())


def test_a_model_that_is_not_its_parent_any_more_fails(
    converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another bias in the QAT checkpoint stands for a conversion that went wrong."""
    import h5py

    other = tmp_path / "qat"
    shutil.copytree(converted.qat_run, other)
    with h5py.File(other / "best.h5", "r+") as file:
        found: list[str] = []
        file.visit(lambda name: found.append(name) if "logit/bias" in name else None)
        for name in found:
            file[name][...] = file[name][...] + 30.0
    assert found
    assert main(["check", str(converted.int8), "--run", str(other), "--split", "test"]) == 1
    errors = capsys.readouterr().err
    assert "gate failed" in errors
    assert "QAT" in errors
    assert "the layers furthest from float are" in errors


def test_bad_arguments_are_explained(converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(converted.out / "tiny_fp32.tflite"), "--run", str(converted.qat_run), "--split", "test"]) == 2
    assert "check compares INT8 models" in capsys.readouterr().err

    card = ModelFile(converted.int8).card
    assert card is not None
    foreign = tmp_path / "foreign.tflite"
    shutil.copy(converted.int8, foreign)
    write_card(foreign, replace(card, architecture="resnet18"))
    assert main(["check", str(foreign), "--run", str(converted.qat_run), "--split", "test"]) == 2
    assert "name the run it came from" in capsys.readouterr().err
