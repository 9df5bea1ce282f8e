"""What gets installed, and what importing it loads."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import pytest

import edgefake
from tests.packed import ROOT, build_wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(build_wheel(tmp_path_factory.mktemp("wheel")))


def test_wheel_holds_edgefake_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    info = f"edgefake-{edgefake.__version__}.dist-info"
    assert {name.split("/")[0] for name in wheel.namelist()} == {"edgefake", info}


def test_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    expected = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "edgefake").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in wheel.namelist() if name.startswith("edgefake/")} == expected
    assert "edgefake/py.typed" in expected


def test_wheel_declares_command_licence_and_dependencies(wheel: zipfile.ZipFile) -> None:
    info = f"edgefake-{edgefake.__version__}.dist-info"
    assert "edgefake = edgefake.__main__:main" in wheel.read(f"{info}/entry_points.txt").decode()
    lines = wheel.read(f"{info}/METADATA").decode().split("\n\n")[0].splitlines()
    assert "License-Expression: Apache-2.0" in lines
    needed = {line.split(": ")[1] for line in lines if line.startswith("Requires-Dist") and "extra ==" not in line}
    assert needed == {
        "ai-edge-litert>=2.1",
        "numpy>=1.24",
        "opencv-python-headless<4.13,>=4.10",
        "simplejpeg>=1.8",
        'tomli>=2; python_version < "3.11"',
    }


def test_names_are_listed_before_they_are_used() -> None:
    code = "import edgefake; print({'Detector', 'read_image', 'watch', '__version__'} <= set(dir(edgefake)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout == "True\n"


def test_import_loads_no_runtime_and_no_tensorflow() -> None:
    code = "import sys, edgefake; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()
    assert "edgefake" in loaded
    assert not {"tensorflow", "tf_keras", "keras", "ai_edge_litert", "tflite_runtime", "training", "convert"} & set(loaded)
