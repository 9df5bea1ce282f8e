import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import Box, read_image
from edgefake.errors import InputError
from tests.conftest import Converted
from training.cli import main
from training.evaluate import evaluate
from training.samples import Sample


def test_every_precision_is_reported_on_the_unseen_split(converted: Converted, capsys: pytest.CaptureFixture[str]) -> None:
    models = [converted.float_run, converted.qat_run, converted.int8, converted.out / "tiny_fp32.tflite"]
    assert main(["evaluate", *map(str, models), "--data", str(converted.data), "--split", "test", "--json"]) == 0
    reports = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [r["precision"] for r in reports] == ["float", "QAT", "int8", "float32"]
    for report in reports:
        assert (report["data"], report["real"], report["fake"], report["without_score"]) == ("data test", 24, 24, 0)
        assert set(report["figures"]) == {"auc", "eer", "tpr@1%fpr", "tpr@5%fpr", "balanced_accuracy", "fpr", "tpr"}
        assert report["figures"]["auc"]["value"] > 0.8
    # The float32 file is the float run on another runtime.
    assert reports[3]["figures"]["auc"]["value"] == pytest.approx(reports[0]["figures"]["auc"]["value"], abs=1e-6)


def test_the_table_is_markdown(converted: Converted, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(converted.int8), "--data", str(converted.data)]) == 0
    heading, _, row = capsys.readouterr().out.strip().splitlines()[-3:]
    assert heading.startswith("| model | precision | data | real + fake | auc |")
    assert row.startswith("| tiny_int8.tflite | int8 | data test | 24 + 24 | ")


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_that_training_or_thresholds_have_seen_is_refused(
    converted: Converted, capsys: pytest.CaptureFixture[str], split: str
) -> None:
    assert main(["evaluate", str(converted.float_run), "--data", str(converted.data), "--split", split]) == 2
    assert "would flatter" in capsys.readouterr().err


def test_faces_found_on_the_device_and_pictures_without_one_are_counted(
    converted: Converted, portrait: Path, tmp_path: Path
) -> None:
    picture = read_image(portrait)
    samples = []
    for label, frame in enumerate((picture, picture[:, ::-1])):
        for name, content in (("face", frame), ("empty", np.full_like(picture, 90))):
            path = tmp_path / f"{label}_{name}.png"
            cv2.imwrite(str(path), content)
            samples.append(Sample(path, label, "test", Box(90, 150, 300, 300)))
    report = evaluate(converted.int8, samples, data="x", find_faces="haar")
    assert (report.real, report.fake, report.without_score) == (1, 1, 2)
    elsewhere = [replace(sample, box=Box(0, 0, 60, 60)) for sample in samples]  # the face found is not the labelled one
    with pytest.raises(InputError, match="no real one"):
        evaluate(converted.int8, elsewhere, data="x", find_faces="haar")
    with pytest.raises(InputError, match="no fake one"):
        evaluate(converted.int8, samples[:2], data="x", find_faces="haar")
    with pytest.raises(InputError, match=r"give a \.tflite file"):
        evaluate(converted.float_run, samples, data="x", find_faces="haar")


def test_processes_that_measure_devices_load_no_tensorflow() -> None:
    code = "import sys, convert.card, convert.graph, convert.layers, training.evaluate; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


def test_bad_arguments_are_explained(converted: Converted, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "resnet99", "--data", str(converted.data), "--run", str(tmp_path)]) == 2
    assert "choose cnn, resnet18" in capsys.readouterr().err
    assert main(["fit", "cnn", "--data", str(tmp_path / "nothing"), "--run", str(tmp_path / "run")]) == 2
    assert "expected a folder" in capsys.readouterr().err
    assert main(["qat", str(tmp_path), "--run", str(tmp_path / "run")]) == 2
    assert "no run.json" in capsys.readouterr().err
    assert main(["qat", str(converted.qat_run), "--run", str(tmp_path / "run")]) == 2
    assert "QAT run already" in capsys.readouterr().err
    bare = tmp_path / "bare.tflite"
    bare.write_bytes(b"\0\0\0\0TFL3")
    assert main(["evaluate", str(bare), "--data", str(converted.data)]) == 2
    assert "carries no card" in capsys.readouterr().err
