"""The bridge where Frigate, the broker, Home Assistant or a picture is not as it should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgefake import Detector
from edgefake.errors import InputError
from edgefake.frigate import Bridge, FrigateConfig
from edgefake.frigate.api import FrigateError
from tests.edgefake.broker import Broker, Listener, eventually, needs_broker
from tests.edgefake.frigate.bridges import DOOR, FACE, answers, clip_of, config_topic, running
from tests.edgefake.frigate.fake_frigate import FakeFrigate, message, row


@needs_broker
def test_a_broker_that_restarts_and_has_forgotten_everything_is_told_again(
    frigate: FakeFrigate, broker: Broker, ears: Listener, judge: Detector, snapshot: bytes, tmp_path: Path
) -> None:
    frigate.pictures["a"] = frigate.pictures["b"] = snapshot
    with running(frigate, broker, judge, tmp_path) as bridge:
        ears.publish("frigate/events", message("a", "end"))
        eventually(lambda: len(answers(ears)) == 1)
        broker.end()
        (tmp_path / "mosquitto.db").unlink(missing_ok=True)
        eventually(lambda: not bridge.connected)
        frigate.rows.append(row("b"))  # what it saw while nobody heard of it
        ears.messages.clear()
        broker.start()
        eventually(lambda: "edgefake/frigate/front_door/face" in ears.messages)
        assert DOOR in ears.messages
        eventually(lambda: "b" in frigate.labels)


@needs_broker
def test_home_assistant_that_comes_up_later_is_told_again(
    frigate: FakeFrigate, broker: Broker, ears: Listener, judge: Detector, tmp_path: Path
) -> None:
    topic = config_topic("yard")
    with running(frigate, broker, judge, tmp_path, cameras=["yard"]):
        eventually(lambda: len(ears.messages.get(topic, [])) == 1)
        ears.publish("homeassistant/status", "online")
        eventually(lambda: len(ears.messages[topic]) == 2)
    with running(frigate, broker, judge, tmp_path, cameras=["yard"], home_assistant="remove"):
        eventually(lambda: ears.last(topic) == b"")


@needs_broker
@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_frigate_that_is_out_of_order_is_asked_again(
    status: int, frigate: FakeFrigate, broker: Broker, ears: Listener, judge: Detector, snapshot: bytes, tmp_path: Path
) -> None:
    frigate.pictures["a"], frigate.status = snapshot, status
    with running(frigate, broker, judge, tmp_path) as bridge:
        ears.publish("frigate/events", message("a", "end"))
        eventually(lambda: bridge.failures["away"] >= 3)
        assert bridge.away
        frigate.status = None
        eventually(lambda: "a" in frigate.labels)
        eventually(lambda: bridge.version is not None)


@needs_broker
def test_a_frigate_that_is_slow_holds_nothing_back_for_ever(
    frigate: FakeFrigate,
    broker: Broker,
    ears: Listener,
    judge: Detector,
    snapshot: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frigate.pictures["a"] = snapshot
    with running(frigate, broker, judge, tmp_path) as bridge:
        eventually(lambda: frigate.asked("/api/events") == 1)
        monkeypatch.setattr("edgefake.frigate.api.TIMEOUT_S", 0.2)
        frigate.pause.clear()
        ears.publish("frigate/events", message("a", "end"))
        eventually(lambda: bridge.failures["away"] >= 2)
        frigate.pause.set()
        eventually(lambda: "a" in frigate.labels)


@needs_broker
@pytest.mark.parametrize(
    "login, words",
    [({}, "401 Unauthorized"), ({"user": "me", "password": "wrong"}, "to the login")],
)
def test_a_frigate_that_refuses_at_the_start_ends_it_with_a_sentence(
    login: dict[str, str], words: str, frigate: FakeFrigate, broker: Broker, judge: Detector, tmp_path: Path
) -> None:
    frigate.login = ("edgefake", "secret word")
    settings = FrigateConfig(url=frigate.url, broker=f"mqtt://127.0.0.1:{broker.port}", state=str(tmp_path / "s"), **login)
    with Bridge(settings, judge) as bridge, pytest.raises(FrigateError, match=words) as caught:
        bridge.run()
    assert "wrong" not in str(caught.value)


@needs_broker
def test_a_refusal_on_the_way_is_tried_again(
    frigate: FakeFrigate, broker: Broker, ears: Listener, judge: Detector, snapshot: bytes, tmp_path: Path
) -> None:
    frigate.pictures["a"] = snapshot
    with running(frigate, broker, judge, tmp_path) as bridge:
        frigate.status = 403
        ears.publish("frigate/events", message("a", "end"))
        eventually(lambda: bridge.failures["refused"] >= 2)
        frigate.status = None
        eventually(lambda: "a" in frigate.labels)


@needs_broker
def test_what_is_no_frigate_is_told(frigate: FakeFrigate, broker: Broker, judge: Detector, tmp_path: Path) -> None:
    frigate.version = "<html>a router</html>"
    settings = FrigateConfig(url=frigate.url, broker=f"mqtt://127.0.0.1:{broker.port}", state=str(tmp_path / "s"))
    with Bridge(settings, judge) as bridge, pytest.raises(FrigateError, match=r"of Frigate"):
        bridge.run()


@needs_broker
def test_a_snapshot_that_is_gone_is_told_and_nothing_waits_for_it(
    frigate: FakeFrigate,
    broker: Broker,
    ears: Listener,
    judge: Detector,
    snapshot: bytes,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    frigate.pictures["b"] = snapshot
    with running(frigate, broker, judge, tmp_path) as bridge:
        ears.publish("frigate/events", message("a", "new"))
        ears.publish("frigate/events", message("a", "end"))
        ears.publish("frigate/events", message("b", "end"))
        eventually(lambda: bridge.counts["front_door", "no_snapshot"] == 1 and bridge.counts["front_door", "fake"] == 1)
        assert bridge.failures["gone"] == 1 and bridge.waiting == 0
    assert "the snapshot of a is not to be had (Event not found)" in caplog.text and set(frigate.labels) == {"b"}


@needs_broker
def test_a_snapshot_that_comes_a_little_late(
    frigate: FakeFrigate, broker: Broker, ears: Listener, judge: Detector, snapshot: bytes, tmp_path: Path
) -> None:
    with running(frigate, broker, judge, tmp_path) as bridge:
        ears.publish("frigate/events", message("a", "new"))
        eventually(lambda: frigate.asked("/a/snapshot") >= 2)
        frigate.pictures["a"] = snapshot
        ears.publish("frigate/events", message("a", "end"))
        eventually(lambda: "a" in frigate.labels)
        assert bridge.failures["gone"] == 0


@needs_broker
def test_a_hundred_people_at_once(
    frigate: FakeFrigate, broker: Broker, ears: Listener, judge: Detector, snapshot: bytes, tmp_path: Path
) -> None:
    ids = [f"{n}.5-crowd" for n in range(100)]
    frigate.pictures.update(dict.fromkeys(ids, snapshot))
    with running(frigate, broker, judge, tmp_path) as bridge:
        for kind in ("new", "update", "end"):
            for id in ids:
                ears.publish("frigate/events", message(id, kind))
        eventually(lambda: bridge.counts["front_door", "fake"] == 100)
        assert bridge.waiting == 0 and not bridge.failures
    assert set(frigate.labels) == set(ids)


@needs_broker
def test_damaged_pictures_and_messages_are_passed_over(
    frigate: FakeFrigate, broker: Broker, ears: Listener, judge: Detector, snapshot: bytes, tmp_path: Path
) -> None:
    frigate.pictures.update({"a": snapshot[:500], "b": snapshot})
    with running(frigate, broker, judge, tmp_path) as bridge:
        for damaged in (b"", b"\xff\xfe", b"[]", b'{"type": "new"}', b'{"type": "new", "after": {"id": 3}}', b"[" * 9000):
            ears.publish("frigate/events", damaged)
        ears.publish("frigate/events", message("a", "end"))
        ears.publish("frigate/events", message("b", "end"))
        eventually(lambda: bridge.counts["front_door", "unreadable"] == 1 and bridge.counts["front_door", "fake"] == 1)
        assert bridge.failures == {"message": 6}


@needs_broker
@pytest.mark.parametrize("look_at", ["snapshot", "clip"])
def test_who_was_judged_is_not_judged_again_where_the_label_is_refused(
    look_at: str, frigate: FakeFrigate, broker: Broker, ears: Listener, portrait: Path, snapshot: bytes, tmp_path: Path
) -> None:
    """And Frigate is asked less and less often."""
    frigate.refuses_labels = True
    frigate.clips["a"], frigate.pictures["a"] = clip_of(portrait, tmp_path), snapshot
    faces = "edge" if look_at == "clip" else lambda frame: [FACE]
    with (
        Detector(faces=faces, threshold=0.0, num_threads=1) as judge,
        running(frigate, broker, judge, tmp_path, look_at=look_at) as bridge,
    ):
        # A row of the API, which does not tell the time of the snapshot.
        frigate.rows.append(row("a"))
        bridge._missed_some.set()
        eventually(lambda: bridge._pauses >= 3)
        assert bridge.failures["refused"] >= 3 and bridge.waiting == 1
        frigate.refuses_labels = False
        eventually(lambda: bridge.counts["front_door", "fake"] == 1)
    assert frigate.labels["a"]["subLabel"] == "fake" and len(answers(ears)) == 1
    assert frigate.asked("clip.mp4") + frigate.asked("snapshot-clean") == 1


def test_addresses_that_cannot_be_used() -> None:
    good = {"url": "http://frigate:5000", "broker": "mqtt://broker"}
    assert FrigateConfig(**good).address.topic == "edgefake/frigate"
    for wrong, words in (
        ({"url": "frigate:5000"}, "url .*https"),
        ({"url": "http://me:secret@frigate:8971"}, "user .*password"),
        ({"broker": "broker"}, "MQTT address"),
        ({"user": "me"}, "together"),
        ({"topic_prefix": "a/#"}, "without"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            FrigateConfig(**{**good, **wrong})
        assert "secret" not in str(caught.value)
