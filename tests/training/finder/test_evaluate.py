from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake.faces.decode import Found
from edgefake.faces.search import reduced
from edgefake.images import read_image
from training.finder.data import Photo
from training.finder.evaluate import (
    Picture,
    average_precision,
    compare,
    evaluate,
    false_per_100,
    framing,
    judged,
    pairs_of,
    recall,
    score_at,
)


def _found(*rows: tuple[float, float, float, float, float]) -> Found:
    values = np.array(rows, np.float32).reshape(-1, 5)
    return Found(values[:, :4], values[:, 4], np.zeros((len(values), 5, 2), np.float32))


def _picture(scores: list[float], hits: list[bool], given: int) -> Picture:
    return Picture(np.array(scores, np.float32), np.array(hits, np.bool_), given, not given)


BOXES = np.array([[0, 0, 40, 40], [100, 0, 40, 40], [200, 0, 10, 10], [300, 0, 40, 40]], np.float32)
SURE = np.array([True, True, True, False])


def test_each_given_face_is_found_once_and_ignored_ones_count_neither_way() -> None:
    found = _found((0, 0, 40, 38, 0.9), (1, 1, 40, 40, 0.8), (300, 0, 38, 40, 0.7), (305, 5, 10, 10, 0.6), (500, 0, 40, 40, 0.5))
    got = compare(found, BOXES, SURE)
    np.testing.assert_allclose(got.scores, [0.9, 0.8, 0.5])
    assert got.hits.tolist() == [True, False, False]
    assert (got.given, got.faceless) == (3, False)


def test_small_faces_and_boxes_are_left_out_of_the_figures_of_large_ones() -> None:
    got = compare(_found((200, 0, 10, 10, 0.9), (400, 0, 8, 8, 0.8), (100, 0, 40, 40, 0.7)), BOXES, SURE, least=32)
    assert got.hits.tolist() == [True]
    assert got.given == 2


def test_pictures_without_faces_or_finds() -> None:
    none = np.zeros((0, 4), np.float32), np.zeros(0, np.bool_)
    got = compare(_found((0, 0, 9, 9, 0.3)), *none)
    assert (got.hits.tolist(), got.given, got.faceless) == ([False], 0, True)
    assert len(compare(_found(), BOXES, SURE).scores) == 0


def test_figures_of_known_rankings() -> None:
    pictures = [_picture([0.9, 0.6], [True, False], 2), _picture([0.8, 0.5], [False, True], 2)]
    # precision at the hits: 1/1 and 2/4, each adding a quarter of recall
    assert average_precision(pictures) == pytest.approx(0.25 * 1 + 0.25 * 0.5)
    assert recall(pictures, 0.5) == 0.5
    assert recall(pictures, 0.6) == 0.25
    assert false_per_100(pictures, 0.7) == 50
    assert average_precision([_picture([0.9, 0.8], [True, True], 2)]) == 1
    assert math.isnan(average_precision([_picture([0.9], [False], 0)]))


def test_the_score_of_a_false_box_rate() -> None:
    faceless = [_picture([0.9], [False], 0), _picture([0.7, 0.4], [False, False], 0)] + [_picture([], [], 0)] * 98
    for allowed in (0, 1, 2):
        assert false_per_100(faceless, score_at(faceless, allowed)) == allowed
    assert score_at(faceless, 3) == 0


def test_framing_tells_offset_and_size() -> None:
    reference = _found((0, 0, 100, 80, 0.9), (200, 0, 50, 50, 0.85), (400, 0, 50, 50, 0.5))
    own = _found((10, 0, 100, 80, 0.9), (200, 0, 60, 60, 0.7), (400, 0, 50, 50, 0.9), (0, 0, 100, 80, 0.1))
    pairs = pairs_of(own, reference, score=0.5)
    assert len(pairs) == 2  # the third is not sure enough for a reference
    got = framing(pairs)
    assert got is not None
    assert got.x[1] == pytest.approx(0.1)
    assert got.size[1] == pytest.approx(1.1)
    assert framing(pairs[:0]) is None


def test_every_finder_meets_the_same_pictures_at_one_size(tmp_path: Path) -> None:
    photos = []
    for index, side in enumerate((50, 100, 80)):
        path = tmp_path / f"{index}.png"
        cv2.imwrite(str(path), np.full((side // 2, side, 3), index, np.uint8))
        boxes = np.array([[side / 4, 0, side / 4, side / 4]] if index else np.zeros((0, 4)), np.float32)
        photos.append(Photo(path, "val", boxes, np.zeros((len(boxes), 5, 2), np.float32), np.ones(len(boxes), np.bool_)))
    picture, boxes = judged(photos[1], 200)
    assert picture.shape == (100, 200, 3)
    np.testing.assert_allclose(boxes, [[50, 0, 50, 50]])
    np.testing.assert_array_equal(judged(photos[1], 30)[0], reduced(read_image(photos[1].path), 30, 15))

    def right(picture: np.ndarray) -> Found:
        return _found((50, 0, 50, 50, 0.9)) if picture[0, 0, 0] else _found()

    def wrong(picture: np.ndarray) -> Found:
        return _found((120, 0, 50, 50, 0.9), (120, 60, 20, 20, 0.2))

    reports = evaluate({"right": (right, 0.5), "wrong": (wrong, 0.5)}, photos, reference=right, side=200)
    assert (reports["right"].pictures, reports["right"].faces) == (3, 2)
    good, bad = (reports[name].figures for name in ("right", "wrong"))
    assert (good["ap"].value, good["ap_large"].value, good["false_per_100_faceless@0.5"].value) == (1, 1, 0)
    assert (bad["ap"].value, bad["recall@0.5"].value, bad["false_per_100_faceless@0.5"].value) == (0, 0, 100)
    assert good["ap"].low == good["ap"].high == 1
    assert reports["right"].framing is not None
    assert reports["right"].framing.faces == 2
    assert reports["wrong"].framing is None
