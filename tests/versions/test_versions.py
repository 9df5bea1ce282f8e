"""edgefake answers alike on the oldest and the newest releases of all that it stands on, and on a distribution's own OpenCV."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.answers import answers, here, lossless_clip
from tests.edgefake.streaming.network_camera import NetworkCamera, jpeg, part
from tests.packed import ROOT
from tests.processes import started
from tests.versions.conftest import Environment, Make, lowest_requirements

SYSTEM_PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="session")
def lowest(make_environment: Make) -> Environment:
    return make_environment(*lowest_requirements(), pythons=("python3.10", "python3.11"))


@pytest.fixture(scope="session")
def highest(make_environment: Make) -> Environment:
    return make_environment(pythons=("python3.13", "python3.12"))


@pytest.fixture(scope="session")
def distribution(make_environment: Make) -> Environment:
    """As the README says for Raspberry Pi OS and Debian: the system's OpenCV and NumPy, and LiteRT."""
    ask = [SYSTEM_PYTHON, "-c", "import sys, cv2, ensurepip; sys.exit(sys.version_info < (3, 10))"]
    if not Path(SYSTEM_PYTHON).exists() or subprocess.run(ask, capture_output=True).returncode:
        pytest.skip(f"{SYSTEM_PYTHON} has no OpenCV of the distribution: apt install python3-opencv opencv-data python3-venv")
    return make_environment("ai-edge-litert>=2.1", "simplejpeg>=1.8", "numpy<2", pythons=(SYSTEM_PYTHON,), on_top=True)


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory, portrait: Path) -> Path:
    return lossless_clip(portrait, tmp_path_factory.mktemp("clip") / "clip.avi")


@pytest.mark.parametrize("name", ["lowest", "highest", "distribution"])
def test_answers_are_those_of_this_environment(name: str, request: pytest.FixtureRequest, portrait: Path, clip: Path) -> None:
    other: Environment = request.getfixturevalue(name)
    assert answers(other.run, portrait, clip) == answers(here, portrait, clip)
    assert other.run("-m", "edgefake", "models", "verify").returncode == 0


@pytest.mark.parametrize("name", ["lowest", "highest", "distribution"])
def test_a_stream_is_watched_and_recorded(name: str, request: pytest.FixtureRequest, clip: Path, tmp_path: Path) -> None:
    other: Environment = request.getfixturevalue(name)
    recorded = tmp_path / "out.mkv"
    done = other.run("-m", "edgefake", "watch", str(clip), "--json", "--every", "frame", "--record", str(recorded))
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 25
    assert recorded.stat().st_size > 10_000


def test_the_lowest_environment_is_the_lowest(lowest: Environment) -> None:
    installed = lowest.run("-m", "pip", "list", "--format=freeze").stdout.splitlines()
    for requirement in lowest_requirements():
        assert any(line.startswith(requirement.removesuffix("*")) for line in installed)


def test_a_gstreamer_pipeline_on_the_distributions_opencv(distribution: Environment) -> None:
    pipeline = "videotestsrc ! video/x-raw,width=320,height=240 ! videoconvert ! video/x-raw,format=BGR ! appsink"
    command = [str(distribution.python), "-m", "edgefake", "watch", pipeline, "--json", "--every", "frame"]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT.parent) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert first["tracks"] == []
    assert process.returncode == 0, errors


def test_a_gstreamer_pipeline_that_ends_or_hangs_is_opened_again(distribution: Environment) -> None:
    """A camera that hangs up after some frames, and one that sends no more and stays connected."""
    for stays in (False, True):
        camera = NetworkCamera(lambda n: part(jpeg(n)), frames=20, stays=stays)
        pipeline = (
            f"tcpclientsrc host=127.0.0.1 port={camera.port} ! multipartdemux boundary=frame ! jpegdec ! videoconvert "
            "! video/x-raw,format=BGR ! appsink drop=true max-buffers=1"
        )
        command = [str(distribution.python), "-m", "edgefake", "watch", pipeline, "--faces", "frame", "--model", "cnn_int8"]
        with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT.parent) as process:
            assert process.stderr is not None
            assert any("is back after" in line for line in process.stderr)
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=60)
        camera.close()
        assert process.returncode == 0, errors


def test_opencv_5_has_no_haar_and_everything_else(make_environment: Make, portrait: Path) -> None:
    newest = make_environment("ai-edge-litert", "simplejpeg", "opencv-python-headless>=5,<6", on_top=True)
    done = newest.run("-m", "edgefake", "predict", str(portrait), "--faces", "haar")
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no Haar cascades" in done.stderr and "edge" in done.stderr
    done = newest.run("-m", "edgefake", "predict", str(portrait), "--json")
    assert done.returncode in (0, 1, 3), done.stderr
    assert json.loads(done.stdout)["p_fake"] is not None
