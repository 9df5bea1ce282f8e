"""Networks, brokers, disks and clocks that fail one camera, while another is watched as ever."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefake.config import CameraConfig, Config, DetectorConfig, SinkConfig
from edgefake.pixels import Pixels
from edgefake.sinks import queue
from edgefake.station import Camera, State, Station
from edgefake.streaming import capture
from tests.edgefake.broker import PATIENCE_S, Broker, Listener, eventually, needs_broker
from tests.edgefake.streaming.test_rtsp import Server as RtspServer
from tests.edgefake.streaming.test_rtsp import installed
from tests.edgefake.streaming.videos import moving_face

KINDS = ["appeared", "verdict", "gone"]


@pytest.fixture
def detector_config(model: Path) -> DetectorConfig:
    return DetectorConfig(model=str(model), threads=1)


def frames(camera: Camera) -> int:
    return camera.health.report().frames_out


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def camera(name: str, source: object, detector: DetectorConfig, **sinks: dict[str, object]) -> CameraConfig:
    """With sinks of these kinds and options."""
    made = tuple(SinkConfig(name=kind, kind=kind, options=options) for kind, options in sinks.items())
    return CameraConfig(name=name, source=source, detector=detector, sinks=made)


@pytest.fixture
def server(portrait: Path) -> Iterator[Callable[[], RtspServer]]:
    servers: list[RtspServer] = []

    def start() -> RtspServer:
        servers.append(RtspServer(portrait))
        return servers[-1]

    yield start
    for one in servers:
        one.kill()


@pytest.mark.skipif(not installed(), reason="needs Debian's RTSP server, see test_rtsp.py")
def test_a_network_camera_that_dies_and_comes_back(
    server: Callable[[], RtspServer], tmp_path: Path, detector_config: DetectorConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "FIRST_WAIT_S", 0.1)
    front, back = server(), server()
    log = {"path": str(tmp_path / "{camera}.jsonl"), "every": "frame"}
    cameras = (
        camera("front", front.url, detector_config, jsonl=log),
        camera("back", back.url, detector_config, jsonl=log),
    )
    with Station(Config(cameras=cameras)) as station:
        dying, other = station.cameras["front"], station.cameras["back"]
        eventually(lambda: frames(dying) > 5 and frames(other) > 5)
        front.kill()
        went_on = frames(other)
        eventually(lambda: frames(other) > went_on + 30)
        front.start()
        eventually(lambda: dying.health.report().reconnects >= 1)
        came_back = frames(dying)
        eventually(lambda: frames(dying) > came_back + 5)
        assert other.state is State.RUNNING
    for name, expected in (("front", dying), ("back", other)):
        assert len(lines(tmp_path / f"{name}.jsonl")) == frames(expected)


@needs_broker
def test_a_broker_that_is_away_keeps_nothing_of_another_camera(
    tmp_path: Path, portrait: Path, detector_config: DetectorConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "FIRST_PAUSE_S", 0.01)
    folders = [tmp_path / name for name in ("near", "far")]
    for folder in folders:
        folder.mkdir()
    near, far = map(Broker, folders)
    near.start()
    reader = Listener(near.port, "door")
    delivered = threading.Event()

    def film() -> Iterator[Pixels]:
        """Which does not end before the far broker has everything."""
        yield from moving_face(portrait, 120)[:40]
        yield from [np.full((240, 320, 3), 128, np.uint8)] * 80
        delivered.wait(PATIENCE_S)

    try:
        cameras = tuple(
            camera(name, film(), detector_config, mqtt={"url": f"mqtt://127.0.0.1:{broker.port}/door"})
            for name, broker in (("a", near), ("b", far))
        )
        with Station(Config(cameras=cameras)) as station:
            eventually(lambda: len(reader.messages.get("door", [])) == 3)
            assert station.cameras["b"].state is State.RUNNING
            far.start()
            late = Listener(far.port, "door")
            eventually(lambda: len(late.messages.get("door", [])) == 3)
            delivered.set()
            eventually(lambda: station.ended)
        for arrived in (reader, late):
            assert [json.loads(payload)["event"] for payload in arrived.messages["door"]] == KINDS
            arrived.close()
    finally:
        delivered.set()
        near.close()
        far.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_disk_that_is_full_for_one_camera(tmp_path: Path, portrait: Path, detector_config: DetectorConfig) -> None:
    film = moving_face(portrait, 40)
    cameras = (
        camera("full", iter(film), detector_config, jsonl={"path": "/dev/full"}),
        camera("free", iter(film), detector_config, jsonl={"path": str(tmp_path / "free.jsonl")}),
    )
    with Station(Config(cameras=cameras)) as station:
        watched = dict(station.cameras)
        eventually(lambda: station.ended)
    assert watched["full"].health.report().lost == {"jsonl": 3} and frames(watched["full"]) == 40
    assert watched["free"].health.report().lost == {} and frames(watched["free"]) == 40
    assert [line["event"] for line in lines(tmp_path / "free.jsonl")] == KINDS


@pytest.mark.parametrize("jump_s", [-3e8, 3e8])
def test_a_clock_that_is_set(
    jump_s: float, tmp_path: Path, portrait: Path, detector_config: DetectorConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What people read jumps, what follows from time does not, and nothing is deleted for its age."""
    now, asked = time.time(), itertools.count()
    monkeypatch.setattr(capture.time, "time", lambda: now + (jump_s if next(asked) > 20 else 0.0))
    log = {"path": str(tmp_path / "{camera}.jsonl"), "every": "frame", "rotate_mb": 0.01, "keep_days": 1.0}
    events = SinkConfig(name="events", kind="jsonl", options={"path": str(tmp_path / "events.jsonl")})
    config = camera("door", iter(moving_face(portrait, 60)), detector_config, jsonl=log)
    config = CameraConfig(name="door", source=config.source, detector=detector_config, sinks=(*config.sinks, events))
    with Station(Config(cameras=(config,))) as station:
        eventually(lambda: station.ended)
    told = [line for path in sorted(tmp_path.glob("door-*.jsonl")) for line in lines(path)] + lines(tmp_path / "door.jsonl")
    assert [line["index"] for line in told] == list(range(60))
    assert all(before["seconds"] < after["seconds"] for before, after in itertools.pairwise(told))
    assert [line["event"] for line in lines(tmp_path / "events.jsonl")] == KINDS
