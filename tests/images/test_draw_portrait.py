from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edgefake.faces.haar import HaarFinder
from tests.images.draw_portrait import draw_portrait


def test_the_script_draws_the_committed_picture(portrait: Path) -> None:
    drawn, committed = draw_portrait(), cv2.imread(str(portrait))
    assert drawn.shape == committed.shape == (600, 480, 3)
    difference = cv2.absdiff(cv2.GaussianBlur(drawn, (0, 0), 2.0), cv2.GaussianBlur(committed, (0, 0), 2.0))
    # JPEG moves colours by a step or two; a changed drawing moves whole regions by tens.
    assert difference.mean() < 1.0
    assert np.percentile(difference, 99.9) < 8


def test_drawing_is_deterministic() -> None:
    assert np.array_equal(draw_portrait(), draw_portrait())


def test_portrait_shows_one_face_in_its_middle(portrait: Path) -> None:
    (found,) = HaarFinder().find(cv2.imread(str(portrait)))
    face = found.box
    assert face.size >= 120
    assert abs(face.x + face.width / 2 - 240) < 20


def test_portrait_is_small_enough_to_ship(portrait: Path) -> None:
    assert portrait.stat().st_size <= 100_000
