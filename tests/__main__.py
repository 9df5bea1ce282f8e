"""Every check of this repository: ``python -m tests``. Exits with 0 when all pass, 1 otherwise."""

from __future__ import annotations

import subprocess
import sys

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    # TensorFlow and LiteRT can clash inside one process, so what needs TensorFlow has its own.
    ("pytest", "tests", "--ignore=tests/training", "--ignore=tests/convert"),
    ("pytest", "tests/training", "tests/convert"),
)


def main() -> int:
    failed = []
    for check in CHECKS:
        print("$", *check, flush=True)
        if subprocess.run([sys.executable, "-m", *check]).returncode:
            failed.append(" ".join(check))
    print(f"failed: {'; '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
