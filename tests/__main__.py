"""Every check of this repository: ``python -m tests``. Exits with 0 when all pass, 1 otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.coverage import FLOORS, shortfalls

STYLE = (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",))
PARTS = (
    # TensorFlow and LiteRT can clash inside one process, so what needs TensorFlow has its own.
    ("tests", "--ignore=tests/training", "--ignore=tests/convert"),
    ("tests/training", "tests/convert"),
)


def main() -> int:
    failed = [" ".join(check) for check in STYLE if not _passes(*check)]
    with TemporaryDirectory() as folder:
        measured = [Path(folder, f"{number}.json") for number in range(len(PARTS))]
        for part, file in zip(PARTS, measured, strict=True):
            if not _passes("slipcover", "--source", ",".join(FLOORS), "--json", "--out", str(file), "-m", "pytest", *part):
                failed.append(f"pytest {' '.join(part)}")
        failed += shortfalls(measured)
    print(f"failed: {'; '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def _passes(*check: str) -> bool:
    print("$", *check, flush=True)
    return subprocess.run([sys.executable, "-m", *check]).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
