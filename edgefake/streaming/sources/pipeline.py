"""GStreamer pipelines, such as those that decode on a Jetson's NVDEC."""

from __future__ import annotations

import cv2

from edgefake.errors import InputError
from edgefake.streaming.sources.base import Asked, Source, public_name
from edgefake.streaming.sources.opencv import open_capture, read_video


def find(text: str, asked: Asked) -> Source:
    """A pipeline that ends in an ``appsink``, which takes BGR. Raises ``InputError`` where OpenCV has no GStreamer."""
    if not cv2.videoio_registry.hasBackend(cv2.CAP_GSTREAMER):
        raise InputError(
            "this OpenCV was built without GStreamer, as those from PyPI are: "
            "use the OpenCV of JetPack or of your distribution for pipelines, or give a camera or URL"
        )
    name = public_name(text)
    return Source(name, True, True, lambda: read_video(open_capture(text, cv2.CAP_GSTREAMER), name, live=True, ffmpeg=False))
