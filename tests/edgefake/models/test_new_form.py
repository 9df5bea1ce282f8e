"""A new kind of model file is a row in ``FORMS``, a row in ``RUNTIMES`` and their two modules, and nothing else."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import edgefake

TOY = Path(__file__).parent / "toy"
MAKE = """
import struct, sys
from pathlib import Path
from edgefake import ModelCard
from edgefake.models.file import ModelFile, write_card
from edgefake.models.golden import encode_pixels
from edgefake.models.card import Golden
import numpy as np

path = Path(sys.argv[1])
path.write_bytes(b"TOY1" + struct.pack("<4f", 2.0, -1.0, -1.0, 0.25))
golden = Golden(encode_pixels(np.full((16, 16, 3), 128, np.uint8)), 0.25)
card = ModelCard("toy", "mean colour", "float32", 16, 0.3, "logit", {"fpr_5%": 0.5}, golden=(golden,), golden_tolerance=0.001)
assert ModelFile(path).card is None
written = write_card(path, card)
assert ModelFile(path).card == written and ModelFile(path).form.name == "Toy"
"""
USE = """
import sys
import cv2, numpy as np
from edgefake import Detector, ModelFileError
from edgefake.runtimes import open_runtime
from edgefake.models.store import open_model
from edgefake.testing import check_runtime, check_scorer

path = sys.argv[1]
with Detector(path, faces="frame") as by_path, Detector("toy", faces="frame") as by_name:
    red = by_name.scorer.crop(np.full((64, 64, 3), (0, 0, 255), np.uint8), None)
    print(by_path.runtime, by_name.runtime, by_name.scorer.score([red])[0].p_fake)
file = open_model(path)
check_runtime(open_runtime(file, file.card.input_spec), file.card)
check_scorer(Detector(path).scorer)
open(path, "r+b").write(b"TOY2")
for wrong in (path, file.path.with_suffix(".too")):
    try:
        Detector(wrong)
    except Exception as error:
        print(type(error).__name__, error)
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with a copy of the package that has the toy's two modules and its two rows."""
    package = tmp_path / "edgefake"
    shutil.copytree(Path(edgefake.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "*.onnx", "*.tflite"))
    shutil.copy(TOY / "toy_form.py", package / "models")
    shutil.copy(TOY / "toy.py", package / "runtimes")
    with (package / "models" / "forms.py").open("a") as forms:
        forms.write("\nfrom edgefake.models import toy_form as t\n")
        forms.write('FORMS[".toy"] = Form("Toy", t.check, t.read_card, t.write_card, t.payload)\n')
    with (package / "runtimes" / "__init__.py").open("a") as runtimes:
        runtimes.write('\nRUNTIMES["toy"] = Entry("edgefake.runtimes.toy", (".toy",))\n')
    return package


def python(package: Path, *arguments: str | Path) -> str:
    done = subprocess.run([sys.executable, *map(str, arguments)], cwd=package.parent, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_a_new_form_and_its_runtime_are_taken_everywhere(package: Path, portrait: Path) -> None:
    path = package / "zoo" / "toy.toy"
    python(package, "-c", MAKE, path)
    data = path.read_bytes()
    entry = {"file": path.name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (package / "zoo" / "models.json").write_text(json.dumps({"toy": {"kind": "detector", "files": [entry]}}))

    (listed,) = json.loads(python(package, "-m", "edgefake", "models", "--json"))
    assert (listed["name"], listed["place"], listed["path"]) == ("toy", "bundled", str(path))
    assert "toy.toy  " in python(package, "-m", "edgefake", "models", "verify", "toy")
    assert json.loads(python(package, "-m", "edgefake", "models", "show", "toy", "--json"))["payload_sha256"] is not None

    told = json.loads(python(package, "-m", "edgefake", "predict", portrait, "--model", path, "--json"))
    assert told["status"] == "ok" and told["model"] == "toy"
    quick = ["--runs", "2", "--seconds", "0", "--processes", "1", "--threads", "1"]
    report = json.loads(python(package, "-m", "edgefake", "benchmark", path, *quick, "--json"))
    (row,) = report["rows"]
    assert (row["model"], row["runtime"], row["file"]["bytes"]) == ("toy", "toy (1.0)", len(data))

    used, damaged, unknown = python(package, "-c", USE, path).splitlines()
    assert used.startswith("toy (1.0) toy (1.0) ")
    red = np.array([255, 0, 0]) / 128 - 1  # logits of the mean colour, RGB
    assert float(used.split()[-1]) == pytest.approx(1 / (1 + np.exp(-(2 * red[0] - red[1] - red[2] + 0.25))), abs=1e-5)
    assert damaged.startswith("ModelFileError") and "TOY1" in damaged
    assert unknown.startswith("ModelNotFoundError") and ".onnx, .engine or .toy" in unknown
