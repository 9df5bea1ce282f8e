"""The bridge between a stand-in for Frigate and a real broker: what people get."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgefake import Detector
from edgefake.frigate.bridge import sub_label_for
from edgefake.frigate.judging import Answer
from edgefake.pixels import Pixels
from edgefake.thresholds import Verdict
from tests.edgefake.broker import Broker, Listener, eventually, needs_broker
from tests.edgefake.frigate.bridges import DOOR, FACE, answers, clip_of, running
from tests.edgefake.frigate.fake_frigate import FakeFrigate, message, row


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
    eventually(lambda: len(answers(ears)) > 0)  # it is counted before it is sent
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
