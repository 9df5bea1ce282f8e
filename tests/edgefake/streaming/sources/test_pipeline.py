from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from edgefake import InputError
from edgefake.streaming import capture as capture_module
from edgefake.streaming.capture import Capture
from edgefake.streaming.health import Health
from edgefake.streaming.sources import SourceAwayError, find_source, pipeline
from tests.edgefake.streaming.fake_camera import FakeCamera


@pytest.mark.skipif(cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER), reason="this OpenCV has GStreamer")
def test_a_pipeline_needs_an_opencv_with_gstreamer() -> None:
    long = "videotestsrc ! " + "videoconvert ! " * 300 + "appsink"
    for text in ("videotestsrc ! videoconvert ! appsink", long):
        with pytest.raises(InputError, match=r"GStreamer.* PyPI"):
            find_source(text)


@pytest.mark.skipif(not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER), reason="this OpenCV has no GStreamer")
def test_a_pipeline() -> None:
    source = find_source("videotestsrc num-buffers=5 ! videoconvert ! video/x-raw,format=BGR ! appsink")
    assert source.live
    assert len(list(source.open().frames)) == 5


class FakeHanging(FakeCamera):
    """A fake pipeline whose source sends nothing any more, as GStreamer waits for it; or which never starts."""

    waits = threading.Event()
    starts = True

    def __init__(self, text: str, backend: int) -> None:
        if not type(self).starts:
            type(self).waits.wait()
        super().__init__(text, backend)
        self.read_before = 0

    def read(self) -> tuple[bool, np.ndarray | None]:
        if self.read_before == 3:
            type(self).waits.wait()
        self.read_before += 1
        return super().read()


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeHanging]]:
    fake = type("FakeHanging", (FakeHanging,), {"waits": threading.Event()})
    monkeypatch.setattr(cv2, "VideoCapture", fake)
    monkeypatch.setattr(cv2.videoio_registry, "hasBackend", lambda backend: True)
    monkeypatch.setattr(pipeline, "TIMEOUT_MS", 300)
    yield fake
    fake.waits.set()


def test_one_that_hangs_is_lost_and_opened_again(hanging: type[FakeHanging], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture_module, "FIRST_WAIT_S", 0.01)
    capture = Capture(find_source("fakesrc ! appsink"), health=Health())
    while capture.reconnects < 2:
        assert capture.next() is not None
    capture.close()
    assert hanging.opened >= 3
    hanging.waits.set()  # they come back, and nothing is left open
    deadline = time.monotonic() + 120
    while hanging.released < hanging.opened:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_one_that_does_not_start_is_away(hanging: type[FakeHanging], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "OPEN_S", 0.1)
    hanging.starts = False
    with pytest.raises(SourceAwayError, match="fakesrc ! … "):
        find_source("fakesrc ! appsink").open()
    hanging.starts, hanging.plugged = True, False
    with pytest.raises(SourceAwayError, match="gst-launch"):
        find_source("fakesrc ! appsink").open()


def test_those_that_never_come_back_are_not_without_end(hanging: type[FakeHanging], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "OPEN_S", 0.01)
    monkeypatch.setattr(pipeline, "MOST_HANGING", 3)
    monkeypatch.setattr(pipeline, "RELEASE_S", 0.0)
    hanging.starts = False
    source = find_source("fakesrc ! appsink")
    for _ in range(3):
        with pytest.raises(SourceAwayError, match="not start"):
            source.open()
    with pytest.raises(SourceAwayError, match="hangs in GStreamer, 3 times"):
        source.open()
