"""Network cameras, by real servers on loopback."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest

import edgefake
from edgefake import Detector
from edgefake.streaming import capture as capture_module
from edgefake.streaming.sources import find_source
from tests.edgefake.streaming.network_camera import HEAD, NetworkCamera, jpeg, part
from tests.edgefake.streaming.videos import moving_face

OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"


@pytest.fixture
def camera() -> Iterator[Callable[..., NetworkCamera]]:
    started: list[NetworkCamera] = []

    def start(*arguments: object, **options: object) -> NetworkCamera:
        started.append(NetworkCamera(*arguments, **options))  # type: ignore[arg-type]
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_mjpeg_over_http(camera: Callable[..., NetworkCamera]) -> None:
    port = camera(lambda n: part(jpeg(10 * n)), HEAD).port
    source = find_source(f"http://user:secret@127.0.0.1:{port}/stream.mjpg")
    assert (source.name, source.live) == (f"http://127.0.0.1:{port}/stream.mjpg", True)
    reader = source.open()
    assert reader.size == (320, 240)
    frames = [next(reader.frames) for _ in range(5)]
    reader.frames.close()
    assert [round(frame.mean()) for frame, _ in frames] == [0, 10, 20, 30, 40]
    assert all(seconds is None for _, seconds in frames)


def test_an_mjpeg_camera_that_hangs_up_is_connected_again(
    camera: Callable[..., NetworkCamera], model: Path, portrait: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture_module, "FIRST_WAIT_S", 0.05)
    pictures = [part(cv2.imencode(".jpg", frame)[1].tobytes()) for frame in moving_face(portrait, 30)]
    server = camera(lambda n: pictures[n % 30], HEAD, frames=40, pause_s=0.01)
    with Detector(model, num_threads=1) as detector, edgefake.watch(f"http://127.0.0.1:{server.port}/", detector) as watch:
        results = [result for _, result in zip(range(120), (result for _, result in watch), strict=False)]
    assert results[-1].reconnects and server.clients >= 2
    assert any(result.tracks for result in results if result.reconnects)


def test_a_bare_stream_over_tcp_as_rpicam_vid_sends_it(
    camera: Callable[..., NetworkCamera], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``rpicam-vid --codec mjpeg --listen -o tcp://…``; FFmpeg is to look at a part of it, not at 5 s."""
    monkeypatch.delenv(OPTIONS, raising=False)
    server = camera(jpeg)
    reader = find_source(f"tcp://127.0.0.1:{server.port}").open()
    frames = [frame for (frame, _), _ in zip(reader.frames, range(10), strict=False)]
    reader.frames.close()
    assert reader.size == (320, 240)
    assert [round(frame.mean()) for frame in frames] == list(range(10))
    assert server.clients == 1  # another connection, to ask why, would end rpicam-vid
    assert "probesize" not in os.environ[OPTIONS]


def test_what_the_user_tells_ffmpeg_stays(camera: Callable[..., NetworkCamera], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OPTIONS, "probesize;65536|formatprobesize;65536")
    reader = find_source(f"tcp://127.0.0.1:{camera(jpeg).port}").open()
    reader.frames.close()
    assert os.environ[OPTIONS] == "probesize;65536|formatprobesize;65536"
