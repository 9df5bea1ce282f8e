"""What the network's numbers mean: faces written as numbers by hand come back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefake.faces import decode
from edgefake.faces.decode import BOX, OUTPUTS, POINTS, SCORE, STRIDES, Found

HEIGHT, WIDTH = 128, 160
AT = decode.cells(HEIGHT, WIDTH)


def silent() -> dict[str, np.ndarray]:
    """The outputs of a network that sees nothing."""
    numbers = {"score": SCORE, "box": BOX, "points": POINTS}
    shapes = {f"{what}_{stride}": (HEIGHT // stride, WIDTH // stride, numbers[what]) for stride in STRIDES for what in numbers}
    return {name: np.full(shapes[name], -9.0, np.float32) for name in OUTPUTS}


def say(outputs: dict[str, np.ndarray], cell: int, box: np.ndarray, points: np.ndarray, logit: float) -> None:
    """Let ``cell`` tell of a face: the inverse of decoding, by hand."""
    x, y, stride = AT[cell]
    row, column = int(y // stride), int(x // stride)
    middle = box[:2] + box[2:] / 2
    outputs[f"score_{stride:.0f}"][row, column] = logit
    outputs[f"box_{stride:.0f}"][row, column] = [*((middle - (x, y)) / stride), *np.log(box[2:] / stride)]
    outputs[f"points_{stride:.0f}"][row, column] = ((points - (x, y)) / stride).ravel()


def test_what_cells_of_every_stride_say_of_a_face_comes_back_as_one_box_with_its_points() -> None:
    box, points = np.array([30.0, 20.0, 44.0, 60.0], np.float32), np.arange(10, dtype=np.float32).reshape(5, 2) * 7
    outputs = silent()
    for cell in np.flatnonzero((np.abs(AT[:, :2] - (52, 50)) < 20).all(1)):
        say(outputs, int(cell), box, points, 6.0)
    found = decode.faces(outputs, HEIGHT, WIDTH, min_score=0.5)
    np.testing.assert_allclose(found.boxes, box[None], atol=1e-3)
    np.testing.assert_allclose(found.points, points[None], atol=1e-3)
    assert found.scores == pytest.approx([1 / (1 + np.exp(-6.0))])


def test_the_score_is_the_geometric_mean_of_both_probabilities() -> None:
    odds = np.log(np.array([[0.9, 0.4], [0.2, 0.2]]) / (1 - np.array([[0.9, 0.4], [0.2, 0.2]])))
    np.testing.assert_allclose(decode.scores(odds), [0.6, 0.2], atol=1e-6)


@given(st.floats(0.0, 1.0), st.integers(0, 2**32))
@settings(deadline=None)
def test_leaving_cells_out_early_loses_no_face(min_score: float, seed: int) -> None:
    outputs = silent()
    rng = np.random.default_rng(seed)
    for stride in STRIDES:
        outputs[f"score_{stride}"] = rng.normal(0, 4, outputs[f"score_{stride}"].shape).astype(np.float32)
    logits = np.concatenate([outputs[f"score_{stride}"].reshape(-1, SCORE) for stride in STRIDES])
    every = decode.scores(logits)
    found = decode.faces(outputs, HEIGHT, WIDTH, min_score=min_score)
    assert (found.scores >= min_score).all()
    if (every >= min_score).any():
        assert found.scores[0] == every.max()  # the best suppresses others, and is suppressed by none
    else:
        assert not len(found.scores)


def test_overlapping_and_nested_boxes_are_one_face_and_neighbours_are_two() -> None:
    boxes = np.array([[0, 0, 100, 100], [10, 5, 95, 100], [30, 30, 30, 30], [150, 0, 100, 100], [110, 0, 60, 100]], np.float32)
    assert decode.one_each(boxes).tolist() == [0, 3, 4]
    assert decode.one_each(boxes[[2, 0]]).tolist() == [0]  # the better one is the nested one
    assert decode.one_each(boxes[:1]).tolist() == [0]
    assert decode.one_each(boxes[:0]).tolist() == []
    assert decode.one_each(np.zeros((3, 4), np.float32)).tolist() == [0, 1, 2]  # it ends, though they be empty


def test_several_searches_of_one_picture_are_joined_best_first() -> None:
    def found(*rows: tuple[float, float]) -> Found:
        boxes = np.array([(x, 0, 20, 20) for x, _ in rows], np.float32).reshape(-1, 4)
        return Found(boxes, np.array([score for _, score in rows], np.float32), np.zeros((len(rows), 5, 2), np.float32))

    def seen(*sides: float) -> decode.Floats:
        return np.array(sides, np.float32)

    parts = [found((0, 0.9), (100, 0.5)), found(), found((102, 0.8), (300, 0.6))]
    both = decode.joined(parts, [seen(40, 40), seen(), seen(40, 40)], sure=0.5)
    assert both.boxes[:, 0].tolist() == [0, 102, 300]
    assert both.scores.tolist() == pytest.approx([0.9, 0.8, 0.6])
    assert not len(decode.joined([found(), found()], [seen(), seen()], sure=0.5).scores)
    exact = decode.joined(
        parts, [seen(40, 40), seen(), seen(10, 40)], sure=0.5
    )  # the higher score is of a box that was hardly seen
    assert exact.boxes[:, 0].tolist() == [0, 300, 100]
    assert exact.scores.tolist() == pytest.approx([0.9, 0.6, 0.5])
    surest = decode.joined(parts, [seen(40, 40), seen(), seen(10, 40)], sure=0.7)  # but 0.5 is no face to a stream
    assert surest.boxes[:, 0].tolist() == [0, 102, 300]


def test_an_untrained_network_gives_no_infinite_boxes() -> None:
    outputs = {name: np.full_like(output, 1e4) for name, output in silent().items()}
    assert np.isfinite(decode.faces(outputs, HEIGHT, WIDTH, min_score=0.0).boxes).all()


def test_overlaps_of_known_boxes() -> None:
    a = np.array([[0, 0, 10, 10]], np.float32)
    b = np.array([[0, 0, 10, 10], [5, 0, 10, 10], [20, 20, 5, 5]], np.float32)
    np.testing.assert_allclose(decode.overlaps(a, b), [[1.0, 1 / 3, 0.0]], atol=1e-6)
