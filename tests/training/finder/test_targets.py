from __future__ import annotations

import numpy as np
import pytest

from edgefake.faces import decode
from training.finder.network import VALUES
from training.finder.targets import FACE, IGNORED, PADDING, assign, assign_batch, eiou, losses

AT = decode.cells(128, 128)


def _silent() -> np.ndarray:
    return np.zeros((len(AT), VALUES), np.float32)


def _assigned(boxes: list[list[float]], kinds: list[int], values: np.ndarray | None = None):  # type: ignore[no-untyped-def]
    return assign(_silent() if values is None else values, AT, np.array(boxes, np.float32), np.array(kinds, np.int32))


def test_a_face_gets_cells_around_its_middle_and_a_small_one_at_least_one() -> None:
    large = _assigned([[32, 32, 64, 64]], [FACE])
    cells = AT[large.face == 0]
    assert len(cells)
    assert (np.abs(cells[:, :2] - 64) < 2.5 * cells[:, 2:]).all()
    assert np.all(large.iou[large.face == 0] > 0)
    assert np.all(large.iou[large.face < 0] == 0)
    tiny = _assigned([[61, 61, 6, 6]], [FACE])
    assert (tiny.face == 0).sum() >= 1


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_the_cell_whose_box_fits_best_is_chosen(stride: int) -> None:
    centre = (64 // stride + 0.5) * stride  # a silent cell says a box of its own stride around its middle
    found = _assigned([[centre - stride / 2, centre - stride / 2, stride, stride]], [FACE])
    best = found.iou.argmax()
    assert found.iou[best] == pytest.approx(1.0)
    assert found.face[best] == 0
    assert AT[best].tolist() == [centre, centre, stride]


def test_every_cell_has_one_face_and_every_face_a_cell() -> None:
    found = _assigned([[20, 30, 40, 50], [50, 30, 40, 50]], [FACE, FACE])
    assert {0, 1} <= set(found.face.tolist())
    left, right = (AT[found.face == index, 0].mean() for index in (0, 1))
    assert left < right


def test_better_predictions_win_more_cells() -> None:
    values = _silent()
    inside = (np.abs(AT[:, :2] - 64) < 24).all(1) & (AT[:, 2] == 8)
    values[inside, 2:4] = (64 - AT[inside, :2]) / 8
    values[inside, 4:6] = np.log(64 / 8)
    few, many = (_assigned([[32, 32, 64, 64]], [FACE], v) for v in (None, values))
    assert (many.face == 0).sum() == 10 > (few.face == 0).sum()  # ten perfect boxes
    np.testing.assert_allclose(many.iou[many.face == 0], 1.0, atol=1e-5)


def test_ignored_boxes_are_no_faces_and_what_lies_in_them_does_not_count() -> None:
    found = _assigned([[0, 0, 40, 40], [70, 70, 40, 40], [1, 1, 1, 1]], [IGNORED, FACE, PADDING])
    inside = (AT[:, :2] < 40).all(1)
    assert not found.counts[inside].any()
    assert found.counts[~inside].all()
    assert set(found.face.tolist()) == {-1, 1}


def test_a_face_inside_an_ignored_box_is_still_learnt() -> None:
    found = _assigned([[0, 0, 128, 128], [40, 40, 40, 40]], [IGNORED, FACE])
    assert found.counts[found.face == 1].all()
    assert not found.counts[found.face < 0].any()


def test_no_faces_leave_background() -> None:
    found = assign(_silent(), AT, np.zeros((0, 4), np.float32), np.zeros(0, np.int32))
    assert (found.face == -1).all()
    assert found.counts.all()


def test_eiou_of_known_boxes() -> None:
    box = np.array([[0, 0, 10, 10]], np.float32)
    assert eiou(box, box).numpy() == pytest.approx([0.0])
    # moved by half: IoU 1/3, centres 5 apart in a box of 15 × 10 around both
    assert eiou(box, box + np.float32([5, 0, 0, 0])).numpy() == pytest.approx([2 / 3 + 25 / 325])
    # half as wide in the same corner: IoU 1/2, centres 2.5 apart, widths 5 apart of 10
    assert eiou(box, box * np.float32([1, 1, 0.5, 1])).numpy() == pytest.approx([1 / 2 + 6.25 / 200 + 0.25])


def _losses(values: np.ndarray, box: list[float], points: np.ndarray) -> dict[str, float]:
    kinds = np.array([[FACE]], np.int32)
    arrays = assign_batch(values[None], np.array([[box]], np.float32), points[None, None], kinds, 128, 128)
    return {name: float(value) for name, value in losses(values[None], AT, *arrays).items()}


def test_a_perfect_answer_costs_nothing_and_unknown_points_never_do() -> None:
    box, points = [40.0, 40.0, 48.0, 48.0], np.linspace(45, 85, 10).reshape(5, 2).astype(np.float32)
    values = _silent()
    values[:, 2:4] = (64 - AT[:, :2]) / AT[:, 2:]
    values[:, 4:6] = np.log(48 / AT[:, 2:])
    values[:, 6:] = ((points[None] - AT[:, None, :2]) / AT[:, None, 2:]).reshape(-1, 10)
    face = assign(values, AT, np.array([box], np.float32), np.array([FACE], np.int32)).face == 0
    values[:, 0], values[:, 1] = 30, np.where(face, 30, -30)
    for name, value in _losses(values, box, points).items():
        assert value == pytest.approx(0, abs=1e-4), name
    wrong = values.copy()
    wrong[:, 6:] += 1  # by a stride
    assert _losses(wrong, box, points)["points"] > 0.1
    assert _losses(wrong, box, np.full_like(points, np.nan))["points"] == 0


def test_the_losses_of_an_undecided_network() -> None:
    found = _losses(_silent(), [60.0, 60.0, 8.0, 8.0], np.full((5, 2), np.nan, np.float32))
    arrays = assign(_silent(), AT, np.array([[60, 60, 8, 8]], np.float32), np.array([FACE], np.int32))
    positives = int((arrays.face == 0).sum())
    assert found["object"] == pytest.approx(len(AT) * np.log(2) / positives, rel=1e-4)
    assert found["class"] == pytest.approx(np.log(2), rel=1e-4)  # at a logit of 0 whatever the target is
