"""The wheel as users get it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import edgefake

ROOT = Path(edgefake.__file__).parents[1]


def build_wheel(folder: Path) -> Path:
    """Build it into ``folder``, from a copy: what an earlier build left in the checkout must not slip in."""
    source = folder / "source"
    source.mkdir()
    for package in ("edgefake", "training", "convert", "benchmarks", "tests"):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "LICENSE-models", "NOTICE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return next(folder.glob("edgefake-*.whl"))
