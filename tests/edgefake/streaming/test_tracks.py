from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefake import Box
from edgefake.streaming.tracks import LOST_S, SHOWN_S, Tracker

FPS = 30


class Scene:
    """Faces on known paths, of which a tracker sees what it searches: ``path(frame)`` is a box or None.

    A search takes ``lag`` frames.
    """

    def __init__(self, *paths: object, every: int = 5, noise: float = 0.0, lag: int = 0, fps: float = FPS) -> None:
        self.paths = paths
        self.tracker = Tracker(detect_every=every)
        self.searches: list[int] = []
        self.rng = random.Random(1)
        self.noise = noise
        self.lag = lag
        self.fps = fps
        self.running: list[tuple[int, list[Box]]] = []

    def play(self, frames: range) -> list[dict[int, Box]]:
        """What is shown, by id, in each frame."""
        shown = []
        for frame in frames:
            self.tracker.move(frame / self.fps)
            if self.tracker.search_due:
                self.searches.append(frame)
                self.tracker.begin_search()
                boxes = [path(frame) for path in self.paths]  # type: ignore[operator]
                self.running.append((frame + self.lag, [self.jittered(box) for box in boxes if box is not None]))
            if self.running and self.running[0][0] == frame:
                self.tracker.update(self.running.pop(0)[1])
            shown.append({track.id: track.box for track in self.tracker.shown})
        return shown

    def jittered(self, box: Box) -> Box:
        shift = self.noise * box.width
        return Box(box.x + self.rng.gauss(0, shift), box.y + self.rng.gauss(0, shift), box.width, box.height)


def moving(x: float, speed: float, *, y: float = 100.0, side: float = 100.0) -> object:
    """A face that moves ``speed`` pixels per second to the right."""
    return lambda frame: Box(x + speed * frame / FPS, y, side, side)


def still(frame: int) -> Box:
    return Box(200, 100, 100, 100)


def distance(a: Box, b: Box) -> float:
    return math.hypot(a.x - b.x, a.y - b.y)


@pytest.mark.parametrize("lag", [0, 3])
def test_a_moving_face_is_followed_between_searches_and_while_they_last(lag: int) -> None:
    path = moving(50, 300)
    scene = Scene(path, lag=lag)
    for frame, shown in enumerate(scene.play(range(90))):
        if frame > 15:
            assert set(shown) == {1}
            assert distance(shown[1], path(frame)) < 10  # type: ignore[operator]
    assert len(scene.searches) < 90 / 5 + 3


@pytest.mark.parametrize("speed", [700, -700])
def test_a_face_that_crosses_the_picture_in_two_seconds_keeps_its_id(speed: float) -> None:
    shown = Scene(moving(700, speed), noise=0.03).play(range(60))
    assert {id for frame in shown for id in frame} == {1}


def test_what_was_found_only_once_is_not_shown_and_takes_no_id() -> None:
    scene = Scene(still, lambda frame: Box(500, 300, 80, 80) if frame == 10 else None)
    assert {id for frame in scene.play(range(30)) for id in frame} == {1}
    assert scene.tracker.ids == {1}


def test_what_second_looks_never_confirm_takes_no_id_however_often_it_comes_back() -> None:
    looks = iter([True, False] * 100)
    scene = Scene(lambda frame: Box(500, 300, 80, 80) if next(looks) else None)
    assert not any(scene.play(range(60)))


def test_a_new_face_is_shown_in_the_next_frame() -> None:
    scene = Scene(still)
    shown = scene.play(range(2))
    assert [len(faces) for faces in shown] == [0, 1]


def test_at_most_every_second_search_is_a_second_look() -> None:
    rng = random.Random(0)
    scene = Scene(lambda frame: Box(rng.uniform(0, 1000), rng.uniform(0, 600), 50, 50))
    scene.play(range(300))
    assert len(scene.searches) == 2 * 300 // 6  # every cycle is a search, a look in the next frame, and four frames without


def test_an_empty_picture_is_searched_every_nth_frame_only() -> None:
    scene = Scene(every=7)
    scene.play(range(70))
    assert scene.searches == list(range(0, 70, 7))


def test_a_short_occlusion_keeps_the_id_and_hides_the_face_after_a_while() -> None:
    hidden = range(30, 30 + int(FPS * (LOST_S - 0.4)))
    path = moving(100, 60)
    scene = Scene(lambda frame: None if frame in hidden else path(frame))  # type: ignore[operator]
    shown = scene.play(range(120))
    assert {id for frame in shown for id in frame} == {1}
    assert not shown[30 + int(FPS * SHOWN_S) + 5]
    assert shown[-1]


def test_a_face_that_was_gone_for_long_gets_a_new_id() -> None:
    hidden = range(30, 30 + int(FPS * LOST_S) + 10)
    scene = Scene(lambda frame: None if frame in hidden else still(frame))
    assert {id for frame in scene.play(range(120)) for id in frame} == {1, 2}


def test_faces_that_pass_each_other_keep_their_ids() -> None:
    left, right = moving(0, 250, y=100), moving(600, -250, y=160)
    shown = Scene(left, right, noise=0.02).play(range(70))
    first, last = shown[5], shown[-1]
    assert set(first) == set(last) == {1, 2}
    assert (first[1].x < first[2].x) and (last[1].x > last[2].x)


def test_noise_of_the_finder_does_not_carry_a_face_away() -> None:
    shown = Scene(still, noise=0.05).play(range(300))
    errors = [distance(frame[1], still(0)) for frame in shown[30:]]
    finders_own = 5 * math.sqrt(2)
    assert math.sqrt(sum(e * e for e in errors) / len(errors)) < 1.5 * finders_own


@pytest.mark.parametrize("fps", [0.5, 1, 2, 5])
def test_slow_streams_are_searched_more_often_and_keep_their_faces(fps: float) -> None:
    scene = Scene(lambda frame: Box(200 + frame, 100, 100, 100), fps=fps)
    shown = scene.play(range(30))
    assert {id for faces in shown for id in faces} == {1}
    assert all(shown[1:])
    assert len(scene.searches) >= min(30, 30 / fps / 0.6)


def test_a_gap_in_the_stream_ends_all_tracks() -> None:
    scene = Scene(still)
    scene.play(range(10))
    assert set(scene.play(range(500, 510))[-1]) == {2}


def test_after_forgetting_ids_go_on() -> None:
    scene = Scene(still)
    scene.play(range(10))
    scene.tracker.forget()
    assert not scene.tracker.shown
    scene.play(range(10, 20))
    assert 10 in scene.searches
    assert set(scene.play(range(20, 21))[-1]) == {2}


boxes = st.builds(Box, st.floats(-50, 700), st.floats(-50, 500), st.floats(1, 300), st.floats(1, 300))


@given(st.lists(st.tuples(st.floats(-10, 1e4), st.lists(boxes, max_size=5)), max_size=30))
def test_nothing_a_finder_or_clock_does_breaks_it(frames: list[tuple[float, list[Box]]]) -> None:
    tracker = Tracker(detect_every=2)
    for seconds, found in frames:
        tracker.move(seconds)
        if tracker.search_due:
            tracker.begin_search()
            tracker.update(found)
        ids = [track.id for track in tracker.shown]
        assert len(ids) == len(set(ids))
        for track in tracker.shown:
            assert math.isfinite(track.box.x) and track.box.width > 0 and track.var >= 0
