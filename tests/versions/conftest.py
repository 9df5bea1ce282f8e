"""Virtual environments in which edgefake's wheel is installed beside other releases of what it stands on."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.packed import ROOT, build_wheel


@dataclass(frozen=True)
class Environment:
    """A virtual environment with edgefake in it."""

    python: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run its Python without this checkout on its path: what is installed is what is tested."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [str(self.python), *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=self.python.parent, env=environment)


Make = Callable[..., Environment]


@pytest.fixture(scope="session")
def make_environment(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """A function that makes an ``Environment``: of the first of ``pythons`` that runs, with ``packages``, then edgefake's wheel.

    With ``on_top`` the system's own packages are seen, and of edgefake's requirements only ``packages`` are installed.
    """
    wheel = build_wheel(tmp_path_factory.mktemp("wheel"))

    def make(*packages: str, pythons: tuple[str, ...] = (), on_top: bool = False) -> Environment:
        folder = tmp_path_factory.mktemp("environment")
        python = next(name for name in (*pythons, sys.executable) if _runs(name))
        _succeed(python, "-m", "venv", *(["--system-site-packages"] if on_top else []), str(folder))
        made = Environment(folder / "bin" / "python")
        install = [str(made.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
        if on_top:
            _succeed(*install, *packages)
            _succeed(*install, "--no-deps", str(wheel))
        else:
            _succeed(*install, *packages, str(wheel))
        return made

    return make


def lowest_requirements() -> list[str]:
    """What ``setup.cfg`` names as the oldest release of what every Python needs, as requirements: ``numpy==1.24.*``."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    lines = parser["options"]["install_requires"].splitlines()
    return [line.split(",")[0].replace(">=", "==") + ".*" for line in lines if line and ";" not in line]


def _runs(python: str) -> bool:
    try:
        return subprocess.run([python, "-c", ""], capture_output=True).returncode == 0
    except OSError:
        return False


def _succeed(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
