"""Health of a command that watches a camera that sends and one that is not there."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import cv2
import pytest

from tests.edgefake.streaming.network_camera import HEAD, NetworkCamera, part
from tests.edgefake.streaming.videos import moving_face
from tests.processes import started

ROOT = Path(__file__).parents[3]


def asked(url: str) -> tuple[int, str]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.parametrize("listed", [True, False])
def test_a_dead_camera_shows_and_disturbs_none(listed: bool, tmp_path: Path, portrait: Path) -> None:
    """``listed``: by a configuration of both cameras; else one alone with ``--metrics``."""
    pictures = [part(cv2.imencode(".jpg", frame)[1].tobytes()) for frame in moving_face(portrait, 60)]
    camera = NetworkCamera(lambda n: pictures[n % 60], HEAD)
    source = f"http://127.0.0.1:{camera.port}/"
    config = tmp_path / "edgefake.toml"
    config.write_text(
        f'[detector]\nmodel = "cnn_int8"\nthreads = 1\n[health]\nport = 0\n[cameras.door]\nsource = "{source}"\n'
        '[cameras.yard]\nsource = "rtsp://127.0.0.1:9/main"\n'
    )
    options = ["--config", str(config)] if listed else [source, "--model", "cnn_int8", "--threads", "1", "--metrics", "0"]
    command = [sys.executable, "-m", "edgefake", "watch", *options]
    with started(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        url = next(
            found[0] for line in process.stderr if (found := re.search(r"http://127\.0\.0\.1:\d+(?=/(?:healthz|metrics))", line))
        )
        name = "door" if listed else source
        given = re.compile(rf'edgefake_faces_total{{camera="{re.escape(name)}",verdict="\w+"}} [1-9]')
        deadline = time.monotonic() + 120
        while not given.search(page := asked(f"{url}/metrics")[1]):
            assert time.monotonic() < deadline, page
            time.sleep(0.1)
        assert asked(f"{url}/healthz")[0] == 200
        status, text = asked(f"{url}/readyz")
        assert json.loads(text)["cameras"][name]["ready"]
        if listed:
            assert status == 503 and not json.loads(text)["cameras"]["yard"]["ready"]
            assert 'edgefake_frames_in_total{camera="yard"} 0.0' in page
        else:
            assert status == 200
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    camera.close()
    assert process.returncode == 0, errors
