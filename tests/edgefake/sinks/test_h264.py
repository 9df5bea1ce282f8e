"""H.264: whole files that browsers play, at the frames' own times."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake.errors import InputError
from edgefake.sinks import h264
from edgefake.sinks.h264 import H264File, h264_encoder
from edgefake.sinks.video_file import VideoFileSink
from edgefake.testing import check_sink
from tests.edgefake.sinks.test_video_file import GREY, frames_of, level, times_of
from tests.edgefake.streaming.results import opened, result, track

av = pytest.importorskip("av")
TIMES = [0, 0.1, 0.2, 0.7, 0.76, 0.84, 0.9, 1.4]


def write(path: Path) -> None:
    sink = opened(VideoFileSink(path, show_fps=False, h264=True))
    for index, seconds in enumerate(TIMES):
        sink.send(level(index), result(index, track(p_fake=0.9), seconds=seconds))
    sink.close()


def test_every_frame_at_its_time(tmp_path: Path) -> None:
    write(tmp_path / "clip.mp4")
    frames = frames_of(tmp_path / "clip.mp4")
    assert [round((frame[100:, :90].mean() - 5) / 10) for frame in frames] == list(range(len(TIMES)))
    assert times_of(tmp_path / "clip.mp4") == pytest.approx(TIMES, abs=0.002)
    assert (tmp_path / "clip.mp4").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="FFmpeg's ffprobe is not installed")
def test_it_is_what_browsers_play(tmp_path: Path) -> None:
    write(tmp_path / "clip.mp4")
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(tmp_path / "clip.mp4")]
    (stream,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    assert (stream["codec_name"], stream["codec_tag_string"], stream["pix_fmt"]) == ("h264", "avc1", "yuv420p")
    assert (stream["width"], stream["height"], int(stream["nb_frames"])) == (160, 120, len(TIMES))
    data = (tmp_path / "clip.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # it begins to play before all of it is there


def test_odd_sides_are_cut_by_one_and_too_small_ones_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.touch()
    writer = H264File(path, (161, 121), 10.0)
    writer.write(np.full((121, 161, 3), 90, np.uint8), 0.0)
    writer.close()
    assert writer.written == 1 and frames_of(path)[0].shape == GREY.shape
    with pytest.raises(ValueError, match="1×9"):
        H264File(path, (1, 9), 10.0)


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").symlink_to("/dev/full")
    writer = H264File(tmp_path / "clip.mp4", (160, 120), 10.0)
    noise = np.random.default_rng(1)
    for index in range(40):
        writer.write(noise.integers(0, 256, GREY.shape, np.uint8), index / 10)
    writer.close()
    assert writer.written == 0 and isinstance(writer.error, OSError)


def test_without_an_encoder_it_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(h264, "ENCODERS", ("no_such_encoder",))
    assert h264_encoder() is None
    with pytest.raises(InputError, match=r"edgefake\[h264\]"):
        VideoFileSink(tmp_path / "clip.mp4", h264=True)
    with pytest.raises(InputError, match=r"\.mp4 .*clip\.mkv"):
        VideoFileSink(tmp_path / "clip.mkv", h264=True)


def test_the_contract(tmp_path: Path) -> None:
    check_sink(VideoFileSink(tmp_path / "clip.mp4", h264=True))
    assert cv2.VideoCapture(str(tmp_path / "clip.mp4")).isOpened()
