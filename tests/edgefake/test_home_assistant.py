"""What Home Assistant is told: in the form that it documents, over a real broker, and where its package is, by its own schema."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgefake.errors import InputError
from edgefake.home_assistant import Presence
from edgefake.sinks import mqtt as module
from edgefake.sinks.base import StreamInfo
from edgefake.sinks.mqtt import MqttSink
from edgefake.sinks.queue import QueuedSink
from edgefake.streaming.events import Event, Events
from edgefake.streaming.health import Health
from edgefake.streaming.pictures import picture_of
from edgefake.thresholds import Verdict
from tests.edgefake.broker import PATIENCE_S, Broker, Listener, eventually, needs_broker
from tests.edgefake.streaming.results import STREAM, result, track


def presence() -> Presence:
    return Presence("door", "edgefake/door", status="edgefake/door/status")


CONFIG = presence().config_topic
ID = CONFIG.split("/")[2]
FRAME = np.full((240, 320, 3), 90, np.uint8)

HOME_ASSISTANT = os.environ.get("EDGEFAKE_HOME_ASSISTANT")
"""A Python that has the package ``homeassistant``, 2024.11 or later, for its own check of the message."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.close()


@pytest.fixture
def ears(broker: Broker) -> Iterator[Listener]:
    ears = Listener(broker.port, "edgefake/#", "homeassistant/#")
    yield ears
    ears.close()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT_S", PATIENCE_S)
    monkeypatch.setattr(module, "CLOSE_S", PATIENCE_S)


def config(one: Presence) -> dict[str, Any]:
    topic, payload = one.messages()[0]
    assert topic == one.config_topic
    return json.loads(payload)  # type: ignore[no-any-return]


def test_the_message_has_what_home_assistant_documents() -> None:
    """https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload: dev, o, cmps; p and uniq_id in each of them."""
    told = config(presence())
    assert told["o"]["name"] == "edgefake" and told["dev"]["ids"] == [ID] and ID.startswith("edgefake_door_")
    assert told["avty_t"] == "edgefake/door/status"
    kinds = {key: (entity["p"], entity["uniq_id"]) for key, entity in told["cmps"].items()}
    assert kinds == {
        "fake": ("binary_sensor", f"{ID}_fake"),
        "p_fake": ("sensor", f"{ID}_p_fake"),
        "face": ("image", f"{ID}_face"),
    }
    assert told["cmps"]["fake"]["dev_cla"] == "problem"
    assert told["cmps"]["face"]["img_t"] == "edgefake/door/face"


@pytest.mark.skipif(HOME_ASSISTANT is None, reason="EDGEFAKE_HOME_ASSISTANT names no Python with the package homeassistant")
def test_home_assistants_own_schema_takes_it() -> None:
    program = Path(__file__).with_name("home_assistant_schema.py")
    payload = presence().messages()[0][1].decode()
    done = subprocess.run([str(HOME_ASSISTANT), str(program)], input=payload, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "binary_sensor": {"None": "OFF", "fake": "ON", "real": "OFF", "unsure": "OFF"},
        "sensor": {"None": "None", "fake": "0.93", "real": "0.02", "unsure": "0.5"},
        "image": {"topic": "edgefake/door/face", "content_type": "image/jpeg"},
    }


