"""What is told of a stream's faces: once each, in order, whatever the tracks do."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgefake
from edgefake import Box, Detector, FrameResult, InputError, Verdict
from edgefake.sinks import Sink
from edgefake.sinks.base import as_sink
from edgefake.streaming.events import GONE_S, Event, EventKind, Events
from edgefake.streaming.pictures import CROP_SIDE, SNAPSHOT_SIDE, PictureKind, picture_of
from tests.edgefake.streaming.results import result, track
from tests.edgefake.streaming.videos import moving_face
from tests.edgefake.streaming.watching import textured

APPEARED, VERDICT, CHANGED, GONE = EventKind


def told(events: Iterable[Event]) -> list[tuple[int, EventKind]]:
    return [(event.track.seen.id, event.event) for event in events]


def run(results: Iterable[FrameResult]) -> list[Event]:
    events = Events("door")
    return [event for one in results for event in events.update(one)] + events.end()


def test_ten_seconds_of_two_people_are_six_events() -> None:
    frames = (result(index, track(1, 0.9, decided=index > 6), track(2, 0.1, decided=index > 8)) for index in range(100))
    events = run(frames)
    assert told(events) == [(1, APPEARED), (2, APPEARED), (1, VERDICT), (2, VERDICT), (1, GONE), (2, GONE)]
    assert [event.verdict for event in events[2:4]] == [Verdict.FAKE, Verdict.REAL]
    summary = events[4].track
    assert (summary.first, summary.last, summary.frames, summary.worst) == (0.0, 9.9, 100, Verdict.FAKE)


def test_a_verdict_that_changes_is_told_with_the_one_before() -> None:
    events = run(result(index, track(1, 0.9 if 10 <= index < 20 else 0.1)) for index in range(30))
    changes = [(event.previous, event.verdict) for event in events if event.event is CHANGED]
    assert changes == [(Verdict.REAL, Verdict.FAKE), (Verdict.FAKE, Verdict.REAL)]
    assert (events[-1].event, events[-1].verdict, events[-1].track.worst) == (GONE, Verdict.REAL, Verdict.FAKE)


def test_what_is_taken_for_a_face_for_a_moment_is_no_event() -> None:
    assert run(result(index, *([track(1, None)] if index < 3 else [])) for index in range(60)) == []


def test_a_face_that_is_hidden_for_a_moment_is_not_gone() -> None:
    hidden = range(20, 20 + int(GONE_S * 10) - 1)
    assert told(run(result(i, *([] if i in hidden else [track()])) for i in range(60))) == [
        (1, APPEARED),
        (1, VERDICT),
        (1, GONE),
    ]


def test_a_face_is_gone_so_long_after_it_was_last_seen() -> None:
    (*_, gone) = run(result(index, *([track()] if index < 10 else [])) for index in range(60))
    assert (gone.event, gone.track.last) == (GONE, 0.9)
    assert gone.result.seconds == pytest.approx(0.9 + GONE_S, abs=0.11)


def test_after_a_gap_in_the_stream_the_faces_before_it_are_gone() -> None:
    events = run([*(result(i, track(1)) for i in range(10)), *(result(i, track(2), seconds=3600 + i / 10) for i in range(10))])
    assert told(events) == [(1, APPEARED), (1, VERDICT), (1, GONE), (2, APPEARED), (2, VERDICT), (2, GONE)]


def test_ids_are_of_one_event_alone() -> None:
    frames = [result(index, track()) for index in range(10)]
    first, second = run(frames), run(frames)
    assert len({event.id for event in first + second}) == 6
    assert [event.id.rpartition("-")[2] for event in first] == ["1", "2", "3"]


@given(st.lists(st.dictionaries(st.integers(1, 4), st.sampled_from([None, 0.1, 0.9]), max_size=4), max_size=80))
def test_whatever_comes_each_face_is_told_in_order_and_none_is_forgotten(frames: list[dict[int, float | None]]) -> None:
    events = run(result(i, *(track(id, p) for id, p in frame.items())) for i, frame in enumerate(frames))
    for id in range(1, 5):
        kinds = [event.event for event in events if event.track.seen.id == id]
        while kinds:
            assert kinds[0] is APPEARED
            end = kinds.index(GONE)
            assert kinds[1:end] == [VERDICT] * (end > 1) + [CHANGED] * max(0, end - 2)
            kinds = kinds[end + 1 :]
        verdicts = [event.verdict for event in events if event.track.seen.id == id and event.event in (VERDICT, CHANGED)]
        previous = [event.previous for event in events if event.track.seen.id == id and event.event in (VERDICT, CHANGED)]
        assert all(verdict is not before for verdict, before in zip(verdicts, previous, strict=True))


def test_memory_is_that_of_the_faces_that_are_there() -> None:
    events = Events("door")
    for index in range(3000):
        events.update(result(index, track(index // 5 + 1)))
    assert len(events._faces) <= GONE_S * 10 / 5 + 2


@pytest.mark.parametrize(("kind", "longest"), [("crop", CROP_SIDE), ("snapshot", SNAPSHOT_SIDE)])
@pytest.mark.parametrize("box", [Box(-20, -30, 90, 90), Box(600, 300, 700, 700), Box(1270, 700, 40, 60)])
def test_a_picture_is_a_small_jpeg(kind: PictureKind, longest: int, box: Box) -> None:
    picture = picture_of(textured((1280, 720)), box, kind)
    pixels = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None and pixels.shape == (picture.height, picture.width, 3)
    assert max(picture.width, picture.height) <= longest
    assert (picture.width == picture.height) is (kind == "crop")
    json.dumps(picture.to_dict())


class Diary(Sink):
    """Keeps the events that it gets."""

    every = "event"

    def __init__(self, picture: PictureKind | None = None) -> None:
        self.picture = picture
        self.events: list[Event] = []

    def send_event(self, event: Event) -> None:
        self.events.append(event)


def test_sinks_of_one_stream_get_the_same_events_with_the_pictures_they_want(portrait: Path, detector: Detector) -> None:
    plain, cropped, whole = Diary(), Diary("crop"), Diary("snapshot")
    frames = moving_face(portrait, 40)
    with edgefake.watch(frames, detector, sinks=[plain, cropped, whole], camera="door") as stream:
        news = [event for _ in stream for event in stream.news] + stream.news
    assert [event.event for event in news] == [APPEARED, VERDICT, GONE]
    assert {event.camera for event in news} == {"door"}
    for diary in (plain, cropped, whole):
        assert [event.id for event in diary.events] == [event.id for event in news]
        kinds = [event.picture and event.picture.kind for event in diary.events]
        assert kinds == [diary.picture, diary.picture, None]


def test_a_sink_that_lacks_the_method_it_is_given_things_by() -> None:
    class Deaf(Sink):
        every = "event"

        def send(self, frame: object, result: FrameResult) -> None:
            """What it takes is events."""

    with pytest.raises(InputError, match=r'Deaf .*send_event.* every = "event"'):
        as_sink(Deaf())
    with pytest.raises(InputError, match=r"Sink .*send"):
        as_sink(Sink())


def test_pictures_of_a_folder_are_no_events(portrait: Path, tmp_path: Path, detector: Detector) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(portrait.read_bytes())
    with edgefake.watch(tmp_path / "in", detector, sinks=[Diary()]) as stream:
        list(stream)
    (report,) = stream.sink_reports()
    assert (report.delivered, report.lost) == (0, 1) and "pictures in a folder make none" in str(report.error)


def test_a_stream_that_is_left_tells_its_sinks_that_all_are_gone(portrait: Path, detector: Detector) -> None:
    diary = Diary()
    with edgefake.watch(moving_face(portrait, 40), detector, sinks=[diary]) as stream:
        for _, frame in stream:
            if frame.index == 30:
                break
    assert told(diary.events) == [(1, APPEARED), (1, VERDICT), (1, GONE)]
