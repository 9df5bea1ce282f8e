from __future__ import annotations

import numpy as np
import pytest

from training.finder import decode
from training.finder.targets import FACE, assign


def _encoded(boxes: np.ndarray, points: np.ndarray, at: np.ndarray) -> np.ndarray:
    """What the cells ``at`` would say of these faces: the inverse, by hand."""
    stride = at[:, 2:]
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    places = (points - at[:, None, :2]) / at[:, None, 2:]
    rows = [np.full((len(at), 2), 6.0), (centres - at[:, :2]) / stride, np.log(boxes[:, 2:] / stride), places.reshape(-1, 10)]
    return np.concatenate(rows, axis=1).astype(np.float32)


def test_what_cells_say_of_a_face_comes_back_as_one_box_with_its_points() -> None:
    at = decode.cells(128, 160)
    box, points = np.array([30.0, 20.0, 44.0, 60.0], np.float32), np.arange(10, dtype=np.float32).reshape(5, 2) * 7
    values = np.full((len(at), decode.VALUES), -9.0, np.float32)
    face = assign(np.zeros((len(at), 16), np.float32), at, box[None], np.array([FACE], np.int32)).face >= 0
    count = int(face.sum())
    assert count
    values[face] = _encoded(np.tile(box, (count, 1)), np.tile(points, (count, 1, 1)), at[face])
    found = decode.faces(values, 128, 160, min_score=0.5)
    np.testing.assert_allclose(found.boxes, box[None], atol=1e-3)
    np.testing.assert_allclose(found.points, points[None], atol=1e-3)
    assert found.scores == pytest.approx([1 / (1 + np.exp(-6.0))])


def test_the_score_is_the_geometric_mean_of_both_probabilities() -> None:
    odds = np.log(np.array([[0.9, 0.4], [0.2, 0.2]]) / (1 - np.array([[0.9, 0.4], [0.2, 0.2]])))
    np.testing.assert_allclose(decode.scores(odds), [0.6, 0.2], atol=1e-6)


def test_overlapping_and_nested_boxes_are_one_face_and_neighbours_are_two() -> None:
    boxes = np.array([[0, 0, 100, 100], [10, 5, 95, 100], [30, 30, 30, 30], [150, 0, 100, 100], [110, 0, 60, 100]], np.float32)
    assert decode.one_per_face(boxes).tolist() == [0, 3, 4]
    assert decode.one_per_face(boxes[[2, 0]]).tolist() == [0]  # the better one is the nested one
    assert decode.one_per_face(boxes[:0]).tolist() == []


def test_an_untrained_network_gives_no_infinite_boxes() -> None:
    values = np.full((len(decode.cells(32, 32)), decode.VALUES), 1e4, np.float32)
    found = decode.faces(values, 32, 32, min_score=0.0)
    assert np.isfinite(found.boxes).all()


def test_overlaps_of_known_boxes() -> None:
    a = np.array([[0, 0, 10, 10]], np.float32)
    b = np.array([[0, 0, 10, 10], [5, 0, 10, 10], [20, 20, 5, 5]], np.float32)
    np.testing.assert_allclose(decode.overlaps(a, b), [[1.0, 1 / 3, 0.0]], atol=1e-6)
