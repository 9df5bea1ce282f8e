"""Every check of this repository: ``python -m tests``. Exits with 0 when all pass, 1 otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.coverage import FLOORS, shortfalls

CHECKS = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",), ("pytest", "tests/training", "tests/convert"))
DEVICE = ("pytest", "tests", "--ignore=tests/training", "--ignore=tests/convert")
"""TensorFlow and LiteRT can clash inside one process, so what needs TensorFlow has its own, and coverage is that of this one."""


def main() -> int:
    *style, training = CHECKS
    failed = [" ".join(check) for check in style if not _passes(*check)]
    with TemporaryDirectory() as folder:
        measured = Path(folder, "coverage.json")
        if not _passes("slipcover", "--source", ",".join(FLOORS), "--json", "--out", str(measured), "-m", *DEVICE):
            failed.append(" ".join(DEVICE))
        failed += shortfalls(measured)
    failed += [] if _passes(*training) else [" ".join(training)]
    print(f"failed: {'; '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def _passes(*check: str) -> bool:
    print("$", *check, flush=True)
    return subprocess.run([sys.executable, "-m", *check]).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
