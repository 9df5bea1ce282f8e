"""Commands as processes of their own: interrupted while they import, and without anywhere to print."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import started

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("package", "imported"), [("edgefake", "cv2"), ("training", "numpy"), ("convert", "numpy")])
def test_ctrl_c_while_a_command_imports(package: str, imported: str, tmp_path: Path) -> None:
    (tmp_path / f"{imported}.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(60)")
    program = f"import runpy, sys; sys.path[:0] = {[str(tmp_path), str(ROOT)]}; runpy.run_module({package!r}, None, '__main__')"
    with started([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"importing\n"
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors) == (130, b"", b"")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_no_exit_code_and_no_file(closed: str, tmp_path: Path, portrait: Path) -> None:
    lines = tmp_path / "results.jsonl"
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(portrait.read_bytes())
    command = f"exec {sys.executable} -m edgefake watch --model cnn_int8 --jsonl {lines} {folder} {closed}"
    done = subprocess.run(["sh", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert lines.read_text().count("\n") == 1


def test_without_streams_at_all(portrait: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgefake.cli import main

    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["predict", "--model", "cnn_int8", str(portrait)]) == 0
    assert main(["predict", "absent.jpg"]) == 2
    for opened in (sys.stdout, sys.stderr):
        opened.close()
