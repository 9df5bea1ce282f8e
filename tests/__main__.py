"""Every check of this repository: ``python -m tests``. Exits with 0 when all pass, 1 otherwise.

With ``--coverage`` the tests of the device's package run under SlipCover; what they cover is told, and held to its floor.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from tests.coverage import FLOORS, shortfalls

# TensorFlow and LiteRT can clash inside one process, so what needs TensorFlow has its own.
# Those that install, emulate or build keep no time: they run beside what needs TensorFlow.
SLOW_STARTERS = ("tests/devices", "tests/docs", "tests/versions")
APART = ("tests/training", "tests/convert", *SLOW_STARTERS)
DEVICE = ("pytest", "tests", *(f"--ignore={folder}" for folder in APART))
CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    DEVICE,
)
OF_TENSORFLOW = (("pytest", "tests/training"), ("pytest", "tests/convert"))
"""On cores of their own: two TensorFlows that share theirs wait for each other more than they work."""
SIDE_BY_SIDE = (*OF_TENSORFLOW, ("pytest", *SLOW_STARTERS))
"""At once: tracing a network and starting a process keep one core busy. Not beside ``DEVICE``, whose streams keep time."""


def main(arguments: list[str]) -> int:
    failed = _covered() if arguments == ["--coverage"] else _failed()
    print(f"failed: {'; '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def _failed() -> list[str]:
    passed = {check: _passes(*check) for check in CHECKS} | _pass_side_by_side(SIDE_BY_SIDE)
    return [" ".join(check) for check in passed if not passed[check]]


def _pass_side_by_side(checks: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], bool]:
    """Which of ``checks`` pass; what one prints is shown when it has ended."""
    with ExitStack() as opened:
        print("$", *(" ".join(check) for check in checks), sep="\n  ", flush=True)
        outputs = [opened.enter_context(TemporaryFile()) for _ in checks]
        running = [
            opened.enter_context(subprocess.Popen([sys.executable, "-m", *check], stdout=output, stderr=subprocess.STDOUT))
            for check, output in zip(checks, outputs, strict=True)
        ]
        for check, process in zip(checks, running, strict=True):
            _keep_to_its_cores(check, process.pid)
        passed = {}
        for check, process, output in zip(checks, running, outputs, strict=True):
            passed[check] = process.wait() == 0
            output.seek(0)
            print("$", *check)
            print(output.read().decode(errors="replace"), flush=True)
        return passed


def _keep_to_its_cores(check: tuple[str, ...], pid: int) -> None:
    """Of those there are, its share; where the system pins nothing, all of them."""
    if check not in OF_TENSORFLOW or sys.platform != "linux":
        return
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(pid, cores[OF_TENSORFLOW.index(check) :: len(OF_TENSORFLOW)] or cores)


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
