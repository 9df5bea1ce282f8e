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
SLOW_STARTERS = ("tests/devices", "tests/docs", "tests/versions")
APART = ("tests/training", "tests/convert", *SLOW_STARTERS)
DEVICE = ("pytest", "tests", *(f"--ignore={folder}" for folder in APART))
FIRST = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
)
OF_TENSORFLOW = (("pytest", "tests/training"), ("pytest", "tests/convert"))
"""On cores of their own: two TensorFlows that share theirs wait for each other more than they work."""
PATIENT = (*OF_TENSORFLOW, ("pytest", *SLOW_STARTERS))
"""They keep no time, and give way to ``DEVICE``, whose streams do, and which waits for much of its time."""
SIDE_BY_SIDE = (DEVICE, *PATIENT)


def main(arguments: list[str]) -> int:
    failed = _covered() if arguments == ["--coverage"] else _failed()
    print(f"failed: {'; '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def _failed() -> list[str]:
    passed = {check: _passes(*check) for check in FIRST} | _pass_side_by_side(SIDE_BY_SIDE)
    return [" ".join(check) for check in passed if not passed[check]]


def _pass_side_by_side(checks: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], bool]:
    """Which of ``checks`` pass; the first prints as it goes, what another prints is shown when it has ended."""
    with ExitStack() as opened:
        print("$", *(" ".join(check) for check in checks), sep="\n  ", flush=True)
        outputs = [None, *(opened.enter_context(TemporaryFile()) for _ in checks[1:])]
        running = [
            opened.enter_context(subprocess.Popen([sys.executable, "-m", *check], stdout=output, stderr=subprocess.STDOUT))
            for check, output in zip(checks, outputs, strict=True)
        ]
        for check, process in zip(checks, running, strict=True):
            if sys.platform == "linux":
                _make_room(check, process.pid)
        passed = {}
        for check, process, output in zip(checks, running, outputs, strict=True):
            passed[check] = process.wait() == 0
            if output is not None:
                output.seek(0)
                print("$", *check)
                print(output.read().decode(errors="replace"), flush=True)
        return passed


def _make_room(check: tuple[str, ...], pid: int) -> None:
    """The process of ``check`` gives way where it can wait, and keeps to its share of the cores where it has one."""
    if check in PATIENT:
        os.setpriority(os.PRIO_PROCESS, pid, 10)
    if check in OF_TENSORFLOW:
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
