"""The window: what to install when OpenCV has none; shown for real where there is a screen."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest

from edgefake.errors import SinkError
from edgefake.sinks import StreamInfo
from edgefake.sinks.queue import QueuedSink
from edgefake.sinks.window import WindowSink
from edgefake.streaming.health import Health
from edgefake.testing import check_sink
from tests.edgefake.streaming.results import opened, result, track


@pytest.mark.skipif(bool(cv2.currentUIFramework()), reason="this OpenCV has windows")
def test_opencv_without_windows_says_what_to_install() -> None:
    with pytest.raises(SinkError) as caught:
        opened(WindowSink())
    assert str(caught.value) == (
        "this OpenCV was built without windows: pip uninstall opencv-python-headless, "
        "then pip install 'opencv-python<5', or write a video file"
    )


def test_no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "QT5")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(SinkError, match=r"no screen .*DISPLAY.* video file"):
        opened(WindowSink())


@pytest.mark.skipif(not (cv2.currentUIFramework() and os.environ.get("DISPLAY")), reason="OpenCV has no windows, or no screen")
def test_frames_are_shown() -> None:
    quits: list[bool] = []
    stream = StreamInfo("clip.mp4", stop=lambda: quits.append(True))
    queued = QueuedSink(WindowSink(), stream, Health())
    for index in range(5):
        queued.send(np.full((240, 320, 3), 90, np.uint8), result(index, track()))
    report = queued.close(60)
    assert (report.delivered, report.lost, report.error) == (5, 0, None)
    assert not quits


@pytest.mark.skipif(not (cv2.currentUIFramework() and os.environ.get("DISPLAY")), reason="OpenCV has no windows, or no screen")
def test_the_contract() -> None:
    check_sink(WindowSink())
