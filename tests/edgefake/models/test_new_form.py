"""A new kind of model file by its name, and in other processes: a copy of the package has the toy's module and its two rows."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import edgefake
from edgefake import ModelCard
from tests.edgefake.runtimes import toy

USE = """
import sys
from edgefake import Detector
with Detector("toy", faces="haar") as by_name, Detector(sys.argv[1], faces="haar") as by_path:
    print(by_name.runtime, by_path.runtime)
try:
    Detector("absent.other")
except LookupError as error:
    print(error)
"""


@pytest.fixture
def package(tmp_path: Path, make_card: Callable[..., ModelCard]) -> Path:
    """The copy, in which the one registered model is a toy."""
    package = tmp_path / "edgefake"
    shutil.copytree(Path(edgefake.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "*.onnx", "*.tflite"))
    shutil.copy(toy.__file__, package / "runtimes")
    with (package / "models" / "forms.py").open("a") as forms:
        forms.write('\nfrom edgefake.runtimes.toy import FORM\n\nFORMS[".toy"] = FORM\n')
    with (package / "runtimes" / "__init__.py").open("a") as runtimes:
        runtimes.write('\nRUNTIMES["toy"] = Entry("edgefake.runtimes.toy", (".toy",))\n')
    path = package / "zoo" / "toy.toy"
    data = toy.write_card(toy.MARK + b"\n" + np.array([3.0, -2.0, 0.5]).tobytes(), make_card(name="toy"), path)
    path.write_bytes(data)
    entry = {"file": path.name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (package / "zoo" / "models.json").write_text(json.dumps({"toy": {"kind": "detector", "files": [entry]}}))
    return package


def python(package: Path, *arguments: str | Path) -> str:
    done = subprocess.run([sys.executable, *map(str, arguments)], cwd=package.parent, capture_output=True, text=True)
    assert done.stdout, done.stderr
    return done.stdout


def test_a_new_form_has_a_name_and_is_measured(package: Path, portrait: Path) -> None:
    path = package / "zoo" / "toy.toy"
    (listed,) = json.loads(python(package, "-m", "edgefake", "models", "--json"))
    assert (listed["name"], listed["place"], listed["path"]) == ("toy", "bundled", str(path))
    assert "toy.toy  " in python(package, "-m", "edgefake", "models", "verify", "toy")
    assert json.loads(python(package, "-m", "edgefake", "models", "show", "toy", "--json"))["name"] == "toy"

    told = json.loads(python(package, "-m", "edgefake", "predict", portrait, "--model", "toy", "--faces", "haar", "--json"))
    assert (told["status"], told["model"]) == ("ok", "toy")
    quick = ["--faces", "haar", "--runs", "2", "--seconds", "0", "--processes", "1", "--threads", "1"]
    for model in ("toy", path):
        (row,) = json.loads(python(package, "-m", "edgefake", "benchmark", model, *quick, "--json"))["rows"]
        assert (row["model"], row["runtime_version"], row["file"]["bytes"]) == ("toy", "toy (1.0)", path.stat().st_size)

    used, unknown = python(package, "-c", USE, path).splitlines()
    assert used == "toy (1.0) toy (1.0)"
    assert ".onnx, .engine or .toy" in unknown
