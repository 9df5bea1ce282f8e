"""A stand-in for Frigate, a real broker, who listens to it, and who judges."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from edgefake import Detector
from edgefake.faces import Box
from edgefake.frigate import bridge as module
from edgefake.pixels import Pixels
from tests.edgefake.broker import Broker, Listener
from tests.edgefake.frigate.bridges import FACE
from tests.edgefake.frigate.fake_frigate import FakeFrigate


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TICK_S", "MISS_PAUSE_S", "CLIP_DELAY_S", "FIRST_PAUSE_S"):
        monkeypatch.setattr(module, name, 0.05)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.2)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.close()


@pytest.fixture
def frigate() -> Iterator[FakeFrigate]:
    with FakeFrigate() as frigate:
        yield frigate


@pytest.fixture
def ears(broker: Broker) -> Iterator[Listener]:
    ears = Listener(broker.port, "edgefake/#", "homeassistant/#")
    yield ears
    ears.close()


@pytest.fixture
def judge(model: Path) -> Iterator[Detector]:
    """Calls everybody fake; finds the person's face and that of a larger other."""
    with Detector(model, faces=lambda frame: [Box(220.0, 20.0, 95.0, 200.0), FACE], num_threads=1, threshold=0.0) as detector:
        yield detector


@pytest.fixture
def snapshot(photo: Pixels) -> bytes:
    return cv2.imencode(".png", photo)[1].tobytes()
