"""The bridge between a stand-in for Frigate and a real broker: what people get, what goes wrong, and what is left of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import pytest

from edgefake import Detector
from edgefake.errors import InputError
from edgefake.faces import Box
from edgefake.frigate import Bridge, FrigateConfig
from edgefake.frigate import bridge as module
from edgefake.frigate.api import FrigateError
from edgefake.frigate.bridge import sub_label_for
from edgefake.frigate.judging import Answer
from edgefake.home_assistant import Presence
from edgefake.pixels import Pixels
from edgefake.thresholds import Verdict
from tests.edgefake.broker import PATIENCE_S, Broker, Listener, eventually, needs_broker
from tests.edgefake.frigate.fake_frigate import FakeFrigate, message, row

FACE = Box(60.0, 60.0, 100.0, 100.0)
"""Of the person; another stands at the right of the frame."""


def config_topic(camera: str) -> str:
    """Where Home Assistant is told of a camera."""
    return Presence(camera, f"edgefake/frigate/{camera}", status="").config_topic


DOOR = config_topic("front_door")


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


@needs_broker
def test_a_person_is_judged_by_the_face_that_is_theirs_and_told(
    frigate: FakeFrigate, broker: Broker, ears: Listener, judge: Detector, snapshot: bytes, photo: Pixels, tmp_path: Path
) -> None:
    frigate.pictures["1.0-abc"] = snapshot
    with running(frigate, broker, judge, tmp_path) as bridge:
        ears.publish("frigate/events", message("1.0-abc", "new"))
        eventually(lambda: "1.0-abc" in frigate.labels)
        ears.publish("frigate/events", message("1.0-abc", "end"))
        eventually(lambda: bridge.counts["front_door", "fake"] == 1)
        assert bridge.version == "0.16.1-e664cb2" and bridge.waiting == 0
    expected = judge.predict(photo, boxes=[FACE]).p_fake
    assert frigate.labels == {"1.0-abc": {"subLabel": "fake", "subLabelScore": pytest.approx(expected, abs=1e-4)}}
    first, *rest = answers(ears)
    assert first["verdict"] == "fake" and first["p_fake"] == pytest.approx(expected) and first["sub_label"] == "fake"
    assert (first["camera"], first["id"], first["ended"], rest) == ("front_door", "1.0-abc", False, [])
    assert frigate.asked("snapshot-clean.png") == 1  # the same snapshot is not fetched twice
    eventually(lambda: ears.last("edgefake/frigate/status") == b"offline")


@needs_broker
def test_better_snapshots_count_together_and_home_assistant_shows_them(
    frigate: FakeFrigate, broker: Broker, ears: Listener, judge: Detector, snapshot: bytes, tmp_path: Path
) -> None:
    frigate.pictures["a"] = snapshot
    with running(frigate, broker, judge, tmp_path):
        ears.publish("frigate/events", message("a", "new"))
        eventually(lambda: len(answers(ears)) == 1)
        ears.publish("frigate/events", message("a", snapshot=101.0))
        eventually(lambda: len(answers(ears)) == 2)
        assert [answer["scored"] for answer in answers(ears)] == [1, 2]
        state = json.loads(ears.last("edgefake/frigate/front_door/state") or b"")
        assert state == {"verdict": "fake", "p_fake": answers(ears)[1]["p_fake"]}
        assert (ears.last("edgefake/frigate/front_door/face") or b"").startswith(b"\xff\xd8")
        config = json.loads(ears.last(DOOR) or b"")
        assert set(config["cmps"]) == {"fake", "p_fake", "face"} and config["avty_t"] == "edgefake/frigate/status"


@needs_broker
def test_who_has_left_is_shown_no_longer(
    frigate: FakeFrigate,
    broker: Broker,
    ears: Listener,
    judge: Detector,
    snapshot: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("edgefake.frigate.announcer.SHOWN_S", 0.0)
    frigate.pictures["a"] = snapshot
    with running(frigate, broker, judge, tmp_path):
        ears.publish("frigate/events", message("a", "end"))
        eventually(lambda: len(ears.messages.get("edgefake/frigate/front_door/state", [])) == 3)
    verdicts = [json.loads(state)["verdict"] for state in ears.messages["edgefake/frigate/front_door/state"]]
    assert verdicts == [None, "fake", None]


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
def test_what_happened_while_it_did_not_run_is_judged_and_nobody_twice(
    frigate: FakeFrigate, broker: Broker, judge: Detector, snapshot: bytes, tmp_path: Path
) -> None:
    frigate.pictures.update(dict.fromkeys(("a", "b", "c"), snapshot))
    frigate.rows = [row("a"), row("b", label="dog")]
    with running(frigate, broker, judge, tmp_path) as bridge:
        eventually(lambda: bridge.counts["front_door", "fake"] == 1)
    frigate.rows.append(row("c"))
    frigate.labels.clear()
    with running(frigate, broker, judge, tmp_path) as bridge:
        eventually(lambda: bridge.counts["front_door", "fake"] == 1)
    assert set(frigate.labels) == {"c"}


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
def test_login_and_a_token_that_has_run_out(
    frigate: FakeFrigate, broker: Broker, ears: Listener, judge: Detector, snapshot: bytes, tmp_path: Path
) -> None:
    frigate.login = ("edgefake", "secret word")
    frigate.pictures["a"] = snapshot
    with running(frigate, broker, judge, tmp_path, user="edgefake", password="secret word") as bridge:
        ears.publish("frigate/events", message("a", "new"))
        eventually(lambda: "a" in frigate.labels)
        assert frigate.logins == 1
        bridge._api._token = "one of yesterday"
        ears.publish("frigate/events", message("a", "end", snapshot=101.0))
        eventually(lambda: bridge.counts["front_door", "fake"] == 1)
        assert frigate.logins == 2


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
@pytest.mark.parametrize("version", ["0.14.1-f4f3cfa", "0.15.2-1b9e1a8", "0.17.0-1234567", "0.13.2-6476f8a", "0.19.0-abcdefg"])
def test_other_versions_of_its_api(
    version: str,
    frigate: FakeFrigate,
    broker: Broker,
    ears: Listener,
    judge: Detector,
    snapshot: bytes,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    frigate.version = version
    frigate.pictures["a"] = snapshot
    with running(frigate, broker, judge, tmp_path):
        ears.publish("frigate/events", message("a", "end"))
        eventually(lambda: "a" in frigate.labels)
    assert ("was written for 0.14 to 0.17" in caplog.text) is (version[:4] in ("0.13", "0.19"))


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


def clip_of(portrait: Path, folder: Path) -> bytes:
    frame = cv2.imread(str(portrait))
    clip = folder / "clip.mp4"
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"mp4v"), 10, (480, 600))
    for _ in range(15):
        writer.write(frame)
    writer.release()
    return clip.read_bytes()


@needs_broker
def test_clips_are_judged_when_they_are_whole(
    frigate: FakeFrigate, broker: Broker, ears: Listener, portrait: Path, tmp_path: Path
) -> None:
    frigate.clips["a"] = clip_of(portrait, tmp_path)
    with Detector(threshold=0.0, num_threads=1) as judge, running(frigate, broker, judge, tmp_path, look_at="clip") as bridge:
        ears.publish("frigate/events", message("a", "new"))
        ears.publish("frigate/events", message("a", "end"))
        eventually(lambda: bridge.counts["front_door", "fake"] == 1)
    assert frigate.asked("clip.mp4") == 1 and frigate.asked("snapshot") == 0
    assert answers(ears)[0]["scored"] > 5 and frigate.labels["a"]["subLabel"] == "fake"


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


@needs_broker
def test_other_labels_and_cameras_are_left_alone_and_frigate_need_not_be_told(
    frigate: FakeFrigate, broker: Broker, ears: Listener, judge: Detector, snapshot: bytes, tmp_path: Path
) -> None:
    frigate.pictures.update(dict.fromkeys("abc", snapshot))
    with running(frigate, broker, judge, tmp_path, cameras=["front_door"], sub_label=False) as bridge:
        ears.publish("frigate/events", message("a", "end", label="dog"))
        ears.publish("frigate/events", message("b", "end", camera="yard"))
        ears.publish("frigate/events", message("c", "end"))
        eventually(lambda: bridge.counts["front_door", "fake"] == 1)
    assert [answer["id"] for answer in answers(ears)] == ["c"] and not frigate.labels


@pytest.mark.parametrize(
    "verdict, present, wanted",
    [
        ("fake", None, "fake"),
        ("real", None, "real"),
        ("unsure", "fake", "unsure"),
        ("real", "real", "real"),
        ("fake", "Bob", "Bob, fake"),
        ("real", "Bob", None),
        ("unsure", "Bob", None),
        ("fake", "Bob, fake", "Bob, fake"),
        ("real", "Bob, fake", "Bob"),
        (None, "Bob", None),
    ],
)
def test_names_that_frigate_has_recognized_stay(verdict: str | None, present: str | None, wanted: str | None) -> None:
    answer = Answer("ok", Verdict(verdict), 0.5, 1) if verdict else Answer("no_face")
    assert sub_label_for(answer, present) == wanted


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
