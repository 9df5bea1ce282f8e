from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.cli import main
from benchmarks.streaming import Endurance, Streaming, VideoRun, measure_streaming
from edgefake import Detector, InputError
from edgefake.statistics import Summary
from tests.edgefake.streaming.videos import moving_face, write_video


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, portrait: Path) -> Path:
    return write_video(tmp_path_factory.mktemp("in") / "clip.avi", moving_face(portrait, 30), codec="MJPG")


def test_measures_a_video_as_a_camera_and_memory(clip: Path) -> None:
    result = measure_streaming("cnn_int8", [str(clip)], seconds=1.0, endurance=50)
    (run,) = result.runs
    assert (run.video, run.size, run.frames) == ("clip.avi", (320, 240), 30)
    assert run.faces[1] == 1
    assert 0 < run.latency_ms.median <= run.latency_ms.p95 <= run.latency_ms.max
    assert run.overhead.runs > 100 and run.overhead.median > 0
    assert result.endurance is not None
    assert result.endurance.frames == 50
    assert 20 < result.endurance.early_mb < 2000


def test_the_overhead_is_that_of_frames_with_faces(tmp_path: Path, portrait: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blank = [np.full((240, 320, 3), 128, np.uint8)] * 40
    clip = write_video(tmp_path / "late.avi", [*blank, *moving_face(portrait, 30)], codec="MJPG")
    timed: list[bool] = []

    def overheads(detector: Detector, frames: list[np.ndarray]) -> list[float]:
        timed.extend(bool(detector.find_faces(frame)) for frame in frames[:20])
        return [0.001]

    monkeypatch.setattr("benchmarks.streaming._overheads", overheads)
    measure_streaming("cnn_int8", [str(clip)], seconds=2.0)
    assert sum(timed) > 15


def run(dropped: int = 0, p95: float = 60.0, overhead: float = 1.0) -> VideoRun:
    latency, spent = Summary(600, 40.0, 30.0, 55.0, p95, 80.0, 90.0), Summary(100, overhead, overhead, 2.0, 2.5, 3.0, 4.0)
    return VideoRun("clip", (1280, 720), 600, (1.0, 1), dropped, latency, spent)


@pytest.mark.parametrize(
    ("measured", "met"),
    [
        (run(), [True, True, True]),
        (run(dropped=1), [False, True, True]),
        (run(p95=67), [True, False, True]),
        (run(overhead=2.1), [True, True, False]),
    ],
)
def test_goals_of_a_video(measured: VideoRun, met: list[bool]) -> None:
    assert [goal.met for goal in measured.goals] == met


def test_memory_must_stay_flat() -> None:
    assert Streaming("m", "tflite", (), Endurance(100_000, 200.0, 209.0)).goals[0].met
    assert not Streaming("m", "tflite", (), Endurance(100_000, 200.0, 211.0)).goals[0].met


def test_the_command(clip: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["streaming", str(clip), "--model", "cnn_int8", "--seconds", "1"]
    code = main([*arguments, "--json"])
    result = json.loads(capsys.readouterr().out)
    assert len(result["goals"]) == 3
    assert code == (0 if all(goal["met"] for goal in result["goals"]) else 1)
    main(arguments)
    assert "clip.avi: latency, 95th percentile" in capsys.readouterr().out


def test_a_video_without_faces_is_refused(tmp_path: Path) -> None:
    blank = write_video(tmp_path / "blank.avi", [np.full((120, 160, 3), 128, np.uint8)] * 5, codec="MJPG")
    with pytest.raises(InputError, match=r"no face .*blank\.avi"):
        measure_streaming("cnn_int8", [str(blank)], seconds=0.5)


def test_what_is_no_video_cannot_be_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="absent"):
        measure_streaming("cnn_int8", [str(tmp_path / "absent.mp4")])
    assert main(["streaming", str(tmp_path / "absent.mp4"), "--model", "cnn_int8"]) == 2
