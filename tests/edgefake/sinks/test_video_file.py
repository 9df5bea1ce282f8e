"""Video files: whole and playable, whatever becomes of the frame size, the pace and the disk."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake.errors import InputError, SinkError
from edgefake.pixels import Pixels
from edgefake.sinks import video_file as module
from edgefake.sinks.queue import QueuedSink
from edgefake.sinks.video_file import VideoFileSink
from edgefake.streaming.health import Health
from edgefake.streaming.overlay import draw
from edgefake.testing import check_sink
from tests.edgefake.streaming.results import STREAM, opened, result, track

GREY = np.full((120, 160, 3), 128, np.uint8)


def frames_of(path: Path) -> list[Pixels]:
    reader = cv2.VideoCapture(str(path))
    frames = []
    while True:
        there, frame = reader.read()
        if not there:
            return frames
        frames.append(np.asarray(frame, np.uint8))


def level(index: int) -> Pixels:
    """A plain frame whose brightness tells its number."""
    return np.full_like(GREY, 10 * index + 5)


@pytest.mark.parametrize("suffix", module.SUFFIXES)
def test_every_frame_is_in_the_file_with_its_drawing(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / "new" / f"clip{suffix}"
    sink = opened(VideoFileSink(path, show_fps=False))
    for index in range(20):
        sink.send(level(index), result(index, track(p_fake=0.9)))
    sink.close()
    frames = frames_of(path)
    assert sink.files == [path] and len(frames) == 20
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) == 10
    for index, frame in enumerate(frames):
        assert frame.shape == GREY.shape
        assert frame[100:, :90].mean() == pytest.approx(10 * index + 5, abs=4)  # beside the box
    expected = draw(level(3), result(3, track(p_fake=0.9)))
    assert np.abs(frames[3].astype(int) - expected).mean() < 4 < np.abs(level(3).astype(int) - expected).mean()


def test_the_pace_is_that_of_the_stream(tmp_path: Path) -> None:
    sink = opened(VideoFileSink(tmp_path / "clip.avi", show_fps=False))
    times = [0, 0.1, 0.2, 0.7, 0.76, 0.84, 0.9, 60, 60.1, 0, 0.1]  # dropped frames, jitter, a long gap, a clock set back
    for index, seconds in enumerate(times):
        sink.send(level(index), result(index, seconds=seconds))
    sink.close()
    assert [round((frame[60:, :].mean() - 5) / 10) for frame in frames_of(tmp_path / "clip.avi")] == (
        [0, 1, 2, 2, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    )


def test_frames_are_shown_when_they_came_whatever_rate_was_announced(tmp_path: Path) -> None:
    """30, then 10, then 30 per second; and 15 where 10 were announced."""
    changing = [n / 30 for n in range(16)] + [0.5 + n / 10 for n in range(1, 6)] + [1 + n / 30 for n in range(1, 16)]
    for name, fps, times in (("a", 30, changing), ("b", 10, [n / 15 for n in range(36)])):
        sink = opened(VideoFileSink(tmp_path / f"{name}.avi", show_fps=False), fps=fps)
        for index, seconds in enumerate(times):
            sink.send(np.full_like(GREY, 6 * index + 20), result(index, seconds=seconds))
        sink.close()
        shown = [round((frame[60:, :].mean() - 17.5) / 6) for frame in frames_of(sink.files[0])]
        assert len(shown) / fps == pytest.approx(times[-1], abs=2.1 / fps)
        for place, index in enumerate(shown):
            came = times[index]
            gone = times[index + 1] if index + 1 < len(times) else came
            assert came - 1 / fps <= place / fps <= gone + 1.5 / fps


@pytest.mark.parametrize("fps", [0.7, 0.5, 0.1, 0.01])
@pytest.mark.parametrize("suffix", module.SUFFIXES)
def test_a_stream_of_less_than_a_frame_per_second(suffix: str, fps: float, tmp_path: Path) -> None:
    path = tmp_path / f"clip{suffix}"
    sink = opened(VideoFileSink(path, show_fps=False), fps=fps)
    for index in range(5):
        sink.send(level(index), result(index, seconds=index / fps))
    sink.close()
    assert [round((frame[60:, :].mean() - 5) / 10) for frame in frames_of(path)] == [0, 1, 2, 3, 4]
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) == pytest.approx(fps, rel=1e-5)  # times are in ticks


def test_a_stream_too_slow_for_a_video_is_played_faster(tmp_path: Path) -> None:
    sink = opened(VideoFileSink(tmp_path / "clip.mp4", show_fps=False), fps=0.001)
    for index in range(3):
        sink.send(level(index), result(index, seconds=index / 0.001))
    sink.close()
    assert len(frames_of(tmp_path / "clip.mp4")) == 3
    assert cv2.VideoCapture(str(tmp_path / "clip.mp4")).get(cv2.CAP_PROP_FPS) == pytest.approx(module.SLOWEST_FPS)


def test_another_frame_size_makes_another_file(tmp_path: Path) -> None:
    sink = opened(VideoFileSink(tmp_path / "clip.mp4", show_fps=False), fps=25)
    sizes = [(160, 120)] * 3 + [(320, 240)] * 2 + [(160, 120)]
    for index, (width, height) in enumerate(sizes):
        sink.send(np.zeros((height, width, 3), np.uint8), result(index, seconds=index / 25))
    sink.close()
    assert [path.name for path in sink.files] == ["clip.mp4", "clip-2.mp4", "clip-3.mp4"]
    shapes = [[frame.shape[:2] for frame in frames_of(path)] for path in sink.files]
    assert shapes == [[(120, 160)] * 3, [(240, 320)] * 2, [(120, 160)]]


def test_existing_files_are_kept(tmp_path: Path) -> None:
    for name in ("clip.mp4", "clip-3.mp4"):
        (tmp_path / name).write_text("yesterday")
    sink = opened(VideoFileSink(tmp_path / "clip.mp4", show_fps=False))
    sink.send(GREY, result(0))
    sink.send(GREY[:60], result(1))
    sink.close()
    assert [path.name for path in sink.files] == ["clip-2.mp4", "clip-4.mp4"]
    assert (tmp_path / "clip.mp4").read_text() == (tmp_path / "clip-3.mp4").read_text() == "yesterday"


def times_of(path: Path) -> list[float]:
    reader = cv2.VideoCapture(str(path))
    times = []
    while reader.read()[0]:
        times.append(reader.get(cv2.CAP_PROP_POS_MSEC) / 1e3)
    return times


TIMED = [".mkv", ".mp4", ".mov"]
"""Files that give each frame its own time, and can be played at any moment."""


@pytest.mark.parametrize("suffix", TIMED)
def test_every_frame_has_its_own_time(suffix: str, tmp_path: Path) -> None:
    times = [0, 0.1, 0.15, 0.151, 0.7, 1.6, 60, 60.1, 60.2]
    sink = opened(VideoFileSink(tmp_path / f"clip{suffix}", show_fps=False))
    for index, seconds in enumerate(times):
        sink.send(level(index), result(index, seconds=seconds))
    sink.close()
    assert times_of(sink.files[0]) == pytest.approx([0, 0.1, 0.15, 0.151, 0.7, 1.6, 1.7, 1.8, 1.9], abs=0.001)
    assert [round((frame[60:, :].mean() - 3) / 10) for frame in frames_of(sink.files[0])] == list(range(9))
    assert cv2.VideoCapture(str(sink.files[0])).get(cv2.CAP_PROP_FRAME_COUNT) == pytest.approx(20, abs=1)  # 2.0 s


@pytest.mark.parametrize("suffix", TIMED)
def test_a_player_can_jump(suffix: str, tmp_path: Path) -> None:
    sink = opened(VideoFileSink(tmp_path / f"clip{suffix}", show_fps=False))
    for index in range(120):
        sink.send(np.full_like(GREY, 2 * index + 10), result(index, seconds=index / 10))
    sink.close()
    reader = cv2.VideoCapture(str(sink.files[0]))
    assert reader.set(cv2.CAP_PROP_POS_MSEC, 8000)
    there, frame = reader.read()
    assert there and frame[60:, :].mean() == pytest.approx(2 * 80 + 10, abs=6)


@pytest.mark.parametrize("suffix", TIMED)
@pytest.mark.parametrize("frames", [1, 60])
def test_it_can_be_played_whatever_ends_the_program(suffix: str, frames: int, tmp_path: Path) -> None:
    program = (
        "import os, signal, sys, time\n"
        "from tests.edgefake.streaming.results import STREAM, opened, result\n"
        "from tests.edgefake.sinks.test_video_file import GREY\n"
        "from edgefake.sinks.video_file import VideoFileSink\n"
        "sink, frames = opened(VideoFileSink(sys.argv[1], show_fps=False)), int(sys.argv[2])\n"
        "for index in range(frames): sink.send(GREY, result(index))\n"
        "while sink._file._writer.written < frames: time.sleep(0.01)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = tmp_path / f"clip{suffix}"
    done = subprocess.run([sys.executable, "-c", program, str(path), str(frames)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(frames_of(path)) == frames
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) == 10


@pytest.mark.parametrize("suffix", TIMED)
def test_a_fork_does_not_hold_up_its_end(suffix: str, tmp_path: Path) -> None:
    """A program that records may fork workers, which live on: here until the pipe is closed."""
    sink = opened(VideoFileSink(tmp_path / f"clip{suffix}", show_fps=False))
    sink.send(GREY, result(0))
    lives, ends = os.pipe()
    child = os.fork()
    if not child:
        os.close(ends)
        os.read(lives, 1)
        os._exit(0)
    try:
        sink.send(GREY, result(1))
        closing = threading.Thread(target=sink.close, daemon=True)
        closing.start()
        closing.join(30)
        assert not closing.is_alive()
    finally:
        os.close(ends)
        os.close(lives)
        os.waitpid(child, 0)
    assert len(frames_of(tmp_path / f"clip{suffix}")) == 2


def test_only_the_owner_may_look(tmp_path: Path) -> None:
    sink = opened(VideoFileSink(tmp_path / "clip.mkv", show_fps=False))
    sink.send(GREY, result(0))
    assert sink.files[0].stat().st_mode & 0o777 == 0o600
    sink.close()
    assert sink.files[0].stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["rec-12:30:05.mkv", "tcp:a.mp4", "a%03d.avi", os.fsdecode(b"rec\xe9.mkv"), "x" * 247 + ".mkv"])
def test_a_path_is_a_path_for_writing_too(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sink = opened(VideoFileSink(name, show_fps=False))
    for index in range(5):
        sink.send(GREY, result(index))
    sink.close()
    assert os.listdir() == [name]
    (tmp_path / name).rename(f"plain{Path(name).suffix}")
    assert len(frames_of(tmp_path / f"plain{Path(name).suffix}")) == 5


@pytest.mark.parametrize("name", ["x" * 300 + ".mkv", "a\0b.mkv"])
def test_a_name_that_no_file_can_have(name: str, tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"\.mkv .*made"):
        opened(VideoFileSink(tmp_path / name, show_fps=False)).send(GREY, result(0))


def test_a_long_recording_is_cut_into_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 300_000)
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    sink = opened(VideoFileSink(tmp_path / "clip.mkv", show_fps=False))
    for index in range(40):
        sink.send(np.roll(noise, index, axis=1), result(index))
    sink.close()
    assert len(sink.files) > 2
    assert sum(len(frames_of(path)) for path in sink.files) == 40
    assert all(path.stat().st_size < 2_000_000 for path in sink.files)


def test_a_file_that_is_deleted_is_told_and_followed_by_another(tmp_path: Path) -> None:
    sink = opened(VideoFileSink(tmp_path / "clip.mp4", show_fps=False))
    for index in range(3):
        sink.send(GREY, result(index))
    sink.files[0].unlink()
    with pytest.raises(SinkError, match=r"clip\.mp4 lacks 3 frames") as caught:
        sink.send(GREY, result(3))
    assert caught.value.lost == 4
    sink.send(GREY, result(4))
    sink.close()
    assert len(frames_of(sink.files[1])) == 1


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file system of 4 MB, of which 600 kB are the reserve."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        shutil.which("mount") is None
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True).returncode
    ):
        pytest.skip("file systems cannot be mounted here")
    monkeypatch.setattr(module, "RESERVE_BYTES", 600_000)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_told_and_the_video_stays_whole(small_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    health = Health()
    sink = opened(VideoFileSink(small_disk / "clip.mp4", show_fps=False))
    queued = QueuedSink(sink, STREAM, health, when_full="wait")
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    for index in range(250):
        queued.send(np.roll(noise, index, axis=1), result(index))
    report = queued.close(60)
    assert report.lost > 0 and report.delivered + report.lost == 250
    assert len(frames_of(sink.files[0])) == report.delivered
    assert len(caplog.records) == 1 and f"the disk of {small_disk} is full" in caplog.text
    assert health.report().lost == {"video file": report.lost}


def test_when_there_is_room_again_another_file_is_written(small_disk: Path) -> None:
    sink = opened(VideoFileSink(small_disk / "clip.mp4", show_fps=False))
    sink.send(GREY, result(0))
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(3_700_000))
    with pytest.raises(SinkError, match="is full"):
        sink.send(GREY, result(1))
    ballast.write_bytes(bytes(2_700_000))
    with pytest.raises(SinkError, match="is full"):  # little room is not enough to begin again
        sink.send(GREY, result(2))
    ballast.unlink()
    sink.send(GREY, result(3))
    sink.close()
    assert [len(frames_of(path)) for path in sink.files] == [1, 1]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_frames_that_could_not_be_written_are_counted(suffix: str, tmp_path: Path) -> None:
    """The system lets no file grow beyond 100 kB: OpenCV says nothing of it to its caller."""
    program = (
        "import resource, sys\n"
        "import numpy as np\n"
        "from edgefake.streaming.health import Health\n"
        "from edgefake.sinks.queue import QueuedSink\n"
        "from edgefake.sinks.video_file import VideoFileSink\n"
        "from tests.edgefake.streaming.results import STREAM, opened, result\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))\n"
        "queued = QueuedSink(VideoFileSink(sys.argv[1]), STREAM, Health(), when_full='wait')\n"
        "noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)\n"
        "for index in range(40): queued.send(np.roll(noise, index, axis=1), result(index))\n"
        "report = queued.close(60)\n"
        "print(report.delivered, report.lost, report.error)\n"
    )
    path = tmp_path / f"clip{suffix}"
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=60, check=True)
    delivered, lost, message = done.stdout.split(maxsplit=2)
    assert int(delivered) + int(lost) == 40 and int(lost) > (20 if suffix == ".avi" else 0)  # others see it and begin anew
    assert int(delivered) <= sum(len(frames_of(file)) for file in tmp_path.iterdir())
    assert f"{path} lacks {lost if suffix == '.avi' else ''}" in message


@pytest.mark.parametrize("name", ["clip", "clip.gif", "", "clip.mp4.txt"])
def test_no_suffix_of_a_video(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.mp4"):
        opened(VideoFileSink(tmp_path / name, show_fps=False))


@pytest.mark.parametrize("fps", [0, -5, float("nan"), float("inf"), 2000])
def test_an_impossible_rate(fps: float, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"got {fps}"):
        opened(VideoFileSink(tmp_path / "clip.mp4", show_fps=False), fps=fps)


def test_no_such_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match=r"file .*made"):
        opened(VideoFileSink(tmp_path / "file" / "clip.mp4", show_fps=False))
    if os.geteuid():
        tmp_path.chmod(0o500)
        with pytest.raises(SinkError, match=r"clip\.mp4"):
            opened(VideoFileSink(tmp_path / "clip.mp4", show_fps=False))


def test_nothing_sent_leaves_no_file(tmp_path: Path) -> None:
    opened(VideoFileSink(tmp_path / "clip.mp4", show_fps=False)).close()
    assert list(tmp_path.iterdir()) == []


def test_a_frame_size_that_no_video_has(tmp_path: Path) -> None:
    sink = opened(VideoFileSink(tmp_path / "clip.mp4", show_fps=False))
    with pytest.raises(SinkError, match="1×1"):
        sink.send(np.zeros((1, 1, 3), np.uint8), result(0))
    sink.send(GREY, result(1))
    sink.close()
    assert [len(frames_of(path)) for path in sink.files] == [1]


@pytest.mark.parametrize(
    "suffix", [suffix for suffix in module.SUFFIXES if suffix != ".avi"]
)  # which repeats frames to keep the pace
def test_the_contract(suffix: str, tmp_path: Path) -> None:
    check_sink(VideoFileSink(tmp_path / f"clip{suffix}"), arrived=lambda: sum(map(len, map(frames_of, tmp_path.iterdir()))))
