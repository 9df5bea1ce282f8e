from __future__ import annotations

import logging
from pathlib import Path

import pytest

from edgefake import InputError
from edgefake.streaming.sources import CameraHere, SourceAwayError, find_source
from edgefake.streaming.sources import camera as camera_module
from edgefake.streaming.sources.camera import cameras_here
from tests.edgefake.streaming.fake_camera import plug_in


def test_a_camera_that_is_not_there() -> None:
    with pytest.raises(InputError, match="/dev/video99"):
        find_source("/dev/video99").open()


def test_a_camera_gives_the_size_asked_for_or_says_what_it_gives(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    camera = plug_in(monkeypatch)
    with pytest.raises(InputError, match="camera 0 gives 320×240, not 640×480"):
        find_source(0, size=(640, 480)).open()
    assert (camera.opened, camera.released) == (1, 1)
    with caplog.at_level(logging.WARNING):
        reader = find_source(0, size=(320, 240), fps=60).open()
    assert "it gives 30" in caplog.text
    assert next(reader.frames)[1] is None
    reader.frames.close()
    assert camera.released == 2


def test_cameras_are_listed_by_the_names_that_stay(tmp_path: Path) -> None:
    """As in /sys and /dev of a machine with a webcam, which has a second device for its metadata, and a nameless camera."""
    devices, by_id, dev = tmp_path / "sys", tmp_path / "by-id", tmp_path / "dev"
    for folder in (devices, by_id, dev):
        folder.mkdir()
    for number, (name, index) in enumerate([("HD Webcam", "0"), ("HD Webcam", "1"), ("unicam", "0")]):
        (devices / f"video{number}").mkdir()
        (devices / f"video{number}" / "name").write_text(f"{name}\n")
        (devices / f"video{number}" / "index").write_text(f"{index}\n")
        (dev / f"video{number}").touch()
    assert [camera.source for camera in cameras_here(by_id, devices)] == ["/dev/video0", "/dev/video2"]
    link = by_id / "usb-HD_Webcam-video-index0"
    link.symlink_to(dev / "video0")
    assert [(camera.source, camera.name) for camera in cameras_here(by_id, devices)] == [(str(link), "HD Webcam")]
    assert cameras_here(tmp_path / "none", tmp_path / "none") == []


def test_a_camera_that_is_not_there_is_told_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_module, "cameras_here", lambda: [CameraHere("/dev/v4l/by-id/usb-other", "other")])
    with pytest.raises(SourceAwayError, match=r"/dev/v4l/by-id/usb-mine.* /dev/v4l/by-id/usb-other"):
        find_source("/dev/v4l/by-id/usb-mine").open()
