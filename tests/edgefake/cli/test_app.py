"""``edgefake app`` as a real process."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from edgefake.cli import main
from tests.processes import started

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "edgefake", "app", "--model", "cnn_int8"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_from_start_to_end(number: signal.Signals) -> None:
    pytest.importorskip("streamlit", reason="the extra app is not installed, or this Python is older than 3.11")
    with started([*COMMAND, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        url = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
        assert url
        with urlopen(url[0], timeout=60) as answer:
            assert answer.status == 200
        process.send_signal(number)
        assert process.wait(60) == 0
        assert process.stderr.read() == ""


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [
        (["--port", "99999"], ["99999"]),
        (["--port", "x"], ["x"]),
        (["--model", "absent.tflite"], ["absent.tflite"]),
        (["--threshold", "2"], ["2"]),
        (["--host", "203.0.113.7"], ["203.0.113.7"]),
    ],
)
def test_it_does_not_start(arguments: list[str], facts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert _told(arguments, facts, capsys)


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        assert _told(["--port", port], [port, "--port"], capsys)


def test_without_its_extra() -> None:
    code = f"import sys; sys.modules['streamlit'] = None; from edgefake.cli import main; sys.exit(main({COMMAND[3:]!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2 and "edgefake[app]" in done.stderr and len(done.stderr.splitlines()) == 1


def _told(arguments: list[str], facts: list[str], capsys: pytest.CaptureFixture[str]) -> bool:
    """Whether one sentence with ``facts`` is all that comes of it."""
    try:
        code = main(["app", "--model", "cnn_int8", *arguments])
    except SystemExit as ended:
        code = ended.code
    told = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    return code == 2 and len(told) == 1 and all(fact in told[0] for fact in facts)
