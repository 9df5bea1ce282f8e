from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import Detector
from edgefake.faces import Box
from edgefake.pixels import Pixels
from edgefake.streaming.judge import DESERTED_S, Judge
from edgefake.streaming.scene import Scene
from tests.edgefake.streaming.videos import captured
from tests.edgefake.streaming.watching import textured

SIZE = (1280, 720)


def room(seed: int = 0, *, noise: float = 8.0, light: float = 0.0) -> Pixels:
    """An empty room as a camera sees it that makes this much noise."""
    picture = textured(SIZE).astype(np.float32) / 2 + 60 + light
    return np.clip(picture + np.random.default_rng(seed).normal(0, noise, picture.shape), 0, 255).astype(np.uint8)


def test_noise_is_no_movement() -> None:
    scene = Scene()
    assert scene.has_moved(room())  # from the first frame on
    scene.remember(room())
    assert not any(scene.has_moved(room(seed)) for seed in range(1, 10))


@pytest.mark.parametrize("at", [(0, 0), (633, 351), (1240, 680)])
def test_what_is_as_small_as_the_smallest_face_is_seen_wherever_it_comes(at: tuple[int, int]) -> None:
    scene, with_it = Scene(), room(1)
    scene.remember(room())
    left, top = at
    cv2.rectangle(with_it, at, (left + 32, top + 36), (70, 80, 60), -1)
    assert scene.has_moved(with_it)


def test_slow_light_adds_up_to_a_search() -> None:
    scene = Scene()
    scene.remember(room(noise=3))
    assert not scene.has_moved(room(1, noise=3, light=4))
    assert scene.has_moved(room(2, noise=3, light=15))


@pytest.mark.parametrize("live", [True, False])
def test_a_live_stream_of_an_empty_room_is_seldom_searched_until_something_moves(live: bool, model: Path) -> None:
    """10 s at 5 fps; a file is searched in every frame, whatever it shows."""
    searches: list[int] = []
    present = False

    def find(frame: Pixels) -> list[Box]:
        searches.append(1)
        return [Box(80, 60, 120, 120)] if present else []

    def watch(first: int, count: int, picture: Pixels) -> int:
        before = len(searches)
        for index in range(first, first + count):
            judge.judge(captured(picture, index, fps=5), dropped=0, reconnects=0)
            if judge._pending:
                judge._pending.result()
        return len(searches) - before

    with Detector(model, faces=find, num_threads=1) as detector:
        judge = Judge(detector, source="x", live=live, detect_every=1, faces_per_frame=4)
        empty = textured()
        assert watch(0, 50, empty) == (10 / DESERTED_S if live else 50)
        present = True
        entered = empty.copy()
        cv2.rectangle(entered, (80, 60), (200, 180), (255, 255, 255), -1)
        assert watch(50, 10, entered) == 10  # in the very frame in which it moved, and as long as there is a face
        judge.close()