def test_no_two_cameras_are_one_device() -> None:
    topics = ("edgefake/door", "edgefake/door/", "edgefake/dür", "edgefake/d_r", "edgefake door", "door", "a/b", "a_b")
    ids = [Presence("x", topic, status="s").config_topic for topic in topics]
    assert len(set(ids)) == len(topics)
    assert all(set(id.split("/")[2]) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") for id in ids)


def test_only_what_changes_is_said_again() -> None:
    one = presence()
    assert len(one.update(Verdict.FAKE, 0.9, jpeg=b"jpeg")) == 2
    assert one.update(Verdict.FAKE, 0.9) == [] and one.update(Verdict.FAKE, 0.9, jpeg=b"jpeg") == []
    assert [topic for topic, _ in one.update(None, None)] == ["edgefake/door/state"]
    assert [topic for topic, _ in one.messages()] == [CONFIG, "edgefake/door/state", "edgefake/door/face"]


def events(*verdicts: Verdict | None) -> Iterator[Event]:
    """Of a face that gets one verdict after the other, and is gone."""
    stream = Events("door")
    seconds = 0.0
    for index, verdict in enumerate(verdicts):
        for step in range(5):
            seen = result(
                5 * index + step,
                track(p_fake=0.1 if verdict is Verdict.REAL else 0.9, decided=verdict is not None),
                seconds=seconds,
            )
            seconds += 0.2
            yield from stream.update(seen)
    yield from stream.update(result(99, seconds=seconds + 60))


@needs_broker
def test_a_camera_from_the_first_face_to_the_last(broker: Broker, ears: Listener) -> None:
    sink = MqttSink(f"mqtt://127.0.0.1:{broker.port}/edgefake/door", home_assistant=True)
    assert sink.picture == "crop"
    queued = QueuedSink(sink, STREAM, Health())
    eventually(lambda: CONFIG in ears.messages)
    count = 0
    for event in events(None, Verdict.FAKE, Verdict.REAL):
        picture = picture_of(FRAME, event.track.seen.box, "crop")
        queued.send_event(Event(**{**{name: getattr(event, name) for name in event.__slots__}, "picture": picture}))
        count += 1
    report = queued.close(PATIENCE_S)
    assert (report.delivered, report.lost, report.error) == (count, 0, None)
    eventually(lambda: ears.last("edgefake/door/status") == b"offline")
    states = [json.loads(state)["verdict"] for state in ears.messages["edgefake/door/state"]]
    assert states == [None, "fake", "real", None]
    assert (ears.last("edgefake/door/face") or b"").startswith(b"\xff\xd8")
    assert all(json.loads(payload)["picture"] is None for payload in ears.messages["edgefake/door"])  # nobody asked for them


@needs_broker
def test_a_broker_that_forgets_and_a_home_assistant_that_comes_later(broker: Broker, ears: Listener, tmp_path: Path) -> None:
    queued = QueuedSink(MqttSink(f"mqtt://127.0.0.1:{broker.port}/edgefake/door", home_assistant=True), STREAM, Health())
    eventually(lambda: CONFIG in ears.messages)
    broker.end()
    (tmp_path / "mosquitto.db").unlink(missing_ok=True)
    ears.messages.clear()
    broker.start()
    eventually(lambda: CONFIG in ears.messages and ears.last("edgefake/door/status") == b"online")
    late = Listener(broker.port, "homeassistant/#")
    eventually(lambda: CONFIG in late.messages)  # it is retained
    late.publish("homeassistant/status", "online")
    eventually(lambda: len(late.messages[CONFIG]) == 2)
    late.close()
    queued.close(PATIENCE_S)


@needs_broker
@pytest.mark.parametrize(
    "camera, name", [("", "edgefake door"), ("rtsp://door/main", "edgefake door"), ("yard", "edgefake yard")]
)
def test_a_camera_without_a_name_has_that_of_its_topic(camera: str, name: str, broker: Broker, ears: Listener) -> None:
    sink = MqttSink(f"mqtt://127.0.0.1:{broker.port}/edgefake/door", home_assistant=True)
    queued = QueuedSink(sink, StreamInfo("rtsp://door/main", camera=camera), Health())
    eventually(lambda: CONFIG in ears.messages)
    assert json.loads(ears.messages[CONFIG][0])["dev"]["name"] == name
    queued.close(PATIENCE_S)


@needs_broker
def test_it_is_taken_away_on_request(broker: Broker, ears: Listener) -> None:
    for how, last in ((True, b"{"), ("remove", b"")):
        sink = MqttSink(f"mqtt://127.0.0.1:{broker.port}/edgefake/door", home_assistant=how)  # type: ignore[arg-type]
        queued = QueuedSink(sink, STREAM, Health())
        eventually(lambda last=last: CONFIG in ears.messages and ears.messages[CONFIG][-1][:1] == last)  # type: ignore[misc]
        queued.close(PATIENCE_S)
    late = Listener(broker.port, "edgefake/#", "homeassistant/#", "end")
    late.publish("end", "")
    eventually(lambda: "end" in late.messages)
    assert set(late.messages) == {"end", "edgefake/door/status"}
    late.close()


def test_results_of_frames_have_no_states() -> None:
    with pytest.raises(InputError, match='expected every="event" with home_assistant'):
        MqttSink("mqtt://127.0.0.1:1/a", every="frame", home_assistant=True)
