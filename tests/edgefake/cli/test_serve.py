"""``edgefake serve`` as a real process, asked with curl's requests."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from edgefake.cli import main
from tests.processes import started

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "edgefake", "serve", "--model", "cnn_int8", "--port", "0", "--workers", "1"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_from_start_to_end(number: signal.Signals, portrait: Path) -> None:
    with started(COMMAND, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        url = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
        assert url and "ready: cnn_int8" in process.stderr.readline()
        with requests.Session() as session, portrait.open("rb") as picture:
            session.trust_env = False
            answer = session.post(f"{url[0]}/predict", files={"file": picture}, timeout=60)
        assert answer.json()["predictions"][0]["verdict"] == "real"
        process.send_signal(number)
        assert process.wait(60) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [
        (["--host", "0.0.0.0"], ["0.0.0.0", "--api-key-file", "--insecure"]),
        (["--api-key", "short"], ["16", "5"]),
        (["--api-key="], ["16", "0"]),
        (["--api-key-file", "absent"], ["absent"]),
        (["--model", "absent.tflite"], ["absent.tflite"]),
        (["--port", "99999"], ["99999"]),
        (["--max-requests", "0"], ["requests", "0"]),
        (["--max-megapixels", "nan"], ["--max-megapixels", "nan"]),
        (["--timeout", "0"], ["--timeout", "0"]),
        (["--workers", "0"], ["workers", "0"]),
        (["--batch", "0"], ["batch", "0"]),
        (["--batch-window", "-1"], ["window", "-1"]),
        (["--threshold", "2"], ["2"]),
    ],
)
def test_it_does_not_start(arguments: list[str], facts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(["serve", "--model", "cnn_int8", "--port", "0", *arguments])
    except SystemExit as ended:
        code = ended.code
    assert code == 2
    told = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert len(told) == 1 and not [fact for fact in facts if fact not in told[0]], told


def test_without_its_packages() -> None:
    code = f"""
import sys
sys.modules["fastapi"] = None
from edgefake.cli import main
sys.exit(main({COMMAND[3:]!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert "fastapi" in done.stderr and "edgefake[serve]" in done.stderr and done.stderr.count("\n") == 1
