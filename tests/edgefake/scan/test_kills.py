"""Scans that are ended while they run, and started again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edgefake.scan.parts import LOCK
from tests.edgefake.cli.pictures import ROOT
from tests.edgefake.scan.archive import archive, scanned, table
from tests.processes import started

COMMAND = [sys.executable, "-m", "edgefake", "scan", "--model", "cnn_int8", "--faces", "frame", "--workers", "2"]
COMMAND += ["--part-files", "8"]
FILES = 240
"""So many that no scan is through before it is ended."""


@contextmanager
def scanning(folder: Path, out: Path, *, parts: int) -> Iterator[subprocess.Popen[Any]]:
    """A scan in a process of its own, of which so many more parts are written."""
    before = len(list(out.glob("part-*")))
    with started([*COMMAND, folder, "--out", out], cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL) as process:
        while len(list(out.glob("part-*"))) < before + parts:
            assert process.poll() is None
            time.sleep(0.005)
        yield process


@pytest.mark.slow
def test_killed_again_and_again(tmp_path: Path) -> None:
    """All its processes at once, as when power fails."""
    archive(tmp_path / "in", FILES)
    scanned(tmp_path / "undisturbed", tmp_path / "in")
    for parts in (1, 2, 3):
        with scanning(tmp_path / "in", tmp_path / "out", parts=parts):
            pass  # the end of the block kills
    there = table(tmp_path / "out").num_rows
    assert 6 * 8 <= there < FILES
    done = scanned(tmp_path / "out", tmp_path / "in")
    assert (done.there, done.judged) == (there, FILES - there)
    assert table(tmp_path / "out").equals(table(tmp_path / "undisturbed"))
    assert not list((tmp_path / "out").glob(".partial-*"))


def test_the_workers_end_with_the_scan(tmp_path: Path) -> None:
    archive(tmp_path / "in", FILES)
    with scanning(tmp_path / "in", tmp_path / "out", parts=1) as process:
        workers = [int(pid) for pid in children(process.pid)]
        assert len(workers) == 2
        process.kill()
        process.wait()
        while any(Path(f"/proc/{pid}/cmdline").exists() and Path(f"/proc/{pid}/cmdline").read_bytes() for pid in workers):
            time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_one_signal_to_the_scan_alone(tmp_path: Path, number: signal.Signals) -> None:
    archive(tmp_path / "in", FILES)
    with scanning(tmp_path / "in", tmp_path / "out", parts=1) as process:
        process.send_signal(number)
        assert process.wait() == (130 if number is signal.SIGINT else -signal.SIGKILL)
    there = table(tmp_path / "out").num_rows
    done = scanned(tmp_path / "out", tmp_path / "in")
    assert (done.there, done.judged, table(tmp_path / "out").num_rows) == (there, FILES - there, FILES)
    assert {path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")} == {LOCK}


def children(pid: int) -> list[str]:
    return [child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
