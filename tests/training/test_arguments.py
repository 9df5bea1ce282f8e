"""Wrong arguments are told before TensorFlow is loaded, which takes seconds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgefake.errors import InputError
from tests.drawn import drawn_dataset
from tests.packed import ROOT
from training.cli.checks import check_name

PROBE = """
import contextlib, io, json, sys
from convert.cli import main as convert
from training.cli import main as training

told = []
for command, *arguments in json.load(sys.stdin):
    stream = io.StringIO()
    with contextlib.redirect_stderr(stream):
        code = (training if command == "training" else convert)(arguments)
    told.append([code, stream.getvalue().strip().splitlines()[-1], "tensorflow" in sys.modules])
print(json.dumps(told))
"""


def test_wrong_paths_are_told_at_once(tmp_path: Path) -> None:
    data = str(drawn_dataset(tmp_path / "data", splits={"train": 1, "val": 1}))
    (tmp_path / "text.keras").write_text("no model")
    (tmp_path / "text.tflite").write_text("no model")
    (tmp_path / "run").mkdir()
    run = {"stage": "float", "recipe": "cnn", "data": data, "faces": None, "classes": [], "self_blend": False, "size": 32}
    run |= {"augmentation": "standard", "margin": 0, "batch": 8, "learning_rate": 0.1, "hold_out": 0, "seed": 1}
    run |= {"bfloat16": False, "weights": "none", "command": "fit"}
    (tmp_path / "run" / "run.json").write_text(json.dumps(run))
    to, origin = ["--run", "r", "--data"], ["--data-name", "x", "--licence", "y", "--out", "o"]
    cases = {
        ("training", "fit", "cnn", *to, "missing"): "missing, which is none",
        ("training", "fit", "ccn", *to, data): "unknown recipe 'ccn': choose cnn",
        ("training", "fit", "cnn", *to, data, "--weights", "missing.h5"): "there is no checkpoint missing.h5",
        ("training", "fit", "cnn", "--run", f"{data}/faces.csv", "--data", data): "faces.csv is a file: name a folder",
        ("training", "fit", "cnn", *to, data, "--augmentation", "strong"): "no augmentation 'strong'",
        ("training", "fit", "cnn", *to, data, "--folders", "fakes=x"): "'fakes' is no class",
        ("training", "evaluate", "run", "--data", data, "--degradations", "no"): "no degradation 'no'",
        ("training", "evaluate", "run", "--data", data, "--find-faces", "haar"): "(.tflite, .onnx or .engine), not the run run",
        ("training", "evaluate", "text.tflite", "--data", data): "text.tflite",
        ("training", "contact-sheet", "--data", data, "--out", "x.txt"): "expected --out to end in",
        ("training", "import", "missing.keras", *to, data): "there is no model file missing.keras",
        ("training", "import", "text.keras", *to, data): "text.keras is no Keras model, or damaged",
        ("training", "import", "text.keras", *to, "missing"): "missing, which is none",
        ("training", "import", "text.keras", *to, data, "--scaling", "no"): "expected --scaling",
        ("training", "qat", "missing", "--run", "r"): "missing holds no run.json",
        ("training", "qat", "run", "--run", "r"): "there is no checkpoint run/best.h5",
        ("training", "qat", "text.keras", *to, data): "text.keras is no Keras model",
        ("training", "explain", "run", "x.jpg", "--out", "o"): "there is no checkpoint run/best.h5",
        ("training", "import", "d\udce9.keras", *to, data): r"the name d\xe9.keras is not in UTF-8",
        ("convert", "all", "run", *origin): "there is no checkpoint run/best.h5",
        ("convert", "tflite", "missing", *origin): "missing holds no run.json",
        ("convert", "tflite", "text.keras", "--post-training", "--data", data, *origin): "text.keras is no Keras model",
        ("convert", "check", "missing.tflite", "--run", "run"): "there is no model missing.tflite",
        ("convert", "check", "text.tflite", "--run", "run", "--data", data): "run keeps no digests of its pictures",
        ("convert", "onnx", "missing.tflite"): "there is no file missing.tflite",
        ("convert", "card", "missing.tflite", "--data", data, *origin): "there is no file missing.tflite",
    }
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}  # edgefake alone is installed
    asked = json.dumps(list(cases))
    done = subprocess.run(
        [sys.executable, "-c", PROBE], input=asked, capture_output=True, text=True, cwd=tmp_path, env=environment, check=True
    )
    for (arguments, expected), (code, told, slow) in zip(cases.items(), json.loads(done.stdout), strict=True):
        assert (code, slow) == (2, False), (arguments, told)
        assert expected in told, arguments


def test_names_that_are_no_utf_8_are_told_reversibly() -> None:
    check_name(Path("größe.keras"))
    with pytest.raises(InputError, match=r"m\\xe9\.h5 .*UTF-8"):
        check_name(Path("m\udce9.h5"))
