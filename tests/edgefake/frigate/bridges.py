"""A bridge that runs between a stand-in for Frigate and a real broker, and what it told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2

from edgefake import Detector
from edgefake.faces import Box
from edgefake.frigate import Bridge, FrigateConfig
from edgefake.home_assistant import Presence
from tests.edgefake.broker import PATIENCE_S, Broker, Listener, eventually
from tests.edgefake.frigate.fake_frigate import FakeFrigate

FACE = Box(60.0, 60.0, 100.0, 100.0)
"""Of the person; another stands at the right of the frame."""


def config_topic(camera: str) -> str:
    """Where Home Assistant is told of a camera."""
    return Presence(camera, f"edgefake/frigate/{camera}", status="").config_topic


DOOR = config_topic("front_door")


@contextmanager
def running(frigate: FakeFrigate, broker: Broker, judge: Detector, folder: Path, **config: Any) -> Iterator[Bridge]:
    settings = FrigateConfig(
        url=frigate.url, broker=f"mqtt://127.0.0.1:{broker.port}", state=str(folder / "state.json"), **config
    )
    with Bridge(settings, judge) as bridge:
        failure: list[BaseException] = []

        def run() -> None:
            try:
                bridge.run()
            except BaseException as error:
                failure.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            eventually(lambda: bridge.connected or not thread.is_alive())
            if not failure:
                yield bridge
        finally:
            bridge.stop()
            thread.join(PATIENCE_S)
        assert not failure, failure


def answers(ears: Listener) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in ears.messages.get("edgefake/frigate/events", [])]


def clip_of(portrait: Path, folder: Path) -> bytes:
    frame = cv2.imread(str(portrait))
    clip = folder / "clip.mp4"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"mp4v"), 10, (480, 600))
    for _ in range(15):
        writer.write(frame)
    writer.release()
    return clip.read_bytes()
