"""What the network's numbers mean: cells to boxes, scores and landmarks, and one box per face.

A cell of stride s with its middle at (x, y) gives ``class`` and ``objectness`` logits, whose probabilities' geometric mean is the
score (Wu et al. 2023); a box (dx, dy, log w, log h), its centre at (x + s·dx, y + s·dy), its sides s·w and s·h (Ge et al. 2021);
and five points likewise (dx, dy each): right eye, left eye, nose, right and left corner of the mouth, the person's right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from edgefake.faces.geometry import NESTED
from training.finder.network import STRIDES

Floats = npt.NDArray[np.float32]
VALUES = 16
"""Numbers per cell, in this order: 2 logits, 4 of the box, 10 of the points."""
LARGEST = 5.0
"""Of log w and log h, so that an untrained network gives no infinite boxes."""
OVERLAP = 0.45
"""Intersection over union from which two boxes are of one face."""
MOST = 1000
"""Boxes of the highest scores that suppression looks at."""


@dataclass(frozen=True, slots=True)
class Found:
    """Faces of one picture, best first, in its pixels."""

    boxes: Floats
    """(N, 4): x, y of the top-left corner, width, height; may reach outside the picture."""
    scores: Floats
    """(N,), 0…1."""
    points: Floats
    """(N, 5, 2)."""


@cache
def cells(height: int, width: int) -> Floats:
    """The cells of an input of this size, (cells, 3): x and y of the middle and the stride, in the order of ``flat``."""
    grids = []
    for stride in STRIDES:
        y, x = np.mgrid[0 : height // stride, 0 : width // stride]
        grids.append(np.stack([(x + 0.5) * stride, (y + 0.5) * stride, np.full(x.shape, stride)], axis=-1).reshape(-1, 3))
    return np.concatenate(grids).astype(np.float32)


def flat(outputs: Sequence[Any]) -> Any:
    """The outputs of ``network.build`` (TensorFlow's or NumPy's arrays) as one float array (N, cells, ``VALUES``)."""
    import tensorflow as tf

    maps = [tf.concat(outputs[i : i + 3], axis=-1) for i in range(0, len(outputs), 3)]
    return tf.concat([tf.reshape(x, (tf.shape(x)[0], -1, VALUES)) for x in maps], axis=1)


def scores(logits: Floats) -> Floats:
    """Scores (…) of class and objectness logits (…, 2)."""
    probabilities = 1.0 / (1.0 + np.exp(-np.clip(logits, -50, 50)))
    return np.sqrt(probabilities[..., 0] * probabilities[..., 1])  # type: ignore[no-any-return]


def boxes(values: Floats, at: Floats) -> Floats:
    """Boxes (…, 4), x y w h, of what cells ``at`` (…, 3) say, (…, 4)."""
    stride = at[..., 2:]
    sides = np.exp(np.minimum(values[..., 2:], LARGEST)) * stride
    return np.concatenate([values[..., :2] * stride + at[..., :2] - sides / 2, sides], axis=-1)


def points(values: Floats, at: Floats) -> Floats:
    """Points (…, 5, 2) of what cells ``at`` (…, 3) say, (…, 10)."""
    shaped = values.reshape(*values.shape[:-1], 5, 2)
    return shaped * at[..., None, 2:] + at[..., None, :2]


def faces(values: Floats, height: int, width: int, *, min_score: float) -> Found:
    """The faces in one row of ``flat``, (cells, ``VALUES``), of an input of this size, one box each."""
    found = scores(values[:, :2])
    best = np.flatnonzero(found >= min_score)
    best = best[np.argsort(-found[best], kind="stable")][:MOST]
    at = cells(height, width)[best]
    placed = boxes(values[best, 2:6], at)
    kept = one_per_face(placed)
    return Found(placed[kept], found[best][kept], points(values[best, 6:], at)[kept])


def one_per_face(found: Floats) -> npt.NDArray[np.intp]:
    """Which of these boxes (N, 4), best first, to keep: none overlaps a better one, lies in it or around it (see ``NESTED``)."""
    common = intersections(found, found)
    area = found[:, 2] * found[:, 3]
    union = area[:, None] + area[None] - common
    same = (common > OVERLAP * union) | (common > NESTED * np.minimum(area[:, None], area[None]))
    kept: list[int] = []
    dropped = np.zeros(len(found), np.bool_)
    for index in range(len(found)):
        if not dropped[index]:
            kept.append(index)
            dropped |= same[index]
    return np.array(kept, np.intp)


def intersections(a: Floats, b: Floats) -> Floats:
    """Common areas (A, B) of boxes (A, 4) and (B, 4)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    return np.prod(np.maximum(high - low, 0), axis=-1)  # type: ignore[no-any-return]


def overlaps(a: Floats, b: Floats) -> Floats:
    """Intersections over unions (A, B) of boxes (A, 4) and (B, 4)."""
    common = intersections(a, b)
    areas = (a[:, 2] * a[:, 3])[:, None] + (b[:, 2] * b[:, 3])[None]
    return common / np.maximum(areas - common, 1e-9)  # type: ignore[no-any-return]
