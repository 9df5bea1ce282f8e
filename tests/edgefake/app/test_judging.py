"""What the pages stand on, without Streamlit's part in it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edgefake import Detector, InputError
from edgefake.app.inverted import LiveJudge
from edgefake.app.pictures import judge_file
from edgefake.app.server import free_port
from edgefake.app.videos import MOMENTS, Filmstrip, in_memory, judge_video
from edgefake.faces import Box
from edgefake.pixels import Pixels
from edgefake.streaming.result import FrameResult, StreamTimings
from edgefake.thresholds import Thresholds
from tests.edgefake.streaming.videos import moving_face


def no_face(frame: Pixels) -> list[Box]:
    return []


def seen(seconds: float) -> FrameResult:
    half = Thresholds.two_way(0.5)
    timings = StreamTimings(0, 0, 0, 0, 0)
    return FrameResult(0, seconds, 0, (), timings, 0, 0, 0, "clip", "tiny", half, half, None)


def test_every_face_is_explained(model: Path, portrait: Path) -> None:
    with Detector(model, faces="frame") as detector:
        plain, explained = (judge_file(detector, portrait.read_bytes(), "a.jpg", explain=explain) for explain in (False, True))
    assert plain.report is not None and explained.report is not None and plain.is_read
    assert [subject.cutout.evidence is not None for subject in plain.report.subjects if subject.cutout] == [False]
    assert [subject.cutout.evidence is not None for subject in explained.report.subjects if subject.cutout] == [True]


def test_pictures_of_a_video_are_thinned_evenly(photo: Pixels) -> None:
    strip = Filmstrip()
    for number in range(3 * MOMENTS):
        strip.add(photo, seen(number / 4))
    times = [moment.seconds for moment in strip.moments]
    assert MOMENTS / 2 <= len(times) <= MOMENTS and times == sorted(times)
    assert max(np.diff(times)) <= 4 * min(np.diff(times))


def test_a_video_lies_in_no_folder_and_is_gone(model: Path, clip: Path) -> None:
    before = {*os.listdir("/proc/self/fd")}
    with in_memory(clip.read_bytes()) as path:
        assert path.read_bytes() == clip.read_bytes() and path.stat().st_nlink == 0
    told: list[int] = []
    with Detector(model, faces=no_face) as detector:
        judged = judge_video(detector, clip.read_bytes(), "clip.mp4", lambda done, total: told.append(done))
    assert judged.report is not None and judged.report.status == "no_face" and told[-1] == 45
    assert judged.report.file.name == "clip.mp4" and {*os.listdir("/proc/self/fd")} == before


def test_a_live_judge_gives_a_picture_for_each(model: Path, portrait: Path) -> None:
    with Detector(model, faces="frame") as detector:
        judge = LiveJudge(detector)
        frames = moving_face(portrait, 8)
        for frame in frames:
            assert judge.judge(frame).shape == frame.shape
        assert judge.result is not None and judge.result.index == 7 and judge.result.dropped == 0
        judge.close()
        judge.close()
        assert judge.judge(frames[0]) is frames[0] and judge.result is None


def test_a_port_that_cannot_be_had() -> None:
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=rf"127\.0\.0\.1:{port}"):
            free_port("127.0.0.1", port)
    with pytest.raises(InputError, match=r"203\.0\.113\.7"):
        free_port("203.0.113.7", 0)
    assert free_port("127.0.0.1", 0) > 0
