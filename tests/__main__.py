"""Every check of this repository: ``python -m tests``. Exits with 0 when all pass, 1 otherwise.

With ``--coverage`` the tests of the device's package run under SlipCover; what they cover is told, and held to its floor.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.coverage import FLOORS, shortfalls

# TensorFlow and LiteRT can clash inside one process, so what needs TensorFlow has its own.
DEVICE = ("pytest", "tests", "--ignore=tests/training", "--ignore=tests/convert")
CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    DEVICE,
    ("pytest", "tests/training", "tests/convert"),
)


def main(arguments: list[str]) -> int:
    failed = _covered() if arguments == ["--coverage"] else [" ".join(check) for check in CHECKS if not _passes(*check)]
    print(f"failed: {'; '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def _covered() -> list[str]:
    with TemporaryDirectory() as folder:
        measured = Path(folder, "coverage.json")
        passed = _passes("slipcover", "--source", ",".join(FLOORS), "--json", "--out", str(measured), "-m", *DEVICE)
        return [*([] if passed else [" ".join(DEVICE)]), *shortfalls(measured)]


def _passes(*check: str) -> bool:
    print("$", *check, flush=True)
    return subprocess.run([sys.executable, "-m", *check]).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
