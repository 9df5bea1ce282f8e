from __future__ import annotations

import cv2
import pytest

from edgefake import InputError
from edgefake.streaming.sources import find_source


@pytest.mark.skipif(cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER), reason="this OpenCV has GStreamer")
def test_a_pipeline_needs_an_opencv_with_gstreamer() -> None:
    long = "videotestsrc ! " + "videoconvert ! " * 300 + "appsink"
    for pipeline in ("videotestsrc ! videoconvert ! appsink", long):
        with pytest.raises(InputError, match=r"GStreamer.* PyPI"):
            find_source(pipeline)


@pytest.mark.skipif(not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER), reason="this OpenCV has no GStreamer")
def test_a_pipeline() -> None:
    source = find_source("videotestsrc num-buffers=5 ! videoconvert ! video/x-raw,format=BGR ! appsink")
    assert source.live
    assert len(list(source.open().frames)) == 5
