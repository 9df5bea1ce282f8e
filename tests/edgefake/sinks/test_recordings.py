"""Recordings without end, on disks that are full."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from edgefake.errors import InputError, SinkError
from edgefake.sinks import StreamInfo, video_file
from edgefake.sinks.recordings import RecordingsSink
from edgefake.sinks.video_file import RESERVE_BYTES
from edgefake.testing import check_sink
from tests.edgefake.streaming.results import result, track

FRAME = np.full((48, 64, 3), 90, np.uint8)
STREAM = StreamInfo("rtsp://door/main", fps=10, camera="door")


def frames_in(path: Path) -> int:
    reader, count = cv2.VideoCapture(str(path)), 0
    while reader.read()[0]:
        count += 1
    return count


def recorded(sink: RecordingsSink, folder: Path, frames: int) -> list[Path]:
    """What is in ``folder`` after so many frames, a tenth of a second each."""
    sink.open(STREAM)
    for index in range(frames):
        sink.send(FRAME, result(index, track()))
    sink.close()
    return sorted(folder.iterdir())


def test_segments_hold_every_frame(tmp_path: Path) -> None:
    files = recorded(RecordingsSink(tmp_path / "out", segment_minutes=1 / 60), tmp_path / "out", 35)
    assert [frames_in(path) for path in files] == [10, 10, 10, 5]
    assert [path.name[:11] for path in files] == [f"door-00000{number}" for number in (1, 2, 3, 4)]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)


def test_a_second_run_goes_on_and_the_oldest_go(tmp_path: Path) -> None:
    (tmp_path / "holiday.mkv").write_bytes(bytes(100_000))
    first = recorded(RecordingsSink(tmp_path, segment_minutes=1 / 60), tmp_path, 35)[0]
    size = first.stat().st_size
    left = recorded(RecordingsSink(tmp_path, segment_minutes=1 / 60, keep_mb=2.5 * size / 1e6), tmp_path, 25)
    assert [path.name[:11] for path in left] == ["door-000005", "door-000006", "door-000007", "holiday.mkv"]


def test_a_full_disk_loses_the_oldest_and_never_the_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk has room for two files beside the reserve."""
    sink = RecordingsSink(tmp_path, segment_minutes=1 / 60)

    def disk_usage(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(free=4 * RESERVE_BYTES + 1 - max(0, len(list(tmp_path.glob("door-*"))) - 2) * RESERVE_BYTES)

    monkeypatch.setattr(video_file.shutil, "disk_usage", disk_usage)
    files = recorded(sink, tmp_path, 95)
    assert [path.name[:11] for path in files] == ["door-000009", "door-000010"]
    assert [frames_in(path) for path in files] == [10, 5]


def test_a_disk_that_others_have_filled_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_file.shutil, "disk_usage", lambda folder: SimpleNamespace(free=0))
    sink = RecordingsSink(tmp_path)
    sink.open(STREAM)
    with pytest.raises(SinkError, match="is full"):
        sink.send(FRAME, result(0, track()))
    sink.close()


@pytest.mark.parametrize("options", [{"segment_minutes": 0}, {"keep_days": 0}, {"keep_mb": -2}])
def test_numbers_that_mean_nothing(options: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="above 0"):
        RecordingsSink(tmp_path, **options)


def test_the_contract(tmp_path: Path) -> None:
    check_sink(RecordingsSink(tmp_path), arrived=lambda: sum(map(frames_in, tmp_path.iterdir())))
