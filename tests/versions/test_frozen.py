"""A program that PyInstaller froze carries all that edgefake needs, without an option for it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.versions.conftest import Environment, Make

PROGRAM = """
import json, sys
import edgefake
with edgefake.Detector("cnn_int8") as detector:
    print(json.dumps([detector.runtime, detector.predict(edgefake.read_image(sys.argv[1])).p_fake]))
"""


@pytest.fixture(scope="module")
def environment(make_environment: Make) -> Environment:
    return make_environment("pyinstaller>=6.10")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["--onedir", pytest.param("--onefile", marks=pytest.mark.slow)])
def test_a_frozen_program_predicts(form: str, environment: Environment, portrait: Path, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    build = [str(environment.python), "-m", "PyInstaller", "--log-level", "ERROR", form, str(program)]
    built = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    frozen = tmp_path / "dist" / "program"
    frozen = frozen / "program" if form == "--onedir" else frozen
    done = subprocess.run([str(frozen), str(portrait)], capture_output=True, text=True, cwd="/", env={"HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(environment.run(str(program), str(portrait)).stdout)
