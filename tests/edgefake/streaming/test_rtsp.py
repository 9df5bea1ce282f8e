"""Against a real RTSP server; where GStreamer's is not installed for the distribution's Python, this is skipped."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import edgefake
from edgefake import Detector
from edgefake.streaming import capture as capture_module
from tests.processes import started

PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).with_name("rtsp_server.py")


CHECK = """
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst
Gst.init(None)
raise SystemExit(not all(map(Gst.ElementFactory.find, ("jpegdec", "jpegenc", "rtpjpegpay", "imagefreeze"))))
"""


def installed() -> bool:
    return Path(PYTHON).exists() and subprocess.run([PYTHON, "-c", CHECK], capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(
    not installed(), reason="needs Debian's gir1.2-gst-rtsp-server-1.0, python3-gi and gstreamer1.0-plugins-good"
)


class Server:
    """An RTSP server at one port that can be killed and started again."""

    def __init__(self, picture: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._picture = picture
        self.start()

    @property
    def url(self) -> str:
        return f'rtsp://user:it\'s a "se[cr]et"@127.0.0.1:{self.port}/main?token=secret'

    def start(self) -> None:
        command = [PYTHON, str(SCRIPT), str(self.port), str(self._picture)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def server(portrait: Path) -> Iterator[Server]:
    server = Server(portrait)
    yield server
    server.kill()


def test_a_server_killed_and_restarted(
    server: Server, model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(capture_module, "FIRST_WAIT_S", 0.1)
    with Detector(model, num_threads=1) as detector, edgefake.watch(server.url, detector) as watch:
        before = next(result for _, result in watch if result.p_fake is not None)
        server.kill()
        server.start()
        after = next(result for _, result in watch if result.reconnects)
    assert after.index > before.index
    assert after.seconds > before.seconds
    assert after.source == f"rtsp://127.0.0.1:{server.port}/main"
    assert "is lost" in caplog.text and "is back" in caplog.text
    assert "cr]et" not in caplog.text and "secret" not in caplog.text


def test_the_command_waits_for_a_camera_and_a_signal_is_no_failure(portrait: Path, tmp_path: Path) -> None:
    server = Server(portrait)
    server.kill()
    lines = tmp_path / "results.jsonl"
    command = [sys.executable, "-m", "edgefake", "watch", "--model", "cnn_int8", "--threshold", "0", "--jsonl", lines, server.url]
    with started(command, cwd=SCRIPT.parents[3], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert next(line for line in process.stderr if "does not answer" in line).endswith("; it is waited for\n")
        server.start()
        try:
            assert "fake" in process.stdout.readline()
            process.terminate()
            output, errors = process.communicate(timeout=120)
        finally:
            server.kill()
    assert process.returncode == 0
    assert "1 called fake" in output
    assert "is there after" in errors
    written = lines.read_text()
    assert f'"source": "rtsp://127.0.0.1:{server.port}/main"' in written
    assert not [secret for secret in ("it's", "cr]et", "secret") if secret in written + output + errors]


def test_stop_while_the_server_is_away(server: Server, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "FIRST_WAIT_S", 1000.0)
    monkeypatch.setattr(capture_module, "LONGEST_WAIT_S", 1000.0)
    with Detector(model, num_threads=1) as detector, edgefake.watch(server.url, detector) as watch:
        next(watch)
        monkeypatch.setattr(capture_module._log, "warning", lambda *told: watch.stop())  # what is told is that the source is lost
        server.kill()
        assert len(list(watch)) < 1000
    assert not watch._capture._thread.is_alive()
