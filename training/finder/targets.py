"""What the cells of a picture are to say, and how wrong they are: SimOTA's assignment and the losses.

Assignment: Ge et al. 2021 (YOLOX); losses: cross-entropy for class and objectness, EIoU for boxes (Zhang et al. 2021), smooth L1
for points, as YuNet's (Wu et al. 2023).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from edgefake.faces import decode
from edgefake.faces.decode import Floats

NEAR = 2.5
"""Cells whose middle lies within so many strides of a face's, or inside its box, may be assigned to it."""
IOU_COST = 3.0
FAR_COST = 1e4
"""Added where a cell's middle lies not both in the box and near its centre."""
CANDIDATES = 10
"""A face gets as many cells as the IoUs of its so many best add up to."""
WEIGHTS = {"class": 1.0, "object": 1.0, "box": 5.0, "points": 0.5}
SMOOTH = 0.1
"""Of the smooth L1 loss, in sizes of the face."""

FACE, IGNORED, PADDING = 1, 0, -1
"""Kinds of boxes; what lies in an ignored one is neither face nor background."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """Which face each cell of a picture is to report."""

    face: npt.NDArray[np.int32]
    """(cells,): index of the face, -1 for none."""
    iou: Floats
    """(cells,): of what the cell says now with its face; 0 for none."""
    counts: npt.NDArray[np.bool_]
    """(cells,): False in ignored boxes, unless the cell has a face."""


def assign(values: Floats, at: Floats, boxes: Floats, kinds: npt.NDArray[np.int32]) -> Assigned:
    """Assign cells to faces by what they say now.

    Args:
        values: float (cells, 16), a row of ``network.flat``.
        at: ``decode.cells`` of the picture.
        boxes: float (G, 4), x y w h.
        kinds: int (G,), ``FACE`` or ``IGNORED``; others are left out.
    """
    result = Assigned(np.full(len(at), -1, np.int32), np.zeros(len(at), np.float32), ~_inside(at, boxes[kinds == IGNORED]).any(0))
    faces = np.flatnonzero(kinds == FACE)
    if not len(faces):
        return result
    inside, near = _inside(at, boxes[faces]), _near(at, boxes[faces])
    candidates = np.flatnonzero((inside | near).any(0))
    if not len(candidates):
        return result
    said = values[candidates]
    iou = decode.overlaps(boxes[faces], decode.boxes(said[:, 2:6], at[candidates]))
    cost = -np.log(decode.scores(said[:, :2]) + 1e-8)[None] - IOU_COST * np.log(iou + 1e-8)
    cost = cost + FAR_COST * ~(inside & near)[:, candidates]
    chosen = np.zeros(iou.shape, np.bool_)
    best = -np.sort(-iou, axis=1)[:, :CANDIDATES]
    for row, count in enumerate(np.maximum(best.sum(1).astype(int), 1)):
        chosen[row, np.argpartition(cost[row], count - 1)[:count]] = True
    owner = np.where(chosen, cost, np.inf).argmin(0)  # where several want a cell, it goes to the cheapest
    taken = chosen.any(0)
    cells = candidates[taken]
    result.face[cells] = faces[owner[taken]]
    result.iou[cells] = iou[owner[taken], np.flatnonzero(taken)]
    result.counts[cells] = True
    return result


def _inside(at: Floats, boxes: Floats) -> npt.NDArray[np.bool_]:
    """Which middles of cells lie in which boxes: (G, cells)."""
    offset = at[None, :, :2] - boxes[:, None, :2]
    return ((offset > 0) & (offset < boxes[:, None, 2:])).all(-1)  # type: ignore[no-any-return]


def _near(at: Floats, boxes: Floats) -> npt.NDArray[np.bool_]:
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    return (np.abs(at[None, :, :2] - centres[:, None]) < NEAR * at[None, :, 2:]).all(-1)  # type: ignore[no-any-return]


def assign_batch(
    values: Floats, boxes: Floats, points: Floats, kinds: npt.NDArray[np.int32], height: int, width: int
) -> tuple[npt.NDArray[Any], ...]:
    """``assign`` for each picture of a batch, as the arrays that ``losses`` takes.

    Args:
        values: float (N, cells, 16).
        boxes, points, kinds: (N, G, 4), (N, G, 5, 2) with NaN for unknown, (N, G).

    Returns:
        which (P, 2) int32, picture and cell of every cell with a face; their boxes (P, 4), points (P, 5, 2) and IoUs (P,);
        counts (N, cells) float32, 0 for cells that are ignored.
    """
    at = decode.cells(int(height), int(width))
    assigned = [assign(*row) for row in zip(values, [at] * len(values), boxes, kinds, strict=True)]
    faces = np.stack([a.face for a in assigned])
    picture, cell = np.nonzero(faces >= 0)
    face = faces[picture, cell]
    return (
        np.stack([picture, cell], axis=1).astype(np.int32),
        boxes[picture, face],
        points[picture, face],
        np.stack([a.iou for a in assigned])[picture, cell],
        np.stack([a.counts for a in assigned]).astype(np.float32),
    )


def losses(values: Any, at: Any, which: Any, boxes: Any, points: Any, iou: Any, counts: Any) -> dict[str, Any]:
    """Losses by name, scalars, per cell with a face: ``class``, ``object``, ``box``, ``points``; unweighted.

    Args:
        values: float (N, cells, 16), a row of ``network.flat`` per picture.
        at: ``decode.cells``.
        which, boxes, points, iou, counts: of ``assign_batch``.
    """
    positives = tf.maximum(tf.cast(tf.shape(which)[0], tf.float32), 1.0)
    said, here = tf.gather_nd(values, which), tf.gather(at, which[:, 1])
    wanted = tf.scatter_nd(which, tf.ones_like(iou), tf.cast(tf.shape(counts), which.dtype))
    crossing = tf.nn.sigmoid_cross_entropy_with_logits
    stride = here[:, 2:]
    sides = tf.exp(tf.minimum(said[:, 4:6], decode.LARGEST)) * stride
    box = tf.concat([said[:, 2:4] * stride + here[:, :2] - sides / 2, sides], axis=-1)
    return {
        "class": tf.reduce_sum(crossing(iou, said[:, 0])) / positives,  # the quality of the box is what the class promises
        "object": tf.reduce_sum(counts * crossing(wanted, values[..., 1])) / positives,
        "box": tf.reduce_sum(eiou(box, boxes)) / positives,
        "points": tf.reduce_sum(_point_loss(said[:, 6:], here, boxes, points)) / positives,
    }


def eiou(a: Any, b: Any) -> Any:
    """The EIoU loss (P,) of boxes (P, 4), x y w h: 1 - IoU, and the squared distances of centres and sides, relative to the
    smallest box around both."""
    low, high = tf.maximum(a[:, :2], b[:, :2]), tf.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])
    common = tf.reduce_prod(tf.maximum(high - low, 0.0), axis=-1)
    union = tf.reduce_prod(a[:, 2:], axis=-1) + tf.reduce_prod(b[:, 2:], axis=-1) - common
    around = tf.maximum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:]) - tf.minimum(a[:, :2], b[:, :2])
    apart = (a[:, :2] + a[:, 2:] / 2) - (b[:, :2] + b[:, 2:] / 2)
    diagonal = tf.reduce_sum(around**2, axis=-1)
    sides = tf.reduce_sum(((a[:, 2:] - b[:, 2:]) / tf.maximum(around, 1e-6)) ** 2, axis=-1)
    return 1.0 - common / tf.maximum(union, 1e-6) + tf.reduce_sum(apart**2, axis=-1) / tf.maximum(diagonal, 1e-6) + sides


def _point_loss(said: Any, here: Any, boxes: Any, points: Any) -> Any:
    """Smooth L1 (P,) of the ten numbers in sizes of the face; 0 where the points are not known."""
    known = tf.logical_not(tf.math.is_nan(points))
    at, size = here[:, None, :2], tf.reduce_max(boxes[:, 2:], axis=-1)[:, None, None]
    off = tf.reshape(said, (-1, 5, 2)) * here[:, None, 2:] + at - tf.where(known, points, 0.0)
    off = tf.where(known, tf.abs(off) / size, 0.0)
    smooth = tf.where(off < SMOOTH, off**2 / (2 * SMOOTH), off - SMOOTH / 2)
    return tf.reduce_sum(smooth, axis=(1, 2))
