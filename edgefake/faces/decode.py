"""What the numbers of the face finder's network mean: cells to boxes, scores and landmarks, and one box per face.

The network divides a picture into cells of 8, 16 and 32 pixels. A cell of stride s with its middle at (x, y) gives ``class`` and
``objectness`` logits, whose probabilities' geometric mean is the score (Wu et al. 2023); a box (dx, dy, log w, log h), its centre
at (x + s·dx, y + s·dy), its sides s·w and s·h (Ge et al. 2021); and five points likewise (dx, dy each), in the order of
``edgefake.faces.Landmarks``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from edgefake.faces.geometry import NESTED

Floats = npt.NDArray[np.float32]

STRIDES = (8, 16, 32)
SCORE, BOX, POINTS = 2, 4, 10
"""Numbers per cell."""
OUTPUTS = tuple(f"{what}_{stride}" for stride in STRIDES for what in ("score", "box", "points"))
"""What the network's outputs are called in its card: (N, H/s, W/s, ``SCORE``), ``BOX``, ``POINTS`` for each stride s."""
LARGEST = 5.0
"""Of log w and log h, so that an untrained network gives no infinite boxes."""
OVERLAP = 0.45
"""Intersection over union from which two boxes are of one face."""
SHARP = 32.0
"""Longer side in pixels of the input from which a box is as exact as larger ones."""
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

    def only(self, which: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Found:
        """Some of them."""
        return Found(self.boxes[which], self.scores[which], self.points[which])


@lru_cache(16)
def cells(height: int, width: int) -> Floats:
    """The cells of an input of this size, (cells, 3): x and y of the middle and the stride, stride by stride and row by row."""
    grids = []
    for stride in STRIDES:
        y, x = np.mgrid[0 : height // stride, 0 : width // stride]
        grids.append(np.stack([(x + 0.5) * stride, (y + 0.5) * stride, np.full(x.shape, stride)], axis=-1).reshape(-1, 3))
    found: Floats = np.concatenate(grids).astype(np.float32)
    return found


def scores(logits: Floats) -> Floats:
    """Scores (…) of class and objectness logits (…, 2)."""
    probabilities = 1.0 / (1.0 + np.exp(-np.clip(logits, -50, 50)))
    return np.asarray(np.sqrt(probabilities[..., 0] * probabilities[..., 1]), np.float32)


def boxes(values: Floats, at: Floats) -> Floats:
    """Boxes (…, 4), x y w h, of what cells ``at`` (…, 3) say, (…, 4)."""
    stride = at[..., 2:]
    sides = np.exp(np.minimum(values[..., 2:], LARGEST)) * stride
    corner: Floats = values[..., :2] * stride + at[..., :2] - sides / 2
    return np.concatenate([corner, sides], axis=-1)


def points(values: Floats, at: Floats) -> Floats:
    """Points (…, 5, 2) of what cells ``at`` (…, 3) say, (…, 10)."""
    shaped: Floats = values.reshape(*values.shape[:-1], 5, 2)
    return shaped * at[..., None, 2:] + at[..., None, :2]


def faces(outputs: Mapping[str, Floats], height: int, width: int, *, min_score: float) -> Found:
    """The faces in a picture of this size, one box each.

    ``outputs`` are the network's for one picture, by the names of ``OUTPUTS``, without the axis N.
    """
    logits = _rows(outputs, "score", SCORE)
    # Neither probability is below the square of their geometric mean: most cells are out before anything is computed.
    square = min(min_score**2, 1.0 - 1e-9)
    least = math.log(square / (1.0 - square)) - 1e-3 if square > 1e-20 else -math.inf
    likely = np.flatnonzero((logits[:, 0] >= least) & (logits[:, 1] >= least))
    found = scores(logits[likely])
    best = np.flatnonzero(found >= min_score)
    best = best[np.argsort(-found[best], kind="stable")][:MOST]
    which = likely[best]
    if not len(which):
        return _NOTHING
    at = cells(height, width)[which]
    placed = boxes(_rows(outputs, "box", BOX)[which], at)
    kept = one_each(placed)
    return Found(placed[kept], found[best][kept], points(_rows(outputs, "points", POINTS)[which[kept]], at[kept]))


_NOTHING = Found(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))


def _rows(outputs: Mapping[str, Floats], what: str, numbers: int) -> Floats:
    """An output of all strides, (cells, ``numbers``), in the order of ``cells``."""
    return np.concatenate([outputs[f"{what}_{stride}"].reshape(-1, numbers) for stride in STRIDES])


def joined(parts: list[Found], seen: list[Floats], *, sure: float) -> Found:
    """The faces of several searches of one picture, one box each, best first.

    ``seen`` are the longer sides of the boxes of each part as the network saw them, (N,) in pixels of its input: of the boxes of
    one face, one that is smaller there than ``SHARP`` counts less, for it is less exact. Scores from ``sure`` on go
    before others.
    """
    if len(parts) == 1:
        return parts[0]
    together = Found(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("boxes", "scores", "points")))
    worth = together.scores * np.minimum(np.concatenate(seen) / SHARP, 1) + (together.scores >= sure)
    ranked = together.only(np.argsort(-worth, kind="stable")[:MOST])
    kept = ranked.only(one_each(ranked.boxes))
    return kept.only(np.argsort(-kept.scores, kind="stable"))


def one_each(found: Floats) -> npt.NDArray[np.intp]:
    """Which of these boxes (N, 4), best first, to keep: none overlaps a better one, lies in it or around it (see ``NESTED``)."""
    if len(found) == 1:
        return np.zeros(1, np.intp)
    common = intersections(found, found)
    area = found[:, 2] * found[:, 3]
    same = common > OVERLAP * (area[:, None] + area[None] - common)
    same |= common > NESTED * np.minimum(area[:, None], area[None])
    kept: list[int] = []
    dropped = np.zeros(len(found), np.bool_)
    while not dropped.all():
        index = int(dropped.argmin())  # the best that is left
        kept.append(index)
        dropped |= same[index]
        dropped[index] = True  # though it be empty
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
