"""Short videos of what happened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgefake.errors import InputError
from edgefake.sinks import StreamInfo, clips
from edgefake.sinks.clips import ClipsSink, Trigger
from edgefake.sinks.recordings import RecordingsSink
from edgefake.testing import check_sink
from tests.edgefake.sinks.test_recordings import frames_in, recorded
from tests.edgefake.streaming.results import result, track

FRAME = np.full((48, 64, 3), 90, np.uint8)


def clipped(sink: ClipsSink, fake: range, *, frames: int = 200) -> list[tuple[str, int]]:
    """What is told of a face that is there all along, and called fake in the frames ``fake``: names' ends, and frames."""
    sink.open(StreamInfo("rtsp://door/main", fps=10, camera="door"))
    for index in range(frames):
        sink.send(FRAME, result(index, track(3, 0.9 if index in fake else 0.1)))
    sink.close()
    return [(path.stem.split("Z-")[1], frames_in(path)) for path in sorted(sink._folder.iterdir())]


def test_a_clip_begins_before_the_face_is_called_fake_and_ends_after(tmp_path: Path) -> None:
    assert clipped(ClipsSink(tmp_path, before_s=2, after_s=3), range(100, 110)) == [("face3-fake", 21 + 31)]


@pytest.mark.parametrize(("on", "label", "count"), [("verdict", "face3-real", 2), ("appeared", "face3-real", 1)])
def test_other_occasions(on: Trigger, label: str, count: int, tmp_path: Path) -> None:
    made = clipped(ClipsSink(tmp_path, on=on, before_s=0, after_s=1), range(100, 105))
    assert len(made) == count and made[0][0] == label


def test_nothing_is_written_where_nothing_is_fake(tmp_path: Path) -> None:
    assert clipped(ClipsSink(tmp_path), range(0)) == []


def test_long_ones_follow_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "LONGEST_S", 10.0)
    sink = ClipsSink(tmp_path, before_s=1, after_s=10)
    sink.open(StreamInfo("door", fps=10, camera="door"))
    for index in range(300):
        sink.send(FRAME, result(index, track(3, 0.9 if index // 50 % 2 else 0.1)))
    sink.close()
    assert [frames_in(path) for path in sorted(tmp_path.iterdir())] == [100, 100, 60]


def test_recordings_in_the_same_folder_leave_them_alone(tmp_path: Path) -> None:
    sink = ClipsSink(tmp_path, on="appeared")
    clipped(sink, range(0))
    (clip,) = tmp_path.iterdir()
    recorded(RecordingsSink(tmp_path, segment_minutes=1 / 60, keep_mb=0.000_001), tmp_path, 25)
    assert clip.exists() and len(list(tmp_path.iterdir())) == 2
    ClipsSink(tmp_path, keep_mb=0.000_001).open(StreamInfo("door", camera="door"))
    assert not clip.exists() and len(list(tmp_path.iterdir())) == 1


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "MAX_BYTES", 3000)
    sink = ClipsSink(tmp_path, before_s=60)
    sink.open(StreamInfo("door", fps=10, camera="door"))
    for index in range(50):
        sink.send(FRAME, result(index))
        assert sink._bytes == sum(len(jpeg) for jpeg, _ in sink._kept) <= 3000
    sink.close()


@pytest.mark.parametrize("options", [{"on": "real"}, {"before_s": -1}, {"after_s": 1e9}])
def test_wrong_options(options: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected"):
        ClipsSink(tmp_path, **options)  # type: ignore[arg-type]


def test_the_contract(tmp_path: Path) -> None:
    check_sink(ClipsSink(tmp_path), arrived=lambda: sum(map(frames_in, tmp_path.iterdir())))
