"""Several cameras in one process: each apart from the others, and one configuration after another."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgefake.config import CameraConfig, Config, DetectorConfig, HealthConfig, SinkConfig
from edgefake.errors import InputError, ModelNotFoundError
from edgefake.pixels import Pixels
from edgefake.sinks.queue import FRAMES
from edgefake.station import Camera, State, Station
from edgefake.station import camera as camera_module
from tests.edgefake.streaming.videos import moving_face, write_video

PATIENCE_S = 120.0


@pytest.fixture
def detector_config(model: Path) -> DetectorConfig:
    return DetectorConfig(model=str(model), threads=1)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again at once."""
    monkeypatch.setattr(camera_module, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(camera_module, "LONGEST_WAIT_S", 0.05)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, portrait: Path) -> Path:
    return write_video(tmp_path_factory.mktemp("in") / "clip.avi", moving_face(portrait, 30), codec="MJPG")


def log_in(folder: Path, **options: object) -> SinkConfig:
    return SinkConfig(name="log", kind="jsonl", options={"path": str(folder / "{camera}.jsonl"), **options})


def eventually(condition: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


class Endless:
    """Frames until ``end`` is set."""

    def __init__(self, frames: list[Pixels]) -> None:
        self.end = threading.Event()
        self._frames = frames

    def __iter__(self) -> Iterator[Pixels]:
        while not self.end.is_set():
            yield from self._frames


def test_each_camera_has_its_events_and_those_alike_share_a_detector(
    clip: Path, tmp_path: Path, detector_config: DetectorConfig
) -> None:
    log = log_in(tmp_path)
    cameras = tuple(
        CameraConfig(name=name, source=str(clip), detector=detector_config, sinks=(log,)) for name in ("door", "yard")
    )
    heard: list[tuple[str, str]] = []
    with Station(
        Config(cameras=cameras), listener=lambda name, result, events: heard.extend((name, e.event.value) for e in events)
    ) as station:
        door, yard = station.cameras.values()
        assert door._detector is yard._detector
        eventually(lambda: station.ended)
    for name in ("door", "yard"):
        told = lines(tmp_path / f"{name}.jsonl")
        assert [line["event"] for line in told] == ["appeared", "verdict", "gone"]
        assert {line["camera"] for line in told} == {name}
        assert [event for camera, event in heard if camera == name] == ["appeared", "verdict", "gone"]


def test_cameras_that_are_judged_otherwise_have_detectors_of_their_own(clip: Path, detector_config: DetectorConfig) -> None:
    strict = replace(detector_config, threshold=0.9)
    cameras = (
        CameraConfig(name="a", source=str(clip), detector=detector_config),
        CameraConfig(name="b", source=str(clip), detector=strict),
    )
    station = Station(Config(cameras=cameras))
    assert {detector.threshold for detector in station._detectors.values()} == {0.5, 0.9}
    station.close()
    assert station._detectors == {}


@pytest.mark.parametrize("fault", ["source", "sink", "iterable"])
def test_a_camera_that_fails_is_told_tried_again_and_disturbs_no_other(
    fault: str, clip: Path, tmp_path: Path, detector_config: DetectorConfig, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Iterator[Pixels]:
        raise RuntimeError("their own rtsp://me:secret@host/main")
        yield

    log = log_in(tmp_path / "out")
    source: object = {"source": str(tmp_path / "absent.mp4"), "sink": str(clip), "iterable": broken()}[fault]
    sinks = (log, SinkConfig(name="bad", kind="jsonl", options={"path": "/dev/null/x.jsonl"})) if fault == "sink" else (log,)
    bad = CameraConfig(name="bad", source=source, detector=detector_config, sinks=sinks)
    good = CameraConfig(name="good", source=str(clip), detector=detector_config, sinks=(log,))
    with caplog.at_level(logging.WARNING), Station(Config(cameras=(bad, good))) as station:
        eventually(lambda: station.cameras["good"].state is State.ENDED)
        eventually(lambda: station.cameras["bad"].error or station.cameras["bad"].state is State.ENDED)
        failed = station.cameras["bad"]
        if fault != "iterable":  # which is at its end when it is tried again
            assert failed.state is State.FAILED and failed.error
    assert [line["event"] for line in lines(tmp_path / "out" / "good.jsonl")] == ["appeared", "verdict", "gone"]
    told = [record.getMessage() for record in caplog.records if "camera bad: " in record.getMessage()]
    assert len(told) == 1 and "secret" not in told[0] and told[0].endswith("it is tried again")


def test_a_camera_is_well_again_when_what_it_lacked_is_there(clip: Path, tmp_path: Path, detector_config: DetectorConfig) -> None:
    late = tmp_path / "late.avi"
    camera = CameraConfig(name="late", source=str(late), detector=detector_config, sinks=(log_in(tmp_path),))
    with Station(Config(cameras=(camera,))) as station:
        eventually(lambda: station.cameras["late"].state is State.FAILED)
        late.write_bytes(clip.read_bytes())
        eventually(lambda: station.ended)
        assert station.cameras["late"].error is None
    assert len(lines(tmp_path / "late.jsonl")) == 3


@pytest.fixture
def endless(portrait: Path) -> Iterator[Callable[[], Endless]]:
    frames = moving_face(portrait, FRAMES)
    made: list[Endless] = []

    def make() -> Endless:
        made.append(Endless(frames))
        return made[-1]

    yield make
    for source in made:
        source.end.set()


def running(camera: Camera) -> bool:
    return camera.state is State.RUNNING


def test_another_configuration_disturbs_no_camera_that_stays(
    endless: Callable[[], Endless], detector_config: DetectorConfig
) -> None:
    a, b, c = (CameraConfig(name=name, source=endless(), detector=detector_config) for name in "abc")
    other = replace(b, faces_per_frame=1, detector=replace(detector_config, threshold=0.9))
    with Station(Config(cameras=(a, b))) as station:
        before = dict(station.cameras)
        eventually(lambda: all(map(running, before.values())))
        assert station.apply(Config(cameras=(a, other, c))) == ["b is started anew", "c is added"]
        assert station.cameras["a"] is before["a"] and before["b"].state is State.ENDED
        eventually(lambda: all(map(running, station.cameras.values())))
        assert station.apply(Config(cameras=(a, c))) == ["b is taken away"]
        assert list(station._detectors) == [detector_config]
        assert station.apply(Config(cameras=(a, c))) == []
        assert running(station.cameras["a"])


def test_a_configuration_that_cannot_run_leaves_all_as_it_is(
    endless: Callable[[], Endless], detector_config: DetectorConfig
) -> None:
    a = CameraConfig(name="a", source=endless(), detector=detector_config)
    wrong = replace(a, detector=DetectorConfig(model="absent"))
    with Station(Config(cameras=(a,))) as station:
        eventually(lambda: running(station.cameras["a"]))
        camera = station.cameras["a"]
        with pytest.raises(ModelNotFoundError, match=r"camera a: .*absent"):
            station.apply(Config(cameras=(wrong,)))
        with pytest.raises(InputError, match="edgefake again"):
            station.apply(Config(cameras=(a,), health=HealthConfig(port=0)))
        assert station.cameras["a"] is camera and running(camera) and station.config == Config(cameras=(a,))
        frames = camera.health.report().frames_out
        eventually(lambda: camera.health.report().frames_out > frames)


def test_what_cannot_be_opened_is_an_error_before_any_camera_starts(clip: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="camera a: "):
        Station(Config(cameras=(CameraConfig(name="a", source=str(clip), detector=DetectorConfig(model="absent")),)))
